"""Answers kept under Idempotency-Keys: for a day, on real books, on each engine."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from grip import errors
from grip.clock import system_clock
from grip.gateway import answers as gateway_answers
from grip.gateway.answers import MAX_BYTES, Answers
from grip.gateway.call import Call
from grip.money.amounts import NANO
from grip.money.claims import KEPT_US
from grip.money.entries import Admit, Admitted, Answer, Settle
from grip.store.books import HotBooks
from grip.store.engine import Database
from grip.store.idempotency import StoredAnswer
from tests.books.conftest import Customer, House
from tests.conftest import FakeClock

MEGABYTE = 1024 * 1024
AGE = "UPDATE idempotency SET created_us = created_us - 86400000000"
AGE_ANSWERS = "UPDATE idempotency_answer SET created_us = created_us - 86400000000"
HELLO = Answer(content_type="application/json", body=b'{"said":"hello"}')


class Desk:
    """Calls with the Idempotency-Key `order`, and what becomes of them."""

    def __init__(self, house: House, books: HotBooks, ana: Customer, call: Any) -> None:
        self.house = house
        self.books = books
        self.ana = ana
        self.clock: Any = house.clock
        self.answers = Answers(house.database, house.clock)
        self._call = call

    def call(self, fingerprint: str = "body", idem_key: str | None = "order") -> Call:
        made: Call = self._call(idem_key=idem_key, fingerprint=fingerprint)
        return made

    async def recall(self, **call: Any) -> StoredAnswer | None:
        return await self.answers.recall(self.call(**call), self.ana.key_id)

    async def admit(self, fingerprint: str = "body", idem_key: str = "order") -> Admit:
        """Admit a call that runs from now on."""
        entry = await self.house.asks(
            self.books, self.ana, 10, idem_key=idem_key, fingerprint=fingerprint
        )
        assert isinstance(await self.books.submit(entry), Admitted)
        return entry

    async def settle(self, entry: Admit, answer: Answer | None = HELLO) -> None:
        charge: Settle = self.house.settles(entry, 3 * NANO)
        await self.books.submit(charge._replace(answer=answer))

    async def created_us(self) -> int:
        (claim,) = await self.house.rows("idempotency")
        return int(claim["created_us"])


@pytest.fixture
def clock() -> FakeClock:
    """A clock at the database's own time."""
    return FakeClock(system_clock())


@pytest.fixture
async def desk(database: Database, clock: FakeClock, call: Any) -> AsyncIterator[Desk]:
    house = House(database, clock)
    await house.prepare()
    books = await house.open()
    yield Desk(house, books, await house.customer(), call)
    await house.close()


async def test_nothing_is_known_of_a_key_that_nobody_sent(desk: Desk):
    """Nor of a call without one; it is the first, and may be carried out."""
    assert await desk.recall() is None
    assert await desk.recall(idem_key=None) is None


async def test_an_answer_is_given_as_it_was_stored(desk: Desk):
    """With its request and its charge."""
    entry = await desk.admit()
    await desk.settle(entry)

    assert await desk.recall() == StoredAnswer(
        request_id=entry.request_id,
        content_type="application/json",
        body=b'{"said":"hello"}',
        credits=3,
        cost_nano=3 * NANO,
    )
    assert await desk.recall(idem_key="ORDER") is None
    assert await desk.answers.recall(desk.call(), "key_other") is None


async def test_a_call_that_runs_or_lost_its_answer_is_told(desk: Desk):
    """Another body is told first of all."""
    entry = await desk.admit()
    with pytest.raises(errors.IdempotencyKeyInUse) as running:
        await desk.recall()
    with pytest.raises(errors.IdempotencyKeyReused):
        await desk.recall(fingerprint="other")
    await desk.settle(entry, None)
    with pytest.raises(errors.IdempotencyResultUnavailable) as lost:
        await desk.recall()
    with pytest.raises(errors.IdempotencyKeyReused):
        await desk.recall(fingerprint="other")

    assert running.value.retry_after_s == 1
    assert lost.value.metadata == {"request_id": entry.request_id}


async def test_an_answer_is_given_for_a_day_and_not_a_moment_longer(desk: Desk):
    """Counted from the call's admission."""
    await desk.settle(await desk.admit())
    created_us = await desk.created_us()
    desk.clock.now_us = created_us + KEPT_US - 1
    assert await desk.recall() is not None
    desk.clock.now_us = created_us + KEPT_US

    assert await desk.recall() is None
    assert await desk.recall(fingerprint="other") is None


async def test_a_call_that_runs_for_more_than_a_day_keeps_its_key(desk: Desk):
    """Nothing about it is known to be over."""
    entry = await desk.admit()
    desk.clock.advance(25 * 3600)
    with pytest.raises(errors.IdempotencyKeyInUse):
        await desk.recall()
    await desk.house.run(AGE)
    assert await desk.answers.sweep() == 0
    with pytest.raises(errors.IdempotencyKeyInUse):
        await desk.books.submit(
            await desk.house.asks(desk.books, desk.ana, idem_key="order", fingerprint="body")
        )
    await desk.settle(entry)

    assert (await desk.house.rows("idempotency"))[0]["state"] == "kept"


