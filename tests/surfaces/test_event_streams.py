"""The sink of a stream: when it learns that its client has left, and what it does then."""

import asyncio
import gc
import weakref
from typing import Any

from grip.money.entries import Admitted
from grip.web.response import EventStream

ADMITTED = Admitted(admitted_us=1, requests=None, tokens=None)


class _Connection:
    """The server's side of a stream: what was sent, and a client that leaves on the test's word."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.gone = asyncio.Event()
        self.heard = asyncio.Event()

    async def receive(self) -> Any:
        await self.gone.wait()
        self.heard.set()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def sink(self) -> EventStream:
        return EventStream(self.receive, self.send, "req_1")

    async def leave(self) -> None:
        self.gone.set()
        await self.heard.wait()


async def test_a_hang_up_is_noticed_before_the_head_is_sent():
    """And told to whoever asks later; nothing is sent to nobody."""
    connection = _Connection()
    sink = connection.sink()
    sink.listen()
    await connection.leave()
    told: list[str] = []
    sink.when_left(lambda: told.append("left"))

    assert told == ["left"]
    assert not await sink.send(b"data: {}\n\n")
    assert connection.sent == []
    await sink.close()


async def test_a_client_that_stays_is_sent_everything():
    """Its leaving is told once it happens."""
    connection = _Connection()
    sink = connection.sink()
    sink.listen()
    told: list[str] = []
    sink.when_left(lambda: told.append("left"))
    await sink.start(ADMITTED, None)

    assert await sink.send(b"data: {}\n\n")
    assert told == []
    await connection.leave()
    assert told == ["left"]
    await sink.close()
    assert [message["type"] for message in connection.sent] == [
        "http.response.start",
        "http.response.body",
    ]


async def test_a_stream_that_has_ended_keeps_nothing_alive():
    """Whoever waited for its client to leave is let go without the collector."""

    class Waiter:
        def __init__(self, sink: EventStream) -> None:
            self.sink = sink
            sink.when_left(self.leave)

        def leave(self) -> None: ...

    connection = _Connection()
    sink = connection.sink()
    sink.listen()
    waiter = weakref.ref(Waiter(sink))
    gc.disable()
    try:
        assert waiter() is not None
        await sink.close()
        assert waiter() is None
    finally:
        gc.enable()
