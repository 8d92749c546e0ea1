"""How Google says no: the JSON envelope of its APIs, and the two fields of its OAuth endpoints.

`google.rpc.Status` with its `ErrorInfo` as AIP-193 has it; RFC 6749's `error` and `error_description` for token
endpoints. Messages are Google's own wherever they are documented or seen in public reports; what a client must
not depend on is marked where it is raised.
"""

import json
from typing import Any

from werkzeug.wrappers import Response

# google.rpc.Code to HTTP ("Error Model", Cloud APIs).
HTTP = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
CREDENTIAL = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


class Refused(Exception):
    """A request that is answered with an error; what `response` makes of it is sent."""

    def response(self) -> Response:
        """The answer."""
        raise NotImplementedError


class Status(Refused):
    """An error of an API."""

    def __init__(self, status: str, message: str, details: list[dict[str, Any]] | None = None):
        super().__init__(message)
        self.status, self.message, self.details = status, message, details or []
        self.challenge: str | None = None

    def response(self) -> Response:
        code = HTTP[self.status]
        error: dict[str, Any] = {"code": code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = self.details
        response = answer({"error": error}, code)
        if self.challenge:
            response.headers["WWW-Authenticate"] = self.challenge
        return response


class OAuthError(Refused):
    """An error of a token endpoint."""

    def __init__(self, error: str, description: str, code: int = 400):
        super().__init__(description)
        self.error, self.description, self.code = error, description, code

    def response(self) -> Response:
        return answer({"error": self.error, "error_description": self.description}, self.code)


class NoSuchPage(Refused):
    """A path that none of Google's services has: Google's front end answers in HTML."""

    def response(self) -> Response:
        text = "<!DOCTYPE html>\n<html lang=en><title>Error 404 (Not Found)!!1</title>\n"
        return Response(text, 404, content_type="text/html; charset=UTF-8")


def error_info(reason: str, domain: str, metadata: dict[str, str]) -> dict[str, Any]:
    """The detail that programs are to look at."""
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": domain,
        "metadata": metadata,
    }


def invalid(message: str) -> Status:
    """A request that is wrong whoever sends it."""
    return Status("INVALID_ARGUMENT", message)


def unauthenticated(reason: str, service: str, method: str) -> Status:
    """No credential, or none that holds."""
    missing = reason == "CREDENTIALS_MISSING"
    what = (
        "Request is missing required authentication credential."
        if missing
        else "Request had invalid authentication credentials."
    )
    info = error_info(reason, "googleapis.com", {"service": service, "method": method})
    error = Status("UNAUTHENTICATED", f"{what} {CREDENTIAL}", [info])
    error.challenge = 'Bearer realm="https://accounts.google.com/"' + (
        "" if missing else ', error="invalid_token"'
    )
    return error


def answer(value: Any, code: int = 200) -> Response:
    """JSON as Google's front end sends it."""
    headers = {"Cache-Control": "private", "Vary": "Origin"}
    return Response(
        json.dumps(value, indent=2) + "\n", code, headers, content_type="application/json; charset=UTF-8"
    )
