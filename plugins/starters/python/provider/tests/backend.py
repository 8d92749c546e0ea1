"""A backend for the bench: the secrets of `bench.yaml` on 127.0.0.1:8085, for whoever has its token."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

TOKEN = "token-of-the-bench"
SECRETS = {
    "app/login": b'{"user":"app-user-1","password":"correct-horse","deep":{"a.b":"staple-9"}}',
    "app/greeting": "Grüße aus Zürich – 你好 🗝".encode(),
    "app/bytes": bytes([0, 159, 146, 150, 255, 10, 13, 0]),
    "app/large": b"x" * 65536,
} | {f"many/k-{n}": f"value-of-{n}".encode() for n in range(1000)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        key = unquote(self.path.removeprefix("/v1/"))
        if self.headers["authorization"] != f"Bearer {TOKEN}":
            self.answer(401, b"")
        elif key.startswith("closed/"):
            self.answer(403, b"")
        elif key in SECRETS:
            self.answer(200, SECRETS[key])
        else:
            self.answer(404, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8085), Handler).serve_forever()
