"""What a test wants to go wrong: answers instead of the service's, late answers, broken connections.

A fault is for requests whose `HOST PATH` a pattern is found in (and whose method is that, if one is said),
for so many of them or until it is cleared. The first that fits is taken, and used up by that. `status`
answers with an error in the service's own form, with `headers` (Retry-After), or with `body` as it stands;
`reset` breaks the connection without an answer; `delay` waits (seconds) and then lets the service answer, or
the fault.
"""

import re
import threading
from dataclasses import dataclass, field
from typing import Any

from azure_errors import EntraError, IdentityError, VaultError
from werkzeug.wrappers import Request, Response

# Code and words of Key Vault's errors by HTTP status.
VAULT = {
    429: ("Throttled", "Request was not processed because too many requests were received."),
    403: ("Forbidden", "Client address is not authorized and caller is not a trusted service."),
    503: ("ServiceUnavailable", "The service is currently unavailable."),
}
# Entra's: error and number.
ENTRA = {
    429: ("temporarily_unavailable", 90055, "Request is throttled. Too many requests have been made."),
    503: ("temporarily_unavailable", 90033, "A transient error has occurred. Please try again."),
}


@dataclass
class Fault:
    """One, with how often it is still to be had."""

    match: str
    left: int
    method: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    reset: bool = False
    delay: float = 0


class Faults:
    """Those that are set."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.lock = threading.Lock()

    def add(self, given: dict[str, Any]) -> None:
        """From a test's request: the fields of `Fault`, `count` for how often (for ever if left out)."""
        fields = {name: value for name, value in given.items() if name != "count"}
        re.compile(given["match"])
        with self.lock:
            self.faults.append(Fault(left=given.get("count", 1 << 30), **fields))

    def clear(self, match: str | None) -> None:
        """All, or those with just this pattern."""
        with self.lock:
            self.faults = [each for each in self.faults if match is not None and each.match != match]

    def next(self, request: Request) -> Fault | None:
        """The fault of this request."""
        with self.lock:
            for fault in self.faults:
                fits = re.search(fault.match, f"{request.host} {request.path}")
                if fault.left > 0 and fits and fault.method in ("", request.method):
                    fault.left -= 1
                    return fault
        return None


def error(fault: Fault, service: str) -> Response:
    """The answer instead of the service's."""
    if fault.body is not None:
        response = Response(fault.body, fault.status, content_type="text/html")
    elif service == "entra":
        name, number, message = ENTRA.get(
            fault.status, ("server_error", 90033, "A transient error has occurred.")
        )
        response = EntraError(name, number, message, fault.status).response()
    elif service == "metadata":
        response = IdentityError("unknown", "Failed to retrieve a token. Retry.", fault.status).response()
    else:
        code, message = VAULT.get(fault.status, ("InternalError", "An error occurred."))
        response = VaultError(fault.status, code, message).response()
    response.headers.update(fault.headers)
    return response
