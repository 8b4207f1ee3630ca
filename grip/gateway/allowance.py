"""What a stream may generate before its hold must grow, in slices, as long as there is money.

What has been generated is estimated from its text, and looked at only near the next mark. At three
quarters the next slice is asked for while the stream flows on; at the end it waits for the answer.
So nobody overdraws by more than what comes between two looks (docs/money.md).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from grip.money.estimates import text_tokens

Ask = Callable[[int], Awaitable[int]]
"""Asks for so many nano-credits more; returns how many were granted."""

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]

Read = Callable[[bytes], str]
"""Returns what was generated in the bytes of unread events."""

_BYTES_PER_TOKEN: Final = 2
"""Fewer bytes than any usual text has for each of its tokens: looks come early, not late."""

_FRESH_MAX_BYTES: Final = 64 * 1024
_STEP_TOKENS: Final = 8
"""Fewer are not worth a look: each rounds up what it counts."""

_NEVER: Final = 1 << 62


class Allowance:
    """Counts one stream against its hold; `slice_nano` is what `slice_tokens` more of it cost."""

    __slots__ = (
        "_ask",
        "_covered",
        "_frame_bytes",
        "_fresh",
        "_fresh_bytes",
        "_guess",
        "_is_at_end",
        "_known",
        "_look_at",
        "_pending",
        "_read",
        "_reported",
        "_slice_nano",
        "_slice_tokens",
        "_spawn",
        "_texts",
        "grown_nano",
        "is_used_up",
    )

    def __init__(
        self, *, covered: int, slice_tokens: int, slice_nano: int, ask: Ask, spawn: Spawn
    ) -> None:
        self.is_used_up = False
        self.grown_nano = 0
        self._ask = ask
        self._spawn = spawn
        self._covered = covered
        self._slice_tokens = slice_tokens
        self._slice_nano = slice_nano
        self._texts: list[str | bytes] = []
        self._fresh: list[str | bytes] = []
        self._fresh_bytes = 0
        self._read: Read = bytes.decode
        self._frame_bytes = 0
        self._known = 0
        self._guess = 0
        self._reported = 0
        self._pending: asyncio.Task[None] | None = None
        self._is_at_end = False
        self._look_at = self._next_mark() if slice_nano else _NEVER

    def read_with(self, read: Read) -> None:
        """Read unread events with `read` from now on."""
        self._read = read

    def text(self) -> str:
        """Return all that was generated."""
        self._pass_over()
        return self._joined(self._texts)

    def add(self, text: str, size: int) -> None:
        """Count the text of an event of `size` bytes."""
        self._frame_bytes = size - len(text.encode(errors="replace"))
        self._take(text, size, 1)

    def add_unread(self, data: bytes, events: int) -> None:
        """Count `events` that nobody has looked into."""
        self._take(data, len(data), events)

    def report(self, output_tokens: int) -> None:
        """Take the upstream's own count of what it has generated so far, where it tells.

        It stands for all that came before it, unless it stands still: some upstreams say the same
        until the end.
        """
        if output_tokens > self._reported:
            self._pass_over()
            self._reported = self._known = output_tokens
            self._decide()

    async def extend(self) -> bool:
        """Wait until the stream may go on; returns whether it may. Raises what asking raises."""
        while self.is_used_up and not self._is_at_end:
            if self._pending is None:
                self._pending = self._spawn(self._grow())
            await asyncio.shield(self._pending)
        return not self.is_used_up

    def _take(self, piece: str | bytes, size: int, events: int) -> None:
        """Guess what came: a token for each event, and what their size tells beyond their frame."""
        self._fresh.append(piece)
        self._fresh_bytes += size
        beyond = size - events * self._frame_bytes
        self._guess += max(events, -(-beyond // _BYTES_PER_TOKEN))
        if self._known + self._guess >= self._look_at or self._fresh_bytes > _FRESH_MAX_BYTES:
            self._look()
            self._decide()

    def _look(self) -> None:
        """Count what came since the last look for what it is."""
        if not self._fresh:
            return
        text = self._joined(self._fresh)
        self._fresh = [text]
        self._known += text_tokens(text)
        self._pass_over()

    def _pass_over(self) -> None:
        """Keep what came since the last look without looking: its count is known, or not asked."""
        self._texts += self._fresh
        self._fresh = []
        self._fresh_bytes = self._guess = 0

    def _joined(self, pieces: list[str | bytes]) -> str:
        read = self._read
        return "".join([piece if isinstance(piece, str) else read(piece) for piece in pieces])

    def _decide(self) -> None:
        """Ask for more where three quarters are used, and say where all is."""
        if not self._slice_nano:
            return
        self.is_used_up = self._known >= self._covered
        if self._known >= self._mark() and self._pending is None and not self._is_at_end:
            self._pending = self._spawn(self._grow())
        self._look_at = self._next_mark()

    def _mark(self) -> int:
        return self._covered - min(self._slice_tokens, self._covered) // 4

    def _next_mark(self) -> int:
        mark = self._mark() if self._known < self._mark() else self._covered
        return max(mark, self._known + _STEP_TOKENS)

    async def _grow(self) -> None:
        missing = max(self._known - self._covered, 0)
        asked = self._slice_nano * (1 + missing // self._slice_tokens)
        try:
            granted = await self._ask(asked)
        finally:
            self._pending = None
        self.grown_nano += granted
        self._covered += self._slice_tokens * granted // self._slice_nano
        self._is_at_end = granted < asked
        self._decide()
