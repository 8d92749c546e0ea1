"""Google Cloud for the tests: Secret Manager, the token endpoint, STS, securetoken, IAM credentials, metadata.

No server of these exists that could be run here, so this verifies what the real ones verify and shares no code
with what it tests. What each service checks and what it does not is said in its file (`google_*.py`); that this
answers as Google does is checked by Google's own clients and a table of documented answers
(`google_responses.json`). Requests find their service by path and, if they name one of Google's hosts, by that:
a path at another service's host is 404.

    google_server.py --port N --issuer URL --jwks FILE --access-log FILE

`POST /_test/...` is for tests alone (`google_control`); the access log has one JSON object per request, written
before it is answered.
"""

import argparse
import itertools
import json
import os
import re
import socket
import struct
import threading
import traceback
from pathlib import Path
from typing import Any

import google_credentials
import google_faults
import google_metadata
import google_oauth
import google_secrets
import google_sts
from google_control import Control
from google_errors import NoSuchPage, Refused, Status
from google_iam import Iam
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

REGIONAL = re.compile(r"secretmanager\.([a-z0-9-]+)\.rep\.googleapis\.com")
# By service, its hosts. Any other host (loopback) has all of them.
HOSTS = {
    "secretmanager": {"secretmanager.googleapis.com"},
    "oauth2": {"oauth2.googleapis.com", "accounts.google.com", "www.googleapis.com"},
    "sts": {"sts.googleapis.com"},
    "securetoken": {"securetoken.googleapis.com"},
    "iamcredentials": {"iamcredentials.googleapis.com"},
    "keys": {"www.googleapis.com"},
    "metadata": {"metadata.google.internal", "metadata", "169.254.169.254"},
}
GOOGLES = set().union(*HOSTS.values())


class Google:
    """The WSGI application."""

    def __init__(self, address: str, issuer: google_sts.Issuer, log: Path):
        self.iam, self.faults = Iam(), google_faults.Faults()
        self.secret_manager = google_secrets.SecretManager(self.iam)
        self.oauth = google_oauth.Tokens(self.iam, {f"{address}/token"})
        self.sts = google_sts.Sts(self.iam)
        self.credentials = google_credentials.Credentials(self.iam)
        self.metadata = google_metadata.Metadata(self.iam)
        self.control = Control(self, issuer)
        self.log, self.lock, self.numbers = log.open("a"), threading.Lock(), itertools.count(1)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        if request.path.startswith("/_test/"):
            return self.control.answer(request)(environ, start_response)
        note: dict[str, Any] = {"service": service(request.path), "principal": "", "names": []}
        note["action"] = google_secrets.action(request) if note["service"] == "secretmanager" else ""
        fault = self.faults.next(request)
        if fault is not None and fault.reset:
            self.note(request, note, 0)
            return reset(environ)
        try:
            response = self.answered(request, note, fault)
        except Refused as refused:
            response = refused.response()
        except Exception:
            traceback.print_exc()
            response = Status("INTERNAL", "Internal error encountered.").response()
        self.note(request, note, response.status_code)
        return response(environ, start_response)

    def answered(self, request: Request, note: dict[str, Any], fault: google_faults.Fault | None) -> Response:
        if fault is not None and fault.status:
            return google_faults.error(fault)
        response = self.answer(request, note)
        return google_faults.tampered(fault, response) if fault is not None else response

    def answer(self, request: Request, note: dict[str, Any]) -> Response:
        name, host = note["service"], request.host.partition(":")[0]
        regional = REGIONAL.fullmatch(host)
        if (host in GOOGLES and host not in HOSTS.get(name, set())) or (regional and name != "secretmanager"):
            raise NoSuchPage()
        if name == "secretmanager":
            # None: an address that is nobody's in particular. Empty: the global endpoint.
            location = regional[1] if regional else "" if host in GOOGLES else None
            return self.secret_manager.answer(request, location, note)
        services = {
            "oauth2": self.oauth.answer,
            "sts": self.sts.answer,
            "securetoken": self.sts.answer,
            "iamcredentials": self.credentials.answer,
            "keys": self.credentials.keys,
            "metadata": self.metadata.answer,
        }
        if name not in services:
            raise NoSuchPage()
        return services[name](request, note)

    def note(self, request: Request, note: dict[str, Any], status: int) -> None:
        """Into the access log; status 0 stands for a connection that was broken. No parameter but names."""
        entry = {
            "host": request.host,
            "method": request.method,
            "path": request.path,
            "status": status,
            **note,
        }
        with self.lock:
            print(json.dumps({"number": next(self.numbers), **entry}), file=self.log, flush=True)


def service(path: str) -> str:
    """Whose a path is."""
    if path in google_oauth.PATHS:
        return "oauth2"
    if path == "/v1/token":
        return "sts"
    if path == "/v1/identitybindingtoken":
        return "securetoken"
    if path.startswith("/service_accounts/v1/"):
        return "keys"
    if re.match(r"/v1/projects/[^/]+/serviceAccounts/", path):
        return "iamcredentials"
    if path.startswith("/v1/projects/"):
        return "secretmanager"
    return "metadata" if path == "/" or path.startswith(google_metadata.ROOT) else ""


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
    issuer = google_sts.Issuer(options.issuer, json.loads(options.jwks.read_text()))
    application = Google(f"http://127.0.0.1:{options.port}", issuer, options.access_log)
    make_server(
        "127.0.0.1", options.port, application, threaded=True, request_handler=Handler
    ).serve_forever()


if __name__ == "__main__":
    main()
