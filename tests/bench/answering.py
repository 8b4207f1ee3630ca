"""An upstream that answers at once: the least that a chat completion can be, in one process.

python upstream.py PORT
"""

import asyncio
import json
import sys
from typing import Any

import uvloop

_WORD = " word"
_CHUNKS = 50
_USAGE = {"prompt_tokens": 120, "completion_tokens": _CHUNKS, "total_tokens": 120 + _CHUNKS}
_HEAD: dict[str, Any] = {"id": "chatcmpl-1", "created": 1, "model": "bench"}


def _whole() -> bytes:
    message = {"role": "assistant", "content": _WORD * _CHUNKS}
    answer = _HEAD | {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
    body = json.dumps(answer).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def _stream() -> bytes:
    deltas: list[dict[str, Any]] = [
        {"index": 0, "delta": {"content": _WORD}, "finish_reason": None} for _ in range(_CHUNKS)
    ]
    deltas.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events = [
        _HEAD | {"object": "chat.completion.chunk", "choices": [delta], "usage": None}
        for delta in deltas
    ]
    events.append(_HEAD | {"object": "chat.completion.chunk", "choices": [], "usage": _USAGE})
    lines = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    lines.append(b"data: [DONE]\n\n")
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in lines)
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    return head + chunks + b"0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """Answers each request of a connection with the same bytes."""

    WHOLE = _whole()
    STREAM = _stream()

    def __init__(self) -> None:
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection to answer on."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(self._waiting) < end + 4 + length:
                return
            body = self._waiting[end + 4 : end + 4 + length]
            self._waiting = self._waiting[end + 4 + length :]
            streams = b'"stream":true' in body.replace(b" ", b"")
            self._transport.write(self.STREAM if streams else self.WHOLE)  # type: ignore[attr-defined]


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
