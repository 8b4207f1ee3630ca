"""Idempotency-Keys in a real database: one call for each, and the answer with its charge."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from grip import errors
from grip.money import claims
from grip.money.amounts import NANO
from grip.money.entries import CRASH_VOID, Admit, Admitted, Answer, Entry, Gone, Released, Settled
from grip.store import idempotency
from grip.store.idempotency import StoredAnswer
from grip.store.tables import metadata

ANSWER = Answer(content_type="application/json", body=b'{"a": 1}')


async def claiming(house: Any, books: Any, customer: Any, **changes: Any) -> Any:
    """Return an admission with an Idempotency-Key."""
    return await house.asks(books, customer, 5, idem_key="idem", fingerprint="body", **changes)


def again(entry: Admit, number: int) -> Admit:
    """Return another call with the same Idempotency-Key."""
    return entry._replace(request_id=f"{entry.request_id}_{number}")


async def stored(house: Any, entry: Admit) -> StoredAnswer | None:
    """Return the answer that a call with the same Idempotency-Key would be given."""
    async with house.database.read() as connection:
        return await idempotency.answer(connection, entry.request_id)


async def body(house: Any, entry: Admit) -> bytes | None:
    answer = await stored(house, entry)
    return None if answer is None else answer.body


async def age(house: Any, entry: Admit) -> None:
    """Make the claim of an admission an old one."""
    table = metadata.tables["idempotency"]
    change = sa.update(table).where(table.c.idem_key == entry.idem_key).values(created_us=1)
    async with house.database.write() as connection:
        await connection.execute(change)


async def swept(house: Any, before_us: int, limit: int = 100) -> int:
    async with house.database.write() as connection:
        return await idempotency.sweep(connection, before_us, limit)


async def test_of_many_calls_with_one_key_in_several_books_one_is_carried_out(house):
    """The others are told that it runs, then that it ran; it is charged once."""
    three = [await house.open() for _ in range(3)]
    ana = await house.customer()
    entry = await claiming(house, three[0], ana)
    outcomes: list[Any] = []

    async def call(number: int) -> None:
        own, books = again(entry, number), three[number % 3]
        try:
            outcomes.append(await books.submit(own))
        except errors.GripError as error:
            outcomes.append(error)
            return
        settle = house.settles(own, 2 * NANO)._replace(answer=ANSWER)
        outcomes.append(await three[(number + 1) % 3].submit(settle))

    await asyncio.gather(*map(call, range(30)))

    assert sum(isinstance(outcome, Admitted) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Settled) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, errors.IdempotencyKeyInUse) for outcome in outcomes) == 29
    assert (await house.wallet(ana.wallet_id)).balance == 998
    await house.verify()


async def test_a_key_goes_from_one_failed_call_to_the_next_and_never_to_two(house):
    """Calls in several books that fail and come again: one at a time holds the key."""
    three = [await house.open() for _ in range(3)]
    ana = await house.customer()
    entry = await claiming(house, three[0], ana)
    running = most = carried_out = 0

    async def call(number: int) -> None:
        nonlocal running, most, carried_out
        for turn in range(5):
            own = entry._replace(request_id=f"req_{number}_{turn}")
            try:
                await three[(number + turn) % 3].submit(own)
            except errors.IdempotencyKeyInUse:
                continue
            running += 1
            carried_out += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            assert await three[number % 3].submit(house.releases(own)) == Released()

    await asyncio.gather(*map(call, range(12)))

    assert most == 1
    assert carried_out > 0
    assert await house.rows("idempotency") == []
    await house.untouched(ana)


async def test_the_same_words_of_two_keys_are_two_claims(house, books):
    """Each in the scope of its API key."""
    ana, bob = await house.customer(), await house.customer()
    entries = [await claiming(house, books, who) for who in (ana, bob)]

    assert [type(outcome) for outcome in await house.all(books, *entries)] == [Admitted] * 2
    assert len(await house.rows("idempotency")) == 2


async def test_an_answer_is_kept_by_the_transaction_that_charges_it(house, books):
    """Together with the charge it can be given again; it is kept once."""
    ana = await house.customer()
    entry = await claiming(house, books, ana)
    await books.submit(entry)
    assert await stored(house, entry) is None
    settle = house.settles(entry, 2 * NANO + 1)._replace(answer=ANSWER)
    outcomes = await house.all(books, settle, settle)

    assert outcomes[0] == outcomes[1]
    assert await stored(house, entry) == StoredAnswer(
        request_id=entry.request_id,
        content_type="application/json",
        body=b'{"a": 1}',
        credits=2,
        cost_nano=2 * NANO + 1,
    )
    with pytest.raises(errors.IdempotencyKeyInUse):
        await books.submit(again(entry, 1))
    with pytest.raises(errors.IdempotencyKeyReused):
        await books.submit(again(entry, 2)._replace(fingerprint="other"))


async def test_a_charge_that_fails_keeps_no_answer(house, books):
    """Neither half is there without the other; the next try writes both."""
    ana = await house.customer()
    entry = await claiming(house, books, ana)
    await books.submit(entry)
    settle = house.settles(entry, NANO)._replace(answer=ANSWER)
    with pytest.raises(errors.BooksBroken):
        await books.submit(settle._replace(cost_nano=2**80))
    assert await house.rows("idempotency_answer") == []
    assert [row["state"] for row in await house.rows("idempotency")] == [claims.RUNNING]
    assert isinstance(await books.submit(settle), Settled)

    assert await body(house, entry) == ANSWER.body
    await house.verify()


async def test_a_large_answer_is_stored_before_its_charge_and_given_after_it(house, books):
    """As long as nothing is charged for it, nobody gets it."""
    ana = await house.customer()
    entry = await claiming(house, books, ana)
    await books.submit(entry)
    async with house.database.write() as connection:
        await idempotency.put_answer(connection, entry.request_id, b"large", house.clock())
    assert await stored(house, entry) is None
    await books.submit(house.settles(entry, NANO)._replace(answer=ANSWER._replace(body=None)))

    assert await body(house, entry) == b"large"


async def test_a_charge_without_an_answer_loses_the_key(house, books):
    """It is never carried out again, and there is nothing to give."""
    ana = await house.customer()
    entry = await claiming(house, books, ana)
    await books.submit(entry)
    await books.submit(house.settles(entry, NANO))
    with pytest.raises(errors.IdempotencyResultUnavailable):
        await books.submit(again(entry, 1))

    assert await stored(house, entry) is None
    assert await house.rows("idempotency_answer") == []


@pytest.mark.parametrize("together", [True, False])
async def test_a_call_that_fails_leaves_its_key_to_the_next(house, books, together):
    """Also where both come in one batch; the second one is kept as if it were the first."""
    ana = await house.customer()
    entry = await claiming(house, books, ana)
    await books.submit(entry)
    second = again(entry, 2)._replace(fingerprint="other")
    asked: list[Entry] = [house.releases(entry), second]
    if together:
        outcomes = await house.all(books, *asked)
    else:
        outcomes = [await books.submit(each) for each in asked]
    await books.submit(house.settles(second, NANO)._replace(answer=ANSWER))

    assert [type(outcome) for outcome in outcomes] == [Released, Admitted]
    (row,) = await house.rows("idempotency")
    assert (row["request_id"], row["fingerprint"], row["state"]) == (
        *(second.request_id, "other"),
        claims.KEPT,
    )


async def test_a_whole_life_in_one_batch_leaves_what_it_should(house, books):
    """Claimed and freed, claimed and kept, claimed and lost."""
    ana = await house.customer()
    freed, kept, lost = [
        (await claiming(house, books, ana))._replace(idem_key=name)
        for name in ("freed", "kept", "lost")
    ]
    outcomes = await house.all(
        books,
        *(freed, kept, lost),
        house.releases(freed),
        house.settles(kept, NANO)._replace(answer=ANSWER),
        house.settles(lost, NANO),
    )

    assert [type(outcome) for outcome in outcomes] == [
        *[Admitted] * 3,
        Released,
        Settled,
        Settled,
    ]
    assert {row["idem_key"]: row["state"] for row in await house.rows("idempotency")} == {
        "kept": claims.KEPT,
        "lost": claims.LOST,
    }
    assert [row["request_id"] for row in await house.rows("idempotency_answer")] == [
        kept.request_id
    ]
    await house.verify()


async def test_the_verdict_on_a_dead_process_frees_the_key(house, books):
    """And the process that was only asleep charges nothing when it wakes up."""
    ana = await house.customer()
    entry = await claiming(house, books, ana)
    await books.submit(entry)
    void = house.settles(entry, 0, proven=False, status=CRASH_VOID)
    outcomes = await house.all(books, void, house.settles(entry, NANO), void)
    other = await house.open()

    assert [type(outcome) for outcome in outcomes] == [Settled, Gone, Gone]
    assert await other.submit(house.settles(entry, NANO)) == Gone()
    assert isinstance(await other.submit(again(entry, 1)), Admitted)
    assert (await house.wallet(ana.wallet_id)).balance == 1_000
    await house.verify()


async def test_a_key_may_be_used_anew_after_its_day(house, books):
    """The old claim makes room in the same transaction, and its answer is no longer given."""
    ana = await house.customer()
    entry = await claiming(house, books, ana)
    await books.submit(entry)
    await books.submit(house.settles(entry, NANO)._replace(answer=ANSWER))
    await age(house, entry)
    second = again(entry, 2)._replace(fingerprint="other")

    assert isinstance(await books.submit(second), Admitted)
    (row,) = await house.rows("idempotency")
    assert (row["request_id"], row["state"]) == (second.request_id, claims.RUNNING)
    assert await stored(house, entry) is None
    await house.verify()


async def test_of_many_calls_after_the_day_one_replaces_the_claim(house):
    """In several books at once."""
    two = [await house.open() for _ in range(2)]
    ana = await house.customer()
    entry = await claiming(house, two[0], ana)
    await two[0].submit(entry)
    await two[0].submit(house.settles(entry, NANO))
    await age(house, entry)
    both = await asyncio.gather(
        *(
            house.all(books, *(again(entry, 100 * n + i) for i in range(5)))
            for n, books in enumerate(two)
        )
    )
    kinds = [type(outcome) for some in both for outcome in some]

    assert kinds.count(Admitted) == 1
    assert kinds.count(errors.IdempotencyKeyInUse) == 9


async def test_what_is_old_is_swept_and_what_still_runs_stays(house, books):
    """Claims and answers alike, so many at a time."""
    ana = await house.customer()
    ended = [
        (await claiming(house, books, ana))._replace(idem_key=f"ended {number}")
        for number in range(3)
    ]
    runs = await claiming(house, books, ana)
    for entry in (*ended, runs):
        await books.submit(entry)
    for entry in ended:
        await books.submit(house.settles(entry, NANO)._replace(answer=ANSWER))
    async with house.database.write() as connection:
        await idempotency.put_answer(connection, runs.request_id, b"large", house.clock())
    horizon = 2**62
    assert await swept(house, 0) == 0
    assert [await swept(house, horizon, limit=2) for _ in range(3)] == [4, 2, 0]
    await books.submit(house.settles(runs, NANO)._replace(answer=ANSWER._replace(body=None)))

    assert await body(house, runs) == b"large"
    assert await swept(house, horizon) == 2
    assert await house.rows("idempotency") == []


async def test_sweeping_and_calling_do_not_disturb_each_other(house):
    """Keys whose day is over are replaced and swept at the same time: nobody is refused for it."""
    two = [await house.open() for _ in range(2)]
    ana = await house.customer()
    entry = await claiming(house, two[0], ana)

    async def call(number: int) -> None:
        for turn in range(6):
            own = entry._replace(request_id=f"req_{number}_{turn}", idem_key=f"idem {number}")
            assert isinstance(await two[turn % 2].submit(own), Admitted)
            settle = house.settles(own, 1)._replace(answer=ANSWER)
            assert isinstance(await two[number % 2].submit(settle), Settled)
            await age(house, own)

    async def sweep() -> None:
        for _ in range(20):
            await swept(house, 2)

    await asyncio.gather(sweep(), *map(call, range(4)))

    await house.verify()
