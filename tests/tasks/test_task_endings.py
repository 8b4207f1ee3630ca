"""Money and row of a task change together or not at all, whatever breaks between them.

Reports, by the numbers of the survey of other gateways: 3 (a crash between the verdict and the
refund), 5 (an insert that failed after the upstream had been asked), 9 (a failure told after the
charge).
"""

import pytest
import sqlalchemy as sa

from grip import errors, failpoints
from grip.money.pricing import Usage
from grip.store import tasks
from grip.store.engine import Connection
from grip.store.tasks import Task
from grip.tasks.ending import Counted
from grip.tasks.shown import task_view
from tests.tasks.conftest import FAILED, Shop
from tests.tasks.studio import EACH, Studio

LEASE_S = 61


class Died(Exception):
    """A worker ends in the middle of a transaction."""


def _die() -> None:
    raise Died


@pytest.mark.parametrize("moment", ["task.in_end", "task.before_commit"])
@pytest.mark.parametrize(("does", "phase"), [("", "completed"), ("fail=failed", "failed")])
async def test_a_task_is_never_over_without_its_money(
    studio: Studio, does: str, phase: str, moment: str
):
    """Report 3 (new-api): it dies among the last statements, and the next worker ends it whole."""
    ana, model = await studio.house.customer(), await studio.sell(does)
    task = await studio.begin(ana, model)
    await studio.until(task, "submitted")
    failpoints.arm(moment, _die)
    await studio.turn(after_s=5)
    failpoints.disarm()
    left = await studio.find(task)
    wallet = await studio.house.wallet(ana.wallet_id)
    closing = [row for row in await studio.house.rows("ledger_transfer") if row["pending_id"]]

    assert (left.is_over, wallet.balance, wallet.held, closing) == (False, 1_000, EACH, [])
    assert await studio.house.rows("usage") == []
    assert await studio.results(task) == []
    await studio.house.verify()
    await studio.turn(studio.open("two"), after_s=LEASE_S)
    wallet = await studio.house.wallet(ana.wallet_id)
    assert (await studio.find(task)).phase == phase
    assert (wallet.balance, wallet.held) == (1_000 - EACH * (phase == "completed"), 0)


async def _cut_off(connection: Connection, _: Task) -> None:
    """Let the database go away from a transaction, as each engine's does."""
    if connection.dialect.name == "sqlite":
        await connection.execute(sa.text("PRAGMA query_only = ON"))
        await connection.execute(sa.text("DELETE FROM task"))
    else:
        await connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))


async def test_a_task_that_cannot_be_written_is_never_asked_for(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    """Report 5 (new-api): the database is down at the insert; no upstream call, and no charge."""
    ana, model = await studio.house.customer(), await studio.sell("")
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "insert", _cut_off)
        with pytest.raises(errors.DatabaseUnavailable):
            await studio.begin(ana, model, idem_key="once", fingerprint="body")
    await studio.house.database.close()
    begun = await studio.turn(after_s=60)

    assert (begun, studio.upstream.posts) == (0, {})
    assert await studio.house.rows("task") == []
    assert await studio.house.rows("ledger_transfer", kind="task") == []
    await studio.house.untouched(ana)
    await studio.house.verify()
    again = await studio.begin(ana, model, idem_key="once", fingerprint="body")
    assert (await studio.until(again, "completed")).credits == EACH


@pytest.mark.parametrize("first", ["completed", "failed"])
async def test_a_verdict_after_the_first_changes_nothing_anywhere(shop: Shop, first: str):
    """Report 9 (elizaOS#11942): settled, then failed, or the other way: what is shown is booked."""
    ana = await shop.house.customer()
    held = await shop.held((await shop.begin(ana)).task)
    counted = Counted(usage=Usage(images=1), by="upstream")
    if first == "completed":
        assert await shop.endings.complete(held, counted) is not None
    else:
        assert await shop.endings.fail(held, FAILED) is not None
    wallet = await shop.house.wallet(ana.wallet_id)

    assert await shop.endings.fail(held, FAILED) is None
    assert await shop.endings.complete(held, counted) is None
    (closing,) = [row for row in await shop.house.rows("ledger_transfer") if row["pending_id"]]
    shown = task_view(await shop.find(held), (), shop.house.clock())
    booked = closing["amount"] if closing["phase"] == "post" else 0
    assert shown["status"] == first
    assert (shown["credits_charged"], shown["credits_refunded"]) == (booked, 41 - booked)
    assert booked == (40 if first == "completed" else 0)
    assert await shop.house.wallet(ana.wallet_id) == wallet
    assert shop.told == [f"{held.id}:{first}"]
