"""Requests through the host's client. Which origins can be reached, and with which TLS, is what `connect` named.

One request at a time, and it waits: a plugin is one thread, and the host runs as many instances as it needs.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import claviger_plugin_types as claviger
from wit_world.imports import outgoing_handler
from wit_world.imports import wasi_http_types as http
from wit_world.imports.streams import StreamError_Closed

METHODS = {"GET": http.Method_Get, "POST": http.Method_Post}

# Nanoseconds to the first byte of an answer: below the host's own limit, so that the plugin still says something.
FIRST_BYTE = 15_000_000_000

# A write takes 4096 bytes at most; a read takes what is there.
WRITE, READ = 4096, 1 << 20


@dataclass
class Answer:
    """An answer, whole. Names of header fields are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def retry_after_ms(self) -> int | None:
        """`Retry-After`, where it is a number of seconds."""
        seconds = self.headers.get("retry-after", "").strip()
        return int(seconds) * 1000 if seconds.isdecimal() and len(seconds) < 10 else None


def send(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    """Sends a request and reads the whole answer. What is no answer at all is raised as `unavailable`."""
    parts = urlsplit(url)
    fields = http.Fields.from_list([(name, value.encode()) for name, value in headers.items()])
    request = http.OutgoingRequest(fields)
    request.set_method(METHODS[method]())
    request.set_scheme(http.Scheme_Https() if parts.scheme == "https" else http.Scheme_Http())
    request.set_authority(parts.netloc)
    request.set_path_with_query((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    options = http.RequestOptions()
    options.set_first_byte_timeout(FIRST_BYTE)
    try:
        outgoing = request.body()
        future = outgoing_handler.handle(request, options)
        with outgoing.write() as stream:
            for start in range(0, len(body), WRITE):
                stream.blocking_write_and_flush(body[start : start + WRITE])
        http.OutgoingBody.finish(outgoing, None)
        with future.subscribe() as answered:
            answered.block()
        match future.get():
            case Ok(Ok(response)):
                return _read(response)
    except Err:
        pass
    raise Err(claviger.Error_Unavailable("no answer"))


def _read(response: http.IncomingResponse) -> Answer:
    with response:
        with response.headers() as fields:
            headers = {name.lower(): value.decode("utf-8", "replace") for name, value in fields.entries()}
        chunks = []
        with response.consume() as body, body.stream() as stream:
            try:
                while True:
                    chunks.append(stream.blocking_read(READ))
            except Err as end:
                if not isinstance(end.value, StreamError_Closed):
                    raise Err(claviger.Error_Unavailable("the answer broke off")) from None
        return Answer(response.status(), headers, b"".join(chunks))
