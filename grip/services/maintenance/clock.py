"""Whether the machine's clock is to be believed, before anything is deleted or billed by it.

A clock that jumps a month would make what is young look old. Time is believed as far as the
database has seen it pass: from the last run of maintenance, or the oldest detail, without a gap of
more than two days. Refuses to take the word of what was written after a gap: it had the same clock.
"""

from typing import Final

from grip.clock import to_iso
from grip.services.context import Context
from grip.store import details, maintenance
from grip.store.engine import Connection

GAP_US: Final = 48 * 3600 * 1_000_000
_SEEN: Final = "clock"


async def objection(context: Context, now_us: int) -> str | None:
    """Return why the clock is not believed, None where it is."""
    async with context.database.read() as connection:
        seen_us = await _seen_until(connection, now_us)
    if seen_us is None or now_us - seen_us <= GAP_US:
        return None
    return (
        f"the clock says {to_iso(now_us)}, and nothing was seen of the 48 hours after "
        f"{to_iso(seen_us)}: nothing is deleted or billed by it. If it is right, run once: "
        "grip maintenance --trust-clock"
    )


async def believe(context: Context, now_us: int) -> None:
    """Remember that it was so late."""
    async with context.database.write() as connection:
        await maintenance.put(connection, _SEEN, now_us, now_us)


async def _seen_until(connection: Connection, now_us: int) -> int | None:
    """Return until when time was seen to pass, None where there is nothing to tell by."""
    seen_us: int | None = await maintenance.get(connection, _SEEN)
    if seen_us is None:
        seen_us = await details.oldest_us(connection)
    while seen_us is not None and now_us - seen_us > GAP_US:
        newest = await details.newest_us(connection, seen_us, seen_us + GAP_US)
        if newest is None:
            break
        seen_us = newest
    return seen_us
