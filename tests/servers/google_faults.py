"""What a test wants to go wrong: answers instead of the service's, broken connections, corrupted payloads.

A fault is for requests whose `HOST PATH` a pattern is found in (and whose method and principal match, if said),
for so many of them or until it is cleared. The first that fits is taken. `status` answers with an error in the
service's form; `reset` breaks the connection without an answer; `payload` lets the service answer and then
changes what it says: `crc` the checksum, `data` the data, `no-crc` leaves the checksum out.
"""

import base64
import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any

from google_errors import answer
from werkzeug.wrappers import Request, Response

# Status and words of google.rpc.Code by HTTP code, as Google sends them.
USUAL = {
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    429: (
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'Access requests' and limit 'Access requests per minute'.",
    ),
    500: ("INTERNAL", "Internal error encountered."),
    502: ("UNAVAILABLE", "Bad Gateway"),
    503: ("UNAVAILABLE", "The service is currently unavailable."),
    504: ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
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
    payload: str = ""


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
        """The fault of this request; it is used up by that."""
        with self.lock:
            for fault in self.faults:
                fits = re.search(fault.match, f"{request.host} {request.path}")
                if fault.left > 0 and fits and fault.method in ("", request.method):
                    fault.left -= 1
                    return fault
        return None


def error(fault: Fault) -> Response:
    """The answer instead of the service's."""
    if fault.body is not None:
        response = Response(fault.body, fault.status, content_type="text/html")
    else:
        status, message = USUAL.get(fault.status, ("UNKNOWN", "Unknown error."))
        response = answer(
            {"error": {"code": fault.status, "message": message, "status": status}}, fault.status
        )
    response.headers.update(fault.headers)
    return response


def tampered(fault: Fault, response: Response) -> Response:
    """The service's answer with another payload."""
    found = json.loads(response.get_data())
    payload = found.get("payload")
    if payload is None:
        return response
    if fault.payload == "crc":
        payload["dataCrc32c"] = str(int(payload["dataCrc32c"]) ^ 1)
    elif fault.payload == "no-crc":
        del payload["dataCrc32c"]
    elif fault.payload == "data":
        data = base64.b64decode(payload["data"])
        payload["data"] = base64.b64encode(bytes([data[0] ^ 1]) + data[1:]).decode()
    else:
        raise ValueError(f"payload fault {fault.payload!r} is not known")
    return answer(found)
