"""What `load.c` does, for machines without a C compiler: same arguments and answer, more CPU.

python load.py REQUESTS SIZE PORTS CLIENTS SECONDS EVENTS
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

_STREAM_END = b"\r\n0\r\n\r\n"


@dataclass(slots=True, kw_only=True)
class Run:
    """What the clients of a run share."""

    requests: Iterator[bytes]
    events: int
    until: float
    errors: int = 0
    whole_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)


class Client(asyncio.Protocol):
    """One connection of the loop."""

    def __init__(self, run: Run) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._run = run
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport: Any = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take the answer; when it is complete, send the next request."""
        if not self._answer:
            self._first = time.perf_counter()
        self._answer += data
        if not self._is_complete():
            return
        self._count()
        if time.perf_counter() < self._run.until:
            self._send()
        else:
            self.done.set_result(None)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count an answer that was cut off."""
        if not self.done.done():
            self._run.errors += 1
            self.done.set_result(None)

    def _send(self) -> None:
        self._answer = b""
        self._sent = time.perf_counter()
        self._transport.write(next(self._run.requests))

    def _is_complete(self) -> bool:
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found:
            return False
        _, has_length, rest = head.lower().partition(b"content-length:")
        if has_length:
            return len(body) >= int(rest.split(b"\r\n")[0])
        return body.endswith(_STREAM_END)

    def _count(self) -> None:
        is_good = self._answer.startswith(b"HTTP/1.1 200 ")
        events = self._answer.count(b"data: ")
        if is_good and events == self._run.events and (not events or b"[DONE]" in self._answer):
            self._run.whole_s.append(time.perf_counter() - self._sent)
            self._run.first_s.append(self._first - self._sent)
            return
        self._run.errors += 1
        if self._run.errors == 1:
            sys.stderr.write(f"load: a bad answer: {self._answer[:2000]!r}\n")


async def _run(run: Run, ports: list[int], clients: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    run.until = began + seconds
    made = [
        (await loop.create_connection(lambda: Client(run), "127.0.0.1", port))[1]
        for port in itertools.islice(itertools.cycle(ports), clients)
    ]
    await asyncio.gather(*(client.done for client in made))
    if not run.whole_s:
        raise SystemExit("load: no good answer")
    print(json.dumps(_result(run, time.perf_counter() - began)))


def _result(run: Run, seconds: float) -> dict[str, float]:
    run.whole_s.sort()
    run.first_s.sort()
    count = len(run.whole_s)
    return {
        "requests": count,
        "errors": run.errors,
        "seconds": seconds,
        "p50_ms": 1000 * run.whole_s[count // 2],
        "p99_ms": 1000 * run.whole_s[count * 99 // 100],
        "first_p50_ms": 1000 * run.first_s[count // 2],
    }


def _main(path: str, size: str, ports: str, clients: str, seconds: str, events: str) -> None:
    stored = Path(path).read_bytes()
    one = int(size)
    requests = [stored[start : start + one] for start in range(0, len(stored), one)]
    run = Run(requests=itertools.cycle(requests), events=int(events), until=0)
    uvloop.run(_run(run, [int(port) for port in ports.split(",")], int(clients), float(seconds)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
