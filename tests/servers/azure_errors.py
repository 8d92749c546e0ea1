"""How Azure's services say no: each family has its own envelope; clients tell errors apart by its fields."""

import datetime
import json
import uuid
from typing import Any

from werkzeug.wrappers import Request, Response


class Refused(Exception):
    """A request that is answered with an error; what `response` makes of it is sent."""

    def response(self) -> Response:
        """The answer."""
        raise NotImplementedError


class EntraError(Refused):
    """An error of the token endpoint: OAuth 2.0's, with Entra's number and where it can be looked up."""

    def __init__(self, error: str, number: int, message: str, status: int = 400):
        super().__init__(message)
        self.error, self.number, self.message, self.status = error, number, message, status

    def response(self) -> Response:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
        description = (
            f"AADSTS{self.number}: {self.message} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {stamp}"
        )
        found = {
            "error": self.error,
            "error_description": description,
            "error_codes": [self.number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
        }
        return answer(found, self.status)


class VaultError(Refused):
    """An error of Key Vault."""

    def __init__(self, status: int, code: str, message: str, inner: str = "", challenge: str = ""):
        super().__init__(message)
        self.status, self.code, self.message, self.inner = status, code, message, inner
        self.challenge = challenge

    def response(self) -> Response:
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.inner:
            error["innererror"] = {"code": self.inner}
        response = answer({"error": error}, self.status)
        if self.challenge:
            response.headers["WWW-Authenticate"] = self.challenge
        return response


class IdentityError(Refused):
    """An error of the metadata server."""

    def __init__(self, error: str, description: str, status: int = 400):
        super().__init__(description)
        self.error, self.description, self.status = error, description, status

    def response(self) -> Response:
        return answer({"error": self.error, "error_description": self.description}, self.status)


class NoSuchPage(Refused):
    """A path that a service does not have."""

    def response(self) -> Response:
        return Response("", 404)


def bad_parameter(message: str) -> VaultError:
    """A request to Key Vault that is wrong whoever sends it."""
    return VaultError(400, "BadParameter", message)


def answer(value: Any, status: int = 200) -> Response:
    """JSON as the services send it."""
    headers = {
        "Cache-Control": "no-cache",
        "x-ms-request-id": str(uuid.uuid4()),
        "X-Content-Type-Options": "nosniff",
    }
    return Response(json.dumps(value), status, headers, content_type="application/json; charset=utf-8")


def host_of(request: Request) -> str:
    """The name that was asked for, without a port."""
    return request.host.partition(":")[0].lower()


def is_loopback(host: str) -> bool:
    """An address that is nobody's in particular: every service answers there."""
    return host in ("127.0.0.1", "localhost")


def origin(request: Request) -> str:
    """Scheme and host that the client asked for: real names are spoken to by TLS, which ends before this."""
    plain = "http" if is_loopback(host_of(request)) else "https"
    return f"{request.headers.get('X-Forwarded-Proto', plain)}://{request.host}"
