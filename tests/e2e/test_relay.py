"""One stream between upstream and client: who leaves when, and what is done about it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from grip.gateway.allowance import Allowance
from grip.gateway.streams import Relay
from grip.providers.port import StreamEvent

END = StreamEvent(data=b"data: [DONE]\n\n", is_end=True)
TEXT = StreamEvent(data=b"data: {}\n\n", text="x")
DRAINS: Any = SimpleNamespace(channel=SimpleNamespace(drains=True))
STOPS: Any = SimpleNamespace(channel=SimpleNamespace(drains=False))


class _Client:
    """A sink whose client leaves when the test says so."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.leave: Callable[[], None] = lambda: None

    def listen(self) -> None: ...

    async def start(self, _admitted: object, _fallback: object) -> None:
        self.said.append(b"head")

    async def send(self, data: bytes) -> bool:
        self.said.append(data)
        return True

    async def end(self, data: bytes) -> None:
        self.said.append(data)

    async def fail(self, _error: object) -> None:
        self.said.append(b"error")

    def when_left(self, callback: Callable[[], None]) -> None:
        self.leave = callback


class _Stream:
    """A stream of two events."""

    text = staticmethod(bytes.decode)

    def __init__(self, candidate: Any = DRAINS) -> None:
        self.candidate = candidate
        self.left = [[TEXT, END]]

    async def next(self) -> list[StreamEvent]:
        return self.left.pop() if self.left else []


class _Upstream:
    """Opens a stream when the test says so, and knows whether it was stopped."""

    def __init__(self, relay: Relay, candidate: Any) -> None:
        self.begins = asyncio.Event()
        self.asked = asyncio.Event()
        self.was_stopped = False
        self._relay = relay
        self._candidate = candidate

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        assert self._relay.wants(self._candidate)
        self.asked.set()
        try:
            await self.begins.wait()
        except asyncio.CancelledError:
            self.was_stopped = True
            raise
        yield _Stream(self._candidate)


def _relay(client: _Client, *, idem_key: str | None = None, drain_s: float = 60) -> Relay:
    nothing: Any = SimpleNamespace()
    call: Any = SimpleNamespace(elapsed_ms=lambda: 0, wants_usage=False, idem_key=idem_key)
    ticket: Any = SimpleNamespace(admitted=nothing)
    allowance = Allowance(covered=9, slice_tokens=1, slice_nano=1, ask=nothing, spawn=nothing)
    return Relay(call, ticket, client, ending=nothing, allowance=allowance, drain_s=drain_s)


@asynccontextmanager
async def _opened(stream: Any) -> AsyncIterator[Any]:
    yield stream


async def test_a_client_that_leaves_while_it_is_charged_is_no_trouble():
    """The stream has ended: there is nothing left to stop, and nobody to tell the end."""
    client = _Client()
    relay = _relay(client)
    await relay.run(_opened(_Stream()))
    client.leave()
    client.leave()
    await relay.end(b"data: [DONE]")

    assert relay.client_left
    assert client.said == [b"head", b"data: {}\n\n"]


@pytest.mark.parametrize(("candidate", "drain_s"), [(STOPS, 60), (DRAINS, 0)])
async def test_an_upstream_that_nobody_waits_for_is_stopped_before_it_begins(
    candidate: Any, drain_s: float
):
    """Where its channel says so, or the time of the drain is over."""
    client = _Client()
    relay = _relay(client, drain_s=drain_s)
    upstream = _Upstream(relay, candidate)
    running = asyncio.create_task(relay.run(upstream.open()))
    await upstream.asked.wait()
    client.leave()
    await running

    assert upstream.was_stopped
    assert relay.stream is None
    assert relay.is_owed
    assert client.said == []
    assert not relay.wants(DRAINS)


@pytest.mark.parametrize(("candidate", "idem_key"), [(DRAINS, None), (STOPS, "order-1")])
async def test_an_upstream_that_is_waited_for_is_read_to_its_end(
    candidate: Any, idem_key: str | None
):
    """For its own count, or for whoever may come back; the client that left is told nothing."""
    client = _Client()
    relay = _relay(client, idem_key=idem_key)
    upstream = _Upstream(relay, candidate)
    running = asyncio.create_task(relay.run(upstream.open()))
    await upstream.asked.wait()
    client.leave()
    upstream.begins.set()
    await running

    assert not upstream.was_stopped
    assert (relay.status, relay.text()) == ("cut", "x")
    assert client.said == []
    assert relay.wants(STOPS) == (idem_key is not None)


async def test_a_stop_of_the_gateway_is_no_hang_up():
    """Whoever cancels the call learns of it, although its client left at the same moment."""
    client = _Client()
    relay = _relay(client)
    upstream = _Upstream(relay, STOPS)
    running = asyncio.create_task(relay.run(upstream.open()))
    await upstream.asked.wait()
    client.leave()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert (relay.client_left, relay.stream) == (True, None)


async def test_what_takes_too_long_for_other_reasons_is_told():
    """Only the hang-up's own end of waiting is expected."""
    opening = MagicMock()
    opening.__aenter__.side_effect = TimeoutError
    opening.__aexit__.return_value = None
    with pytest.raises(TimeoutError):
        await _relay(_Client()).run(opening)
