"""Stands where the clouds' real host names lead in the tests' network: passes connections on to servers on loopback.

Two listeners, each where it is told. TLS, for the clouds' APIs: the name that the client asks for by SNI picks the
port; what is said passes as it is, in HTTP/1.1. A name that no route has is refused in the handshake
(`unrecognized_name`), one without a server is closed. Plain HTTP, for the metadata server that all clouds have at one
address: the path's beginning picks the port, anew for each request, since one client may ask for several clouds.
Each connection is noted with the name or path it is for and the port it goes to, none of what is said on it.
"""

import argparse
import asyncio
import contextlib
import json
import ssl
from pathlib import Path
from typing import Any

# A request's head; metadata servers are asked for little.
HEAD_LIMIT = 64 * 1024


class Front:
    """Routes and the log."""

    def __init__(self, config: dict[str, Any], log: Path):
        self.names: dict[str, int | None] = config["names"]
        self.metadata: dict[str, int] = config["metadata"]
        self.log = log.open("a")

    def note(self, kind: str, asked: str, port: int | None) -> None:
        """Into the log, before anything is passed on."""
        print(json.dumps({"kind": kind, "asked": asked, "port": port}), file=self.log, flush=True)

    def check(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        """Takes the names of the routes alone, and keeps the one that was asked for."""
        connection.asked = name  # type: ignore[attr-defined]
        if name in self.names:
            return None
        self.note("tls", name or "", None)
        return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    async def tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TLS connection."""
        name = writer.get_extra_info("ssl_object").asked
        port = self.names[name]
        self.note("tls", name, port)
        await joined(reader, writer, port, b"")

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One plain connection, of which one request is answered."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            await closed(writer)
            return
        request, *fields = head[:-4].split(b"\r\n")
        words = request.split(b" ")
        path = words[1].decode("latin-1").partition("?")[0] if len(words) > 1 else ""
        port = next((port for prefix, port in self.metadata.items() if path.startswith(prefix)), None)
        self.note("http", path, port)
        if port is None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await closed(writer)
            return
        fields = [field for field in fields if not field.lower().startswith(b"connection:")]
        head = b"\r\n".join([request, *fields, b"Connection: close", b"", b""])
        await joined(reader, writer, port, head)


async def joined(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int | None, first: bytes
) -> None:
    """Copies both ways until both sides have said all."""
    if port is None:
        await closed(writer)
        return
    try:
        behind = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        await closed(writer)
        return
    behind[1].write(first)
    await asyncio.gather(copied(reader, behind[1]), copied(behind[0], writer))
    await closed(behind[1])
    await closed(writer)


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side ends; then the other is told, as far as its transport can be."""
    with contextlib.suppress(OSError, ssl.SSLError):
        while piece := await reader.read(64 * 1024):
            writer.write(piece)
            await writer.drain()
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()
        else:
            # TLS has no half: who ends it ends both ways.
            writer.close()


async def closed(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        writer.close()
        await writer.wait_closed()


async def serve(front: Front, config: dict[str, Any]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(config["certificate"], config["key"])
    context.set_alpn_protocols(["http/1.1"])
    context.sni_callback = front.check  # type: ignore[assignment]
    host, _, port = config["listen_tls"].rpartition(":")
    tls = await asyncio.start_server(front.tls, host, int(port), ssl=context)
    host, _, port = config["listen_http"].rpartition(":")
    http = await asyncio.start_server(front.http, host, int(port), limit=HEAD_LIMIT)
    await asyncio.gather(tls.serve_forever(), http.serve_forever())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    config = json.loads(options.config.read_text())
    asyncio.run(serve(Front(config, options.log), config))


if __name__ == "__main__":
    main()
