"""A client that leaves when the test says so: a socket of its own, closed in mid-answer."""

import socket
from collections.abc import Mapping
from typing import Any

import httpx2

from tests.e2e.house import Customer, House

_WAIT_S = 30


class Leaver:
    """One request that was sent, and an answer that is read only as far as the test wants it."""

    def __init__(
        self,
        house: House,
        customer: Customer,
        body: Any,
        *,
        path: str = "/v1/chat/completions",
        files: Mapping[str, bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        sends: int | None = None,
    ) -> None:
        """Send the body as JSON, with files as a form; of either but `sends` bytes if told."""
        named = {"authorization": f"Bearer {customer.secret}", **(headers or {})}
        form: Any = {"json": body} if files is None else {"data": body, "files": files}
        request = httpx2.Request("POST", house.gateway.url + path, headers=named, **form)
        address = (request.url.host, request.url.port or 80)
        lines = b"".join(b"%b: %b\r\n" % header for header in request.headers.raw)
        self._house = house
        self._connection = socket.create_connection(address, _WAIT_S)
        self._connection.sendall(
            b"POST %b HTTP/1.1\r\n%b\r\n%b" % (request.url.raw_path, lines, request.read()[:sends])
        )

    def read_until(self, wanted: bytes) -> None:
        """Read until these bytes were there."""
        read = b""
        while wanted not in read:
            more = self._connection.recv(65536)
            assert more, read
            read += more

    def leave(self) -> None:
        """Close the connection; when this returns, the gateway has seen it."""
        self._connection.close()
        for _ in range(3):  # an answer to what came later
            self._house.http.get("/healthz")
