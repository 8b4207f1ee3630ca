"""Answers over ASGI: heads with grip's headers, whole bodies, and streams that notice hang-ups."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from litestar.types import Receive, Send

from grip import errors
from grip.money.entries import Admitted
from grip.money.limits import Standing
from grip.web.errors import OPENAI, Shape, status_of

_PIECE_BYTES: Final = 256 * 1024
_SECOND_US: Final = 1_000_000

Headers = list[tuple[bytes, bytes]]

JSON: Final = (b"content-type", b"application/json")
NOT_KEPT: Final = (b"cache-control", b"no-store")
"""What somebody's credits, calls or mistakes stand in is for nobody to keep on the way."""


def charge_headers(credits_: int, cost_nano: int) -> Headers:
    """Return what a metered answer that does not stream says of its charge."""
    return [
        NOT_KEPT,
        (b"x-grip-credits", b"%d" % credits_),
        (b"x-grip-cost-nano", b"%d" % cost_nano),
    ]


def fallback_headers(model: str | None) -> Headers:
    """Return what tells that another model served than the one that the client named."""
    return [] if model is None else [(b"x-grip-model", model.encode())]


def limit_headers(requests: Standing | None, tokens: Standing | None) -> Headers:
    """Return the rate limits as OpenAI sends them; a limit that does not exist sends nothing."""
    headers: Headers = []
    for name, standing in ((b"requests", requests), (b"tokens", tokens)):
        if standing is not None:
            headers += [
                (b"x-ratelimit-limit-" + name, b"%d" % standing.limit),
                (b"x-ratelimit-remaining-" + name, b"%d" % standing.remaining),
                (b"x-ratelimit-reset-" + name, _duration(standing.reset_us)),
            ]
    return headers


def error_headers(error: errors.GripError) -> Headers:
    """Return what an error's answer says beside its body."""
    headers: Headers = [JSON, NOT_KEPT]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_s))
    return headers + standing_headers(error.standings)


def standing_headers(standings: tuple[object, object]) -> Headers:
    """Return the rate limits that an error carries."""
    requests, tokens = standings
    return limit_headers(cast("Standing | None", requests), cast("Standing | None", tokens))


async def respond(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole answer; of a client that does not read it, the server lets go (`protocol.py`).

    What is too large for the server to take at once goes in pieces, since it waits for its client
    before a piece, not after it.
    """
    head = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": head})
    at = 0
    while len(body) - at > _PIECE_BYTES:
        piece = body[at : at + _PIECE_BYTES]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        at += _PIECE_BYTES
    last = body[at:] if at else body
    await send({"type": "http.response.body", "body": last, "more_body": False})


async def respond_error(
    send: Send, request_id: str, error: errors.GripError, shape: Shape = OPENAI
) -> None:
    """Send an error as the clients of this wire read it."""
    headers = [*error_headers(error), *shape.id_headers(request_id)]
    await respond(send, status_of(error), headers, shape.body(error, request_id))


class EventStream:
    """The `Sink` of a stream: server-sent events to a client that may leave at any time.

    A bare ASGI handler is not told when its client hangs up, so somebody must listen to `receive`;
    a client that does not read hangs up as well, by the server's hand.
    """

    def __init__(
        self, receive: Receive, send: Send, request_id: str, shape: Shape = OPENAI
    ) -> None:
        self.started = False
        self._receive = receive
        self._send = send
        self._request_id = request_id
        self._shape = shape
        self._left = False
        self._callback: Callable[[], None] | None = None
        self._watch: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Begin to listen for a hang-up: nothing else reads what the client sends from now on."""
        self._watch = asyncio.create_task(self._listen())

    async def start(self, admitted: Admitted, fallback: str | None) -> None:
        """Send the head."""
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
            *self._shape.id_headers(self._request_id),
            *fallback_headers(fallback),
            *limit_headers(admitted.requests, admitted.tokens),
        ]
        self.started = True
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def send(self, data: bytes) -> bool:
        """Send bytes; returns whether the client is still there."""
        return await self._deliver(data, more=True)

    async def end(self, data: bytes) -> None:
        """Send the last bytes and end the answer."""
        await self._deliver(data, more=False)

    async def fail(self, error: errors.GripError) -> None:
        """End the answer with an error event, after which nothing comes."""
        await self._deliver(self._shape.event(error, self._request_id), more=False)

    def when_left(self, callback: Callable[[], None]) -> None:
        """Call `callback` when the client leaves, at once where it has left already."""
        self._callback = callback
        if self._left:
            callback()

    async def close(self) -> None:
        """Stop listening, and let go of whoever waited for it."""
        self._callback = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def _deliver(self, data: bytes, *, more: bool) -> bool:
        if self._left:
            return False
        message: Any = {"type": "http.response.body", "body": data, "more_body": more}
        await self._send(message)
        return not self._left

    async def _listen(self) -> None:
        message: Any = await self._receive()
        while message["type"] != "http.disconnect":
            message = await self._receive()
        self._leave()

    def _leave(self) -> None:
        self._left = True
        if self._callback is not None:
            self._callback()


def _duration(reset_us: int) -> bytes:
    """Return a wait as OpenAI writes it: `12ms`, `1.5s`, `1m0s`."""
    if reset_us < _SECOND_US:
        return b"%dms" % -(-reset_us // 1000)
    minutes, seconds = divmod(-(-reset_us // _SECOND_US), 60)
    return b"%dm%ds" % (minutes, seconds) if minutes else b"%ds" % seconds
