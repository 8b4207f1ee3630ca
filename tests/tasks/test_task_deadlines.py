"""Deadlines are bounded at both ends, and what an owner's server does changes no task.

Reports, by the numbers of the survey of other gateways: 26 (a last poll that outlived the
deadline), 27 (an upstream that nobody told to stop), 38 (a receiver that fails for 28 hours).
"""

from typing import Any

import pytest

from grip.providers.port import UpstreamRequest
from grip.services import callbacks
from grip.settings import Callbacks
from grip.tasks.callbacks import CallbackRules, Deliveries
from grip.tasks.callbacks.verdicts import SCHEDULE_S
from grip.transport.port import Reply, Timeouts, TransportFault
from tests.callbacks.conftest import OK, Receiver, answered, deliver
from tests.tasks.studio import EACH, Studio


@pytest.mark.parametrize("fault", [None, "timeout", "connect"])
async def test_the_last_cancellation_and_the_last_look_have_a_limit(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, fault: str | None
):
    """Reports 26 and 27: five seconds for the one and half a minute for the other, once each."""
    ana, model = await studio.house.customer(), await studio.sell("fail=never")
    task = await studio.begin(ana, model)
    await studio.until(task, "running")
    await studio.turn(after_s=(task.deadline_us - studio.clock.now_us) / 1e6 - 60)
    while (found := await studio.find(task)).due_us < task.deadline_us:
        assert found.due_us - studio.clock.now_us <= 6_000_000  # the sandbox's distance, at most
        await studio.turn(after_s=max(found.due_us - studio.clock.now_us, 0) / 1e6)
    assert found.due_us == task.deadline_us
    sent: list[tuple[str, float]] = []
    send = studio.network.send

    async def note(request: UpstreamRequest, timeouts: Timeouts) -> Reply:
        sent.append((request.method, timeouts.total_s))
        if fault is not None:
            raise TransportFault(fault, "as it was told")
        return await send(request, timeouts)

    monkeypatch.setattr(studio.network, "send", note)
    for _ in range(3):
        await studio.turn(after_s=60)

    assert sent == [("POST", 5), ("GET", 30)]
    await studio.assert_refunded(ana, task, "timeout")


async def _books(studio: Studio) -> list[Any]:
    """Return all that a callback must not touch."""
    tables = ("task", "task_result", "ledger_transfer", "usage", "wallet", "api_key")
    return [await studio.house.rows(table) for table in tables]


@pytest.mark.parametrize("does", ["", "fail=failed"])
async def test_a_receiver_that_fails_for_28_hours_does_not_change_the_task(
    studio: Studio, does: str
):
    """Report 38: through the whole schedule to the dead letter and its replay."""
    ana, model = await studio.house.customer(), await studio.sell(does)
    task = await studio.begin(ana, model, callback_url="https://hooks.example.com/")
    ended = await studio.until(task, "failed" if does else "completed")
    before = await _books(studio)
    broken = [TransportFault("timeout", "late"), TransportFault("tls", "bad")]
    receiver = Receiver(answers=[answered(500), *broken, answered(503)])
    worker = Deliveries(
        studio.house.database,
        receiver,
        terms=Callbacks(),
        rules=CallbackRules(allow=()),
        owner="one",
        clock=studio.clock,
        new_id=studio.house.context.new_id,
        chance=lambda: 0.5,
    )
    for wait_s in SCHEDULE_S:
        studio.clock.advance(wait_s)
        await deliver(worker)
    (row,) = await studio.house.rows("callback")

    assert (row["state"], row["attempts"], len(receiver.sent)) == ("dead", 8, 8)
    assert await _books(studio) == before
    receiver.answers = [OK]
    await callbacks.replay(studio.house.context, [row["id"]], actor="test")
    await deliver(worker)
    (row,) = await studio.house.rows("callback")
    assert row["state"] == "delivered"
    assert len(set(receiver.ids)) == 1
    assert await _books(studio) == before
    assert ended.credits == (0 if does else EACH)
