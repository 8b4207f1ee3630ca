"""A bridge as an operator would write it: the addresses of docs/payments.md, in memory."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.threaded_server import ThreadedServer

API_KEY = "a key of the tests"


class Bridge(ThreadedServer):
    """Answers are set by path in `answers`; what came is in `requests`."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, Any]]] = {}
        self.requests: list[tuple[str, str, dict[str, str], dict[str, Any]]] = []
        super().__init__(_Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Bridge

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._serve(parts.path, dict(parse_qsl(parts.query)))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        self._serve(self.path, json.loads(raw))

    def _serve(self, path: str, asked: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, path, headers, asked))
        status, answer = self.server.answers[path].pop(0)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
