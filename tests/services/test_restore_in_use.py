"""A node that begins, or goes on, while the file that is to take its database's place is proven."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from grip import errors
from grip.services import backups
from grip.services.backups import Restore
from grip.services.context import Context
from grip.store import boots


async def still(_seconds: float) -> None:
    """Sleep while nobody else does anything."""


@pytest.mark.parametrize("node", ["boot_slept", "boot_new"])
async def test_a_node_that_lives_after_the_first_look_keeps_its_tables(
    postgres_url: str, other: Callable[..., Context], tmp_path: Path, node: str
):
    """Proving takes long: a socket may have started one, a machine may have gone on."""
    there = other(postgres_url)
    async with there.database.write() as connection:
        await boots.register(connection, "boot_slept", host="node-9", region="", now_us=1)
    made = await backups.backup(there, tmp_path / "b.db", actor="ana")
    loop = asyncio.get_running_loop()
    lives: list[None] = []

    async def live() -> None:
        async with there.database.write() as connection:
            if node == "boot_new":
                await boots.register(connection, node, host="node-9", region="", now_us=2)
            await boots.beat(connection, node)

    def told(_done: int, _of: int | None) -> None:
        if not lives:
            lives.append(asyncio.run_coroutine_threadsafe(live(), loop).result(10))

    wish = Restore(file=made.file, actor="eve")
    with pytest.raises(errors.Conflict, match="node-9"):
        await backups.restore(there, wish, replace=True, told=told, sleep=still)

    async with there.database.write() as connection:
        assert await boots.beat(connection, node)
    await backups.restore(there, wish, replace=True, sleep=still)
