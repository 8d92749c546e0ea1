"""What goes over the wire: bodies of requests, answers, and errors as the host understands them. The gateway
writes bytes as base64, 64-bit numbers as text, and leaves out what is zero or empty."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass

from componentize_py_types import Err
from wit_world.imports import claviger_plugin_types as claviger

from keys import Range

# Keys of one page.
PAGE = 1000

# gRPC's codes, as far as they make a difference.
DEADLINE_EXCEEDED, PERMISSION_DENIED, RESOURCE_EXHAUSTED = 4, 7, 8
OUT_OF_RANGE, UNAVAILABLE, UNAUTHENTICATED = 11, 14, 16


def query(span: Range, revision: str | None = None, keys_only: bool = False) -> dict:
    """The body of a range request, as of a revision; `keys_only` is a page of keys, without their values."""
    body: dict = {"key": b64encode(span.start).decode()}
    if span.end:
        body["range_end"] = b64encode(span.end).decode()
    if revision is not None:
        body["revision"] = revision
    if keys_only:
        body |= {"keys_only": True, "limit": PAGE}
    return body


@dataclass
class KeyValue:
    """A key with what it holds, and the revision of its last change."""

    key: bytes
    value: bytes
    mod_revision: str


@dataclass
class Found:
    """The answer to a range request: what was found, in order of the keys; whether there is more; etcd's revision
    when it answered."""

    kvs: list[KeyValue]
    more: bool
    revision: str


def found(body: bytes) -> Found:
    """Reads it."""
    try:
        answer = json.loads(body)
        kvs = [
            KeyValue(b64decode(kv["key"]), b64decode(kv.get("value", "")), kv["mod_revision"])
            for kv in answer.get("kvs", [])
        ]
        return Found(kvs, answer.get("more", False), answer["header"]["revision"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise odd() from None


def token(body: bytes) -> str:
    """The token of a login."""
    try:
        return json.loads(body)["token"]
    except (ValueError, KeyError, TypeError):
        raise odd() from None


def odd() -> Err:
    """What answers is not etcd."""
    return Err(claviger.Error_Other("the answer is not etcd's"))


@dataclass
class Refusal:
    """An answer that is no success."""

    status: int
    retry_after_ms: int | None
    code: int = 0
    message: str = ""

    def wants_login(self) -> bool:
        """Has the token ended, so that another login helps? Both when it ran out and when roles have changed since
        it was made."""
        return (
            self.status == 401
            or self.code == UNAUTHENTICATED
            or "invalid auth token" in self.message
            or "revision of auth store is old" in self.message
        )

    def error(self, what: str) -> Err:
        """As an error; `what` is the key, which is no secret."""
        detail = f"{what}: {self.message or f'HTTP {self.status}'}"
        # Logins that fail, and reads without one, are invalid arguments to etcd.
        if self.wants_login() or any(
            words in self.message for words in ("authentication failed", "user name is empty")
        ):
            return Err(claviger.Error_Unauthenticated(detail))
        if self.status == 403 or self.code == PERMISSION_DENIED:
            return Err(claviger.Error_Denied(detail))
        # A revision of the future is not there. One that was compacted away says nothing about the key, and
        # `not-found` may delete a Secret: so it is no such answer.
        if self.code == OUT_OF_RANGE and "compacted" not in self.message:
            return Err(claviger.Error_NotFound(detail))
        if self.status == 429 or self.code == RESOURCE_EXHAUSTED:
            return Err(claviger.Error_RateLimited(claviger.RateLimit(self.retry_after_ms, detail)))
        if self.status >= 500 or self.code in (UNAVAILABLE, DEADLINE_EXCEEDED):
            return Err(claviger.Error_Unavailable(detail))
        # A 404 is a wrong address and no missing key: etcd answers those with an empty list.
        return Err(claviger.Error_Other(detail))


def refusal(status: int, retry_after_ms: int | None, body: bytes) -> Refusal:
    """Reads it; a body that is not etcd's leaves the status to decide."""
    try:
        answer = json.loads(body)
        return Refusal(status, retry_after_ms, int(answer.get("code", 0)), str(answer.get("message", "")))
    except (ValueError, TypeError, AttributeError):
        return Refusal(status, retry_after_ms)
