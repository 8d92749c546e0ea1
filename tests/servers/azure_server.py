"""Azure for the tests: Entra's token endpoint, Key Vault, container registries, and the endpoints of managed identities.

No server of these could be had that can be run here, so this verifies what the real ones verify and shares
no code with what it tests. What each service checks and what it does not is said in its file (`azure_*.py`);
that this answers as Azure does is checked by Azure's own clients and a table of documented answers
(`azure_responses.json`). Requests find their service by path and, if they name one of Azure's hosts, by
that: a path at another service's host is 404. On loopback everything is at one address.

    azure_server.py --port N --issuer URL --jwks FILE --access-log FILE

`POST /_test/...` is for tests alone (`azure_control`); the access log has one JSON object per request,
written before it is answered.
"""

import argparse
import itertools
import json
import os
import socket
import struct
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import azure_entra
import azure_faults
import azure_metadata
import azure_registry
import azure_vault
from azure_control import Control
from azure_directory import Directory, Issuer
from azure_errors import NoSuchPage, Refused, VaultError, host_of, is_loopback
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

METADATA_HOSTS = {"169.254.169.254"}


class Azure:
    """The WSGI application."""

    def __init__(self, issuer: Issuer, log: Path):
        self.directory, self.faults = Directory(issuer), azure_faults.Faults()
        self.entra = azure_entra.Entra(self.directory)
        self.vaults = azure_vault.Vaults(self.directory)
        self.metadata = azure_metadata.Metadata(self.directory)
        self.registries = azure_registry.Registries(self.directory)
        self.control = Control(self)
        self.log, self.lock, self.numbers = log.open("a"), threading.Lock(), itertools.count(1)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        if request.path.startswith("/_test/"):
            return self.control.answer(request)(environ, start_response)
        note: dict[str, Any] = {
            "service": service(request),
            "principal": "",
            "vault": "",
            "action": "",
            "names": [],
        }
        if note["service"] == "vault":
            # So that requests that a fault answers can be told apart too.
            note["vault"], note["names"] = azure_vault.named(request)
        fault = self.faults.next(request)
        if fault is not None:
            time.sleep(fault.delay)
            if fault.reset:
                self.note(request, note, 0)
                return reset(environ)
        if fault is not None and fault.status:
            response = azure_faults.error(fault, note["service"])
        else:
            response = self.answered(request, note)
        self.note(request, note, response.status_code)
        return response(environ, start_response)

    def answered(self, request: Request, note: dict[str, Any]) -> Response:
        """Whatever comes of it."""
        services = {
            "entra": self.entra.answer,
            "vault": self.vaults.answer,
            "metadata": self.metadata.answer,
            "registry": self.registries.answer,
        }
        try:
            if note["service"] not in services:
                raise NoSuchPage()
            with self.directory.lock:
                return services[note["service"]](request, note)
        except Refused as refused:
            return refused.response()
        except Exception:
            traceback.print_exc()
            return VaultError(500, "InternalError", "An error occurred.").response()

    def note(self, request: Request, note: dict[str, Any], status: int) -> None:
        """Into the access log; status 0 stands for a connection that was broken. No parameter, no value."""
        entry = {
            "host": request.host,
            "method": request.method,
            "path": request.path,
            "status": status,
            **note,
        }
        with self.lock:
            print(json.dumps({"number": next(self.numbers), **entry}), file=self.log, flush=True)


def service(request: Request) -> str:
    """Whose a request is; empty: nobody's."""
    host, path = host_of(request), request.path
    loopback = is_loopback(host)
    if path in (azure_metadata.IMDS, azure_metadata.APP_SERVICE):
        return "metadata" if loopback or host in METADATA_HOSTS else ""
    if azure_registry.PATH.fullmatch(path):
        return "registry" if host.endswith(azure_registry.SUFFIXES) else ""
    if azure_vault.PATH.fullmatch(path) and host not in azure_entra.HOSTS:
        return "vault"
    if azure_entra.PATH.fullmatch(path):
        return "entra" if loopback or host in azure_entra.HOSTS else ""
    return ""


def reset(environ: Any) -> list[bytes]:
    """Breaks the connection: the client sees a reset and no byte of an answer."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Closing the object would leave the descriptor open for the files that were made of it.
    os.close(connection.detach())
    raise ConnectionResetError("as a test asked for")


class Handler(WSGIRequestHandler):
    """Writes no log of its own: requests are in the access log."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--jwks", type=Path, required=True)
    parser.add_argument("--access-log", type=Path, required=True)
    options = parser.parse_args()
    issuer = Issuer(options.issuer, json.loads(options.jwks.read_text()))
    application = Azure(issuer, options.access_log)
    make_server(
        "127.0.0.1", options.port, application, threaded=True, request_handler=Handler
    ).serve_forever()


if __name__ == "__main__":
    main()
