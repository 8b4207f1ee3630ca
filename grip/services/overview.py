"""What goes on at this moment: the charged calls of the last minute, what is open, who is sick.

Owns the window and its sums, which are of integers. Refuses to say what is good. All is read from
the books, so that it tells of every worker and node; calls that failed are not among it.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from grip.money.amounts import NANO, usd
from grip.services import channels
from grip.services.context import Context
from grip.store import channels as channel_rows
from grip.store import overview
from grip.store.health import Ailment
from grip.store.overview import Call, Open

WINDOW_S: Final = 60
_WINDOW_US: Final = WINDOW_S * 1_000_000
_MOST: Final = 50_000
"""Calls in the window; of more, the newest are counted."""

_MOST_GAPS: Final = 1_000
_BEHIND: Final = 64
"""How far below the first row in the window others may still be under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Sums of calls; of times the middle one, and the one that 95 of 100 stay below."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_nano: int
    retried: int
    p50_ms: int
    p95_ms: int
    first_byte_p50_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel: its traffic, and what it is sick with."""

    name: str
    enabled: bool
    ailments: tuple[Ailment, ...]
    traffic: Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All of it, as it stood at `at_us`."""

    at_us: int
    traffic: Traffic
    open: Open
    models: tuple[tuple[str, Traffic], ...]
    channels: tuple[Channel, ...]


class Watch:
    """Looks again and again, and reads what is new alone."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._calls: deque[Call] = deque(maxlen=_MOST)
        self._after: int | None = None

    async def look(self) -> Overview:
        """Return how it stands now."""
        now_us = self._context.clock()
        async with self._context.database.read() as connection:
            since_us = now_us - _WINDOW_US
            late = await overview.some(connection, self._gaps(), since_us=since_us)
            fresh = await overview.calls(
                connection, since_us=since_us, after=self._after, limit=_MOST
            )
            standing = await overview.standing(connection)
            known = await channel_rows.load(connection)
        sick = await channels.ailments(self._context)
        self._take([*fresh, *late], now_us)
        by_channel = _grouped((call.channel, call) for call in self._calls)
        return Overview(
            at_us=now_us,
            traffic=traffic(self._calls),
            open=standing,
            models=tuple(
                sorted(
                    ((name, traffic(calls)) for name, calls in self._by_model().items()),
                    key=lambda one: (-one[1].calls, one[0]),
                )
            ),
            channels=tuple(
                Channel(
                    name=channel.name,
                    enabled=channel.enabled,
                    ailments=tuple(sick.get(channel.id, ())),
                    traffic=traffic(by_channel.get(channel.name, ())),
                )
                for channel in known
            ),
        )

    def _gaps(self) -> list[int]:
        """Return the newest numbers of rows in the window that nobody has seen.

        PostgreSQL numbers rows before they are committed: a batch may come after a later one.
        """
        seen = {call.seq for call in self._calls}
        if not seen:
            return []
        between = range(max(seen), max(0, min(seen) - _BEHIND), -1)
        return list(islice((seq for seq in between if seq not in seen), _MOST_GAPS))

    def _take(self, fresh: Sequence[Call], now_us: int) -> None:
        if fresh:
            self._after = max(self._after or 0, *(call.seq for call in fresh))
        self._calls.extend(reversed(fresh))
        self._calls = deque(
            (call for call in self._calls if call.created_us >= now_us - _WINDOW_US), maxlen=_MOST
        )

    def _by_model(self) -> dict[str, list[Call]]:
        return _grouped((call.model, call) for call in self._calls)


def traffic(calls: Iterable[Call]) -> Traffic:
    """Return the sums of calls."""
    every = list(calls)
    times = sorted(call.latency_ms for call in every)
    return Traffic(
        calls=len(every),
        input_tokens=sum(call.input_tokens for call in every),
        output_tokens=sum(call.output_tokens for call in every),
        cost_nano=sum(call.cost_nano for call in every),
        retried=sum(call.attempts > 1 for call in every),
        p50_ms=_below(times, 50),
        p95_ms=_below(times, 95),
        first_byte_p50_ms=_below(sorted(call.first_byte_ms for call in every), 50),
    )


def describe(found: Overview) -> dict[str, Any]:
    """Return it as JSON knows it; sums are of the last minute."""
    standing = found.open
    return {
        "window_s": WINDOW_S,
        **_described(found.traffic),
        "open_calls": standing.calls,
        "oldest_call_s": None
        if standing.oldest_us is None
        else max(0, found.at_us - standing.oldest_us) // 1_000_000,
        "tasks": standing.tasks,
        "callbacks": standing.callbacks,
        "workers": standing.workers,
        "hosts": standing.hosts,
        "balance": standing.balance,
        "held": standing.held,
        "debt": standing.debt,
        "models": [{"model": name, **_described(sums)} for name, sums in found.models],
        "channels": [
            {
                "channel": channel.name,
                "enabled": channel.enabled,
                "sick": [f"{one.model}: {one.reason}" for one in channel.ailments],
                **_described(channel.traffic),
            }
            for channel in found.channels
        ],
    }


def _described(sums: Traffic) -> dict[str, Any]:
    return {
        "calls": sums.calls,
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "cost_usd": usd(sums.cost_nano, 1),
        "credits": sums.cost_nano // NANO,
        "retried": sums.retried,
        "p50_ms": sums.p50_ms,
        "p95_ms": sums.p95_ms,
        "first_byte_p50_ms": sums.first_byte_p50_ms,
    }


def _below(times: Sequence[int], percent: int) -> int:
    """Return the time that so many of a hundred stay below or at, 0 where there are none."""
    if not times:
        return 0
    return times[max(0, -(-len(times) * percent // 100) - 1)]


def _grouped(pairs: Iterable[tuple[str, Call]]) -> dict[str, list[Call]]:
    groups: dict[str, list[Call]] = {}
    for name, call in pairs:
        groups.setdefault(name, []).append(call)
    return groups
