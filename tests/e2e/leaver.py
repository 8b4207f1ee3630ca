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
        headers: Mapping[str, str] | None = None,
    ) -> None:
        named = {"authorization": f"Bearer {customer.secret}", **(headers or {})}
        url = f"{house.gateway.url}/v1/chat/completions"
        request = httpx2.Request("POST", url, json=body, headers=named)
        address = (request.url.host, request.url.port or 80)
        lines = b"".join(b"%b: %b\r\n" % header for header in request.headers.raw)
        self._house = house
        self._connection = socket.create_connection(address, _WAIT_S)
        self._connection.sendall(
            b"POST %b HTTP/1.1\r\n%b\r\n%b" % (request.url.raw_path, lines, request.content)
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
