"""Real workers: `grip serve` delivers by itself, and one that is killed loses no callback.

Reports, by the numbers of the survey of other gateways: 35 (titen#48 and OpenWA#1402, a worker that
is killed in the middle of a delivery).
"""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from grip.clock import system_clock
from grip.services import callback_secrets
from grip.store.tables import callback
from tests import forks
from tests.callbacks.conftest import Post, verified
from tests.conftest import FakeClock
from tests.e2e.gateway import environ
from tests.transport.strangers import Stranger, answers, in_turn, stranger


@pytest.fixture
def clock() -> FakeClock:
    """A clock at the time of the machine, as the processes have it."""
    return FakeClock(system_clock())


@contextmanager
def serving(post: Post, server: Stranger, folder: Path) -> Iterator[forks.Popen]:
    """Run a gateway that may reach the receiver; it is gone when the block ends."""
    variables = {
        **environ(post.database.url),
        "GRIP_CALLBACKS_ALLOW": str(server.place),
        "GRIP_SERVER_PORT": "0",
    }
    words = [sys.executable, "-m", "grip", "serve"]
    with (folder / "log").open("ab") as log:
        process = forks.Popen(words, env=variables, cwd=folder, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_a_worker_that_is_killed_leaves_its_callback_to_the_next(post: Post, tmp_path: Path):
    """Report 35: SIGKILL between the claim and the answer; delivered again under the same id."""
    begun, done = asyncio.Event(), asyncio.Event()
    made = await callback_secrets.create(post.context, post.wallet_id, actor="test")

    async def hold(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        begun.set()
        await reader.read()

    async def thank(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers("HTTP/1.1 204 Thanks")(reader, writer)
        done.set()

    async with stranger(in_turn(hold, thank)) as server:
        callback_id = await post.enqueue(url=server.url)
        with serving(post, server, tmp_path) as killed:
            await begun.wait()
            killed.kill()
            await asyncio.to_thread(killed.wait)
        left = await post.get(callback_id)
        async with post.database.write() as connection:  # as if its lease were over by now
            await connection.execute(sa.update(callback).values(lease_until_us=1))
        with serving(post, server, tmp_path) as stopped:
            await done.wait()
            stopped.send_signal(signal.SIGTERM)
            status = await asyncio.to_thread(stopped.wait)
    row = await post.get(callback_id)

    assert (left.state, left.attempts, status) == ("pending", 1, 0)
    assert {verified(made.secret, one) for one in server.requests} == {(callback_id, "task_1")}
    assert len(server.requests) == 2
    assert (row.state, row.attempts) == ("delivered", 2)
    assert [one.outcome for one in await post.history(callback_id)] == ["interrupted", "delivered"]
