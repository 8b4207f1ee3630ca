"""A closed loop of clients: each sends the next request when its last answer is complete.

    python load.py PORT KEY CLIENTS SECONDS whole|stream

Prints one JSON object: requests, seconds, errors, and the latencies' p50 and p99 in milliseconds.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

_PROMPT = (
    "A customer writes: since the update of last night the export of invoices stops after the "
    "first hundred rows, and the page shows a spinner for ever. What should they try first?"
)
_WHOLE_END = b"}"
_STREAM_END = b"0\r\n\r\n"


def _request(port: int, key: str, *, stream: bool) -> bytes:
    body: dict[str, Any] = {
        "model": "bench",
        "messages": [
            {"role": "system", "content": "You are a careful assistant of a support desk. " * 3},
            {"role": "user", "content": _PROMPT},
        ],
        "max_tokens": 256,
    }
    encoded = json.dumps(body | ({"stream": True} if stream else {})).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"authorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(encoded)}\r\n\r\n"
    )
    return head.encode() + encoded


class Client(asyncio.Protocol):
    """One connection of the loop."""

    def __init__(self, request: bytes, latencies: list[float], until: float) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self.errors = 0
        self._request = request
        self._latencies = latencies
        self._until = until
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport: Any = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take the answer; when it is complete, send the next request."""
        self._answer += data
        if not self._is_complete():
            return
        self._latencies.append(time.perf_counter() - self._sent)
        if b" 200 " not in self._answer[:16]:
            self.errors += 1
        if time.perf_counter() < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End this client."""
        if not self.done.done():
            self.done.set_result(exc)

    def _send(self) -> None:
        self._answer = b""
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def _is_complete(self) -> bool:
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found:
            return False
        _, has_length, rest = head.lower().partition(b"content-length:")
        if has_length:
            return len(body) >= int(rest.split(b"\r\n")[0])
        return body.endswith(_STREAM_END)


async def _run(port: int, key: str, clients: int, seconds: float, *, stream: bool) -> None:
    loop = asyncio.get_running_loop()
    request = _request(port, key, stream=stream)
    latencies: list[float] = []
    began = time.perf_counter()
    made = [
        (
            await loop.create_connection(
                lambda: Client(request, latencies, began + seconds), "127.0.0.1", port
            )
        )[1]
        for _ in range(clients)
    ]
    await asyncio.gather(*(client.done for client in made))
    took = time.perf_counter() - began
    latencies.sort()
    result = {
        "requests": len(latencies),
        "seconds": took,
        "errors": sum(client.errors for client in made),
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[len(latencies) * 99 // 100],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    port, key, clients, seconds, shape = sys.argv[1:]
    uvloop.run(_run(int(port), key, int(clients), float(seconds), stream=shape == "stream"))
