"""The step `leases`: what dead processes held, and old runs of living ones.

A heartbeat has to be watched before it is said to stand still: the step looks for as long as that
takes, unless all that live have beaten before.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from grip.app import App
from grip.gateway.boots import BEAT_EVERY_S, DEAD_AFTER_S
from grip.services.maintenance.step import Done, Run
from grip.store import boots

WHAT: Final = "release what dead processes held"

_LOOKS: Final = DEAD_AFTER_S // BEAT_EVERY_S + 1


async def run(
    app: App, how: Run, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Done:
    """Resolve the holds of processes that are dead, and forget those that ended long ago."""
    if how.dry_run:
        async with app.context.database.read() as connection:
            return Done(did={"holds": await boots.orphaned(connection)})
    resolved = await app.janitor.run()
    before = await _living(app)
    for look in range(_LOOKS):
        if not await _stand_still(app, before):
            break
        how.told(look, _LOOKS)
        await sleep(BEAT_EVERY_S)
        resolved += await app.janitor.run()
    return Done(did={"holds": resolved, "boots": await app.janitor.forget()})


async def _living(app: App) -> dict[str, int]:
    async with app.context.database.read() as connection:
        return await boots.living(connection)


async def _stand_still(app: App, before: dict[str, int]) -> bool:
    """Return whether a boot other than this one's is where it was `before`, and has not ended."""
    now = await _living(app)
    return any(now.get(boot) == beats for boot, beats in before.items() if boot != app.boot.id)
