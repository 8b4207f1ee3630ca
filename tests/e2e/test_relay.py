"""A client that leaves between the last byte of the upstream and its own."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from grip.gateway.allowance import Allowance
from grip.gateway.streams import Relay
from grip.providers.port import StreamEvent

END = StreamEvent(data=b"data: [DONE]\n\n", is_end=True)


class _Client:
    """A sink whose client leaves when the test says so."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.leave: Callable[[], None] = lambda: None

    async def start(self, _admitted: object) -> None:
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

    def __init__(self) -> None:
        self.left = [[StreamEvent(data=b"data: {}\n\n", text="x"), END]]

    async def next(self) -> list[StreamEvent]:
        return self.left.pop() if self.left else []


async def test_a_client_that_leaves_while_it_is_charged_is_no_trouble():
    """The stream has ended: there is nothing left to stop, and nobody to tell the end."""
    client, nothing = _Client(), SimpleNamespace()
    call: Any = SimpleNamespace(elapsed_ms=lambda: 0, wants_usage=False, idem_key=None)
    ticket: Any = SimpleNamespace(admitted=nothing)
    stream: Any = _Stream()
    unread: Any = nothing
    allowance = Allowance(covered=9, slice_tokens=1, slice_nano=1, ask=unread, spawn=unread)
    relay = Relay(call, ticket, client, ending=unread, allowance=allowance, drain_s=1)
    await relay.run(stream)
    client.leave()
    client.leave()
    await relay.end(b"data: [DONE]")

    assert relay.client_left
    assert client.said == [b"head", b"data: {}\n\n"]
