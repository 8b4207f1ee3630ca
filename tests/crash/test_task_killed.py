"""kill -9 in the middle of the transaction that ends a task: all of it is there, or nothing.

Reports, by the numbers of the survey of other gateways: 3 (a crash between the verdict and the
refund left tasks that were over and never given back).
"""

import json
import signal
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from grip.clock import system_clock
from grip.store.tables import task
from tests import forks
from tests.conftest import FakeClock
from tests.e2e.gateway import STOP_S, environ
from tests.tasks.conftest import studio
from tests.tasks.studio import EACH, Studio

__all__ = ["studio"]


@pytest.fixture
def clock() -> FakeClock:
    """A clock at the time of the machine, as the processes have it."""
    return FakeClock(system_clock())


def _worker(url: str, folder: Path) -> forks.Popen:
    """Start a worker that dies where the file `strike` says so."""
    orders = json.dumps({"strike": str(folder / "strike")})
    words = [sys.executable, "-m", "tests.crash.launcher", orders, "worker"]
    with (folder / "log").open("ab") as log:
        return forks.Popen(words, env=environ(url), cwd=folder, stdout=log, stderr=log)


async def _let_go(studio: Studio) -> None:
    """Let all tasks be due, as if the leases of the dead were over."""
    async with studio.house.database.write() as connection:
        await connection.execute(sa.update(task).values(lease_until_us=0, due_us=1))


async def test_a_worker_that_is_killed_while_a_task_ends_leaves_it_whole(
    studio: Studio, tmp_path: Path
):
    """Report 3: not over, and nothing moved; the next worker ends it, and charges it once."""
    ana, model = await studio.house.customer(), await studio.sell("", urls=("",))
    begun = await studio.begin(ana, model)
    await studio.turn()
    (tmp_path / "strike").write_text("task.before_commit 1 one")
    await _let_go(studio)
    process = _worker(studio.house.database.url, tmp_path)
    assert process.wait(STOP_S) == -signal.SIGKILL, (tmp_path / "log").read_text()
    left = await studio.find(begun)
    wallet = await studio.house.wallet(ana.wallet_id)

    assert (left.phase, wallet.balance, wallet.held) == ("fetching", 1_000, EACH)
    assert await studio.results(begun) == []
    assert await studio.house.rows("usage") == []
    await studio.house.verify()
    await _let_go(studio)
    ended = await studio.until(begun, "completed")
    assert ended.credits == EACH
    assert (await studio.house.wallet(ana.wallet_id)).balance == 1_000 - EACH
