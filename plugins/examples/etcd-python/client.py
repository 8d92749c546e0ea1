"""Requests to etcd, with a login where the store has one. The token is kept by the host between calls; when etcd
refuses it, exactly that token is given up and one more login is tried. No other retries: when to try again is the
host's decision."""

import json

from componentize_py_types import Err
from wit_world.exports import connection
from wit_world.imports import claviger_plugin_types as claviger
from wit_world.imports import memo

import config
import outgoing
import wire

# Slot of the password, and key of the token in the memo.
PASSWORD, TOKEN = "password", "token"

# etcd's simple tokens live for five minutes.
TOKEN_TTL_MS = 4 * 60 * 1000


class Client:
    """A connected etcd."""

    def __init__(self, session: connection.ConnectInput):
        self.config = config.parse(session.config)
        self.session = session

    def range(self, body: dict, what: str) -> wire.Found:
        """A range request; `what` names it in errors."""
        token = self._token()
        answer = self._post("/v3/kv/range", body, token)
        if isinstance(answer, bytes):
            return wire.found(answer)
        if token is None or not answer.wants_login():
            raise answer.error(what)
        # Only if it is still that token: another call may have logged in again already.
        memo.evict(TOKEN, token.encode())
        token = self._token()
        answer = self._post("/v3/kv/range", body, token)
        if isinstance(answer, bytes):
            return wire.found(answer)
        if token is not None and answer.wants_login():
            # Whoever answers that a credential was refused leaves no token behind.
            memo.evict(TOKEN, token.encode())
        raise answer.error(what)

    def _token(self) -> str | None:
        """The token of the memo, or of a login that all who wait for it share."""
        if self.config.username is None:
            return None
        match memo.begin(TOKEN):
            case memo.Lookup_Hit(entry):
                return entry.value.decode()
            case memo.Lookup_Miss(ticket):
                # Left without `put`, the next who asks may try.
                with ticket:
                    token = self._login()
                    ticket.put(token.encode(), TOKEN_TTL_MS)
                    return token
            case memo.Lookup_Full():
                return self._login()
        raise Err(claviger.Error_Unavailable("another call is still at work on the login"))

    def _login(self) -> str:
        body = {"name": self.config.username, "password": self._password()}
        answer = self._post("/v3/auth/authenticate", body, None)
        if isinstance(answer, bytes):
            return wire.token(answer)
        raise answer.error("login")

    def _password(self) -> str:
        """What the host found at the reference."""
        for slot in self.session.have:
            if slot.slot == PASSWORD and isinstance(slot.value, connection.Resolved_Bytes):
                try:
                    # A line end is the editor's and not the password's.
                    return slot.value.value.decode().rstrip("\r\n")
                except UnicodeDecodeError:
                    raise Err(claviger.Error_Unauthenticated("the password is not text")) from None
        raise Err(claviger.Error_Other("the host gave no password"))

    def _post(self, path: str, body: dict, token: str | None) -> bytes | wire.Refusal:
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = token
        answer = outgoing.send("POST", self.config.endpoint + path, headers, json.dumps(body).encode())
        if 200 <= answer.status < 300:
            return answer.body
        return wire.refusal(answer.status, answer.retry_after_ms, answer.body)
