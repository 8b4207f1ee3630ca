"""Whether nodes that count as living do live: whether their heartbeats move.

A node that was killed counts as living until another one has watched it; a command that must not
come between a node and its database watches for itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from grip.store import boots
from grip.store.boots import Node
from grip.store.engine import Database

Sleep = Callable[[float], Awaitable[None]]

_LOOK_EVERY_S: Final = 1.0
_LOOKS: Final = 12
"""Longer than two heartbeats: one may come late."""


async def sleeping(seconds: float) -> None:
    """Sleep, by default."""
    await asyncio.sleep(seconds)


def _any(_node: Node) -> bool:
    return True


async def moving(
    database: Database, *, which: Callable[[Node], bool] = _any, sleep: Sleep = sleeping
) -> list[Node]:
    """Return nodes that are seen to live, of those that `which` is about.

    Returns as soon as there is one, or all have ended; at once where none counts as living.
    """
    before = {node.id: node.beats for node in await _living(database, which)}
    for _ in range(_LOOKS if before else 0):
        await sleep(_LOOK_EVERY_S)
        now = await _living(database, which)
        moved = [node for node in now if before.get(node.id) != node.beats]
        if moved or not now:
            return moved
    return []


async def _living(database: Database, which: Callable[[Node], bool]) -> list[Node]:
    async with database.read() as connection:
        return [node for node in await boots.living_nodes(connection) if which(node)]