@pytest.mark.parametrize("answer", [HELLO, None])
@pytest.mark.parametrize("swept", [True, False])
async def test_after_a_day_a_key_begins_anew(
    desk: Desk,
    answer: Answer | None,
    swept: bool,  # noqa: FBT001
):
    """For any body, whether the old answer has been swept yet or not."""
    await desk.settle(await desk.admit(), answer)
    await desk.house.run(AGE)
    if swept:
        desk.clock.advance(3600)
        await desk.answers.sweep()
    second = await desk.admit("other")
    await desk.settle(second, Answer(content_type="text/event-stream", body=b"data: anew\n\n"))
    found = await desk.recall(fingerprint="other")

    assert found is not None
    assert (found.request_id, found.body) == (second.request_id, b"data: anew\n\n")
    with pytest.raises(errors.IdempotencyKeyReused):
        await desk.recall()


async def test_a_call_that_failed_leaves_nothing(desk: Desk):
    """Its key is free for any body at once."""
    entry = await desk.admit()
    await desk.books.submit(desk.house.releases(entry))

    assert await desk.recall(fingerprint="other") is None
    assert await desk.house.rows("idempotency") == []
    assert await desk.admit("other")


@pytest.mark.parametrize(
    ("size", "with_the_charge"), [(0, True), (MEGABYTE, True), (MEGABYTE + 1, False)]
)
async def test_a_large_answer_is_stored_before_its_charge(
    desk: Desk,
    size: int,
    with_the_charge: bool,  # noqa: FBT001
):
    """So that the transaction of the charge stays small; both are given again alike."""
    entry = await desk.admit()
    call = desk.call()
    call.request_id = entry.request_id
    kept = await desk.answers.keep(call, "application/json", b"x" * size)
    stored = await desk.house.rows("idempotency_answer")
    await desk.settle(entry, kept)
    found = await desk.recall()

    assert kept is not None
    assert (kept.body is not None, len(stored)) == (with_the_charge, int(not with_the_charge))
    assert found is not None
    assert found.body == b"x" * size


async def test_a_call_is_charged_although_its_large_answer_cannot_be_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    """The upstream has done its work; a repetition is told that the answer is lost."""
    entry = await desk.admit()

    async def full(*_: Any) -> None:
        raise errors.DatabaseUnavailable("the database cannot be used", detail="disk is full")

    monkeypatch.setattr("grip.store.idempotency.put_answer", full)
    kept = await desk.answers.keep(desk.call(), "text/plain", b"x" * (MEGABYTE + 1))
    await desk.settle(entry, kept)

    assert kept is None
    assert (await desk.house.wallet(desk.ana.wallet_id)).balance == 997
    with pytest.raises(errors.IdempotencyResultUnavailable):
        await desk.recall()


async def test_what_is_too_large_or_has_no_key_is_not_kept(desk: Desk):
    """Eight megabytes at the most."""
    large = await desk.answers.keep(desk.call(), "text/plain", b"x" * (MAX_BYTES + 1))
    keyless = await desk.answers.keep(desk.call(idem_key=None), "text/plain", b"x")

    assert (large, keyless) == (None, None)
    assert await desk.house.rows("idempotency_answer") == []


async def test_sweeping_takes_what_is_older_than_a_day(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """In small transactions, however much there is; what is younger stays."""
    monkeypatch.setattr(gateway_answers, "_SWEEP_ROWS", 2)
    for number in range(5):
        await desk.settle(await desk.admit(idem_key=f"old {number}"))
    await desk.settle(await desk.admit(idem_key="lost"), None)
    await desk.house.run(AGE)
    await desk.house.run(AGE_ANSWERS)
    desk.clock.advance(3600)
    young = await desk.admit()
    await desk.settle(young)

    assert await desk.answers.sweep() == 6 + 5
    assert await desk.answers.sweep() == 0
    assert [row["request_id"] for row in await desk.house.rows("idempotency")] == [young.request_id]
    assert await desk.recall() is not None
    await desk.house.verify()


async def test_an_answer_whose_call_failed_after_all_is_swept(desk: Desk):
    """It was stored before a charge that did not come."""
    entry = await desk.admit()
    call = desk.call()
    call.request_id = entry.request_id
    await desk.answers.keep(call, "text/plain", b"x" * (MEGABYTE + 1))
    await desk.house.run(AGE_ANSWERS)
    desk.clock.advance(3600)
    assert await desk.answers.sweep() == 0
    await desk.books.submit(desk.house.releases(entry))

    assert await desk.answers.sweep() == 1
    assert await desk.house.rows("idempotency_answer") == []


async def test_an_answer_that_is_gone_is_told_to_be_gone(desk: Desk):
    """And the call is not carried out again."""
    await desk.settle(await desk.admit())
    await desk.house.run("DELETE FROM idempotency_answer")

    with pytest.raises(errors.IdempotencyResultUnavailable, match="not kept any more"):
        await desk.recall()
