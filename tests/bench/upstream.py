"""What `upstream.c` does, for machines without a C compiler: same arguments, more CPU.

python upstream.py PORT WHOLE STREAM
"""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import uvloop

_END_OF_EVENT = b"\n\n\r\n"
_STREAMS = re.compile(rb'"stream" *: *true')
_PACE = re.compile(rb'"pace_ms" *: *([0-9]+)')


class Upstream(asyncio.Protocol):
    """Answers each request of a connection with bytes that are there already."""

    def __init__(self, whole: bytes, stream: bytes) -> None:
        self._whole = whole
        self._stream = stream
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection to answer on."""
        self._transport: Any = transport

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
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        if _STREAMS.search(body) is None:
            self._transport.write(self._whole)
        elif (pace := _PACE.search(body)) is None:
            self._transport.write(self._stream)
        else:
            *events, rest = self._stream.split(_END_OF_EVENT)
            chunks = [event + _END_OF_EVENT for event in events]
            chunks[-1] += rest
            self._pace(chunks, int(pace[1]) / 1000)

    def _pace(self, chunks: list[bytes], pause_s: float) -> None:
        loop = asyncio.get_running_loop()
        for number, chunk in enumerate(chunks):
            loop.call_later(number * pause_s, self._transport.write, chunk)


async def _serve(port: int, whole: bytes, stream: bytes) -> None:
    server = await asyncio.get_running_loop().create_server(
        lambda: Upstream(whole, stream), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(
        _serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes(), Path(sys.argv[3]).read_bytes())
    )
