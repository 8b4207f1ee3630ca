"""What a stream may generate before its hold must grow, in slices, as long as there is money.

What has been generated is estimated from its text, and looked at only near the next mark. At three
quarters the next slice is asked for while the stream flows on; at the end it waits for the answer.
So nobody overdraws by more than the few tokens between two looks (docs/money.md).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from grip.money.estimates import text_tokens

Ask = Callable[[int], Awaitable[int]]
"""Asks for so many nano-credits more; returns how many were granted."""

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]

_BYTES_PER_CHARACTER: Final = 4
"""A token is at least a byte, and a character is at most four: the looks cannot come too late."""

_STEP_CHARACTERS: Final = 16


class Allowance:
    """Counts one stream against its hold; `slice_nano` is what `slice_tokens` more of it cost."""

    __slots__ = (
        "_ask",
        "_at",
        "_characters",
        "_covered",
        "_is_at_end",
        "_known",
        "_look_at",
        "_pending",
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
        self._texts: list[str] = []
        self._at = 0
        self._characters = 0
        self._known = 0
        self._pending: asyncio.Task[None] | None = None
        self._is_at_end = False
        self._look_at = self._distance()

    @property
    def text(self) -> str:
        """All that was generated."""
        return "".join(self._texts)

    def add(self, text: str) -> None:
        """Count what was generated."""
        self._texts.append(text)
        self._characters += len(text)
        if self._characters >= self._look_at:
            self._look()

    def report(self, output_tokens: int) -> None:
        """Take the upstream's own count of what it has generated so far, where it tells."""
        if output_tokens > self._known:
            self._known = output_tokens
            self._decide()

    async def extend(self) -> bool:
        """Wait until the stream may go on; returns whether it may. Raises what asking raises."""
        while self.is_used_up and not self._is_at_end:
            if self._pending is None:
                self._pending = self._spawn(self._grow())
            await asyncio.shield(self._pending)
        return not self.is_used_up

    def _look(self) -> None:
        self._known += text_tokens("".join(self._texts[self._at :]))
        self._at = len(self._texts)
        self._characters = 0
        self._decide()

    def _decide(self) -> None:
        if not self._slice_nano:
            self._look_at = 1 << 62
            return
        self.is_used_up = self._known >= self._covered
        if self._known >= self._mark() and self._pending is None and not self._is_at_end:
            self._pending = self._spawn(self._grow())
        self._look_at = self._distance()

    def _mark(self) -> int:
        return self._covered - self._covered // 4

    def _distance(self) -> int:
        """Return the characters that can come before the next mark cannot be passed unseen."""
        mark = self._mark() if self._known < self._mark() else self._covered
        return max((mark - self._known) // _BYTES_PER_CHARACTER, _STEP_CHARACTERS)

    async def _grow(self) -> None:
        try:
            granted = await self._ask(self._slice_nano)
        finally:
            self._pending = None
        self.grown_nano += granted
        self._covered += self._slice_tokens * granted // self._slice_nano
        self._is_at_end = granted < self._slice_nano
        self._decide()
