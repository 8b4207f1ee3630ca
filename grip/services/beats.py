"""Whether nodes that count as living do live: whether their heartbeats move.

A node that was killed counts as living until another one has watched it; a command that must not
come between a node and its database watches for itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from grip.store import boots
from grip.store.boots import Node
from grip.store.engine import Connection, Database

Sleep = Callable[[float], Awaitable[None]]
Which = Callable[[Node], bool]
Look = Mapping[str, int]
"""How often the heart of each node had beaten."""

_LOOK_EVERY_S: Final = 1.0
_LOOKS: Final = 12
"""Longer than two heartbeats: one may come late."""


async def sleeping(seconds: float) -> None:
    """Sleep, by default."""
    await asyncio.sleep(seconds)


def _any(_node: Node) -> bool:
    return True


async def looked(database: Database, *, which: Which = _any) -> Look:
    """Return the beats of the nodes that count as living, by id."""
    async with database.read() as connection:
        found = await boots.living_nodes(connection)
    return {node.id: node.beats for node in found if which(node)}


async def moved(connection: Connection, since: Look) -> list[Node]:
    """Return the living nodes that are new since a look, or whose hearts have beaten."""
    found = await boots.living_nodes(connection)
    return [node for node in found if since.get(node.id) != node.beats]


async def moving(database: Database, *, which: Which = _any, sleep: Sleep = sleeping) -> list[Node]:
    """Return nodes that are seen to live, of those that `which` is about.

    Returns as soon as there is one, or all have ended; at once where none counts as living.
    """
    before = await looked(database, which=which)
    for _ in range(_LOOKS if before else 0):
        await sleep(_LOOK_EVERY_S)
        async with database.read() as connection:
            now = [node for node in await boots.living_nodes(connection) if which(node)]
        seen = [node for node in now if before.get(node.id) != node.beats]
        if seen or not now:
            return seen
    return []
