"""What a refusal promises, of a real database: no row has changed, and the wait is long enough."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import Admitted, Answer, Gone, Grow, Grown, Stale
from grip.money.states import TierLimits
from grip.services import members, wallets
from grip.store.tables import metadata

TABLES = ("wallet", "api_key", "member", "holds", "usage", "idempotency", "idempotency_answer")
TIERS = {"free": TierLimits(), "plus": TierLimits(tpm=100)}


async def everything(house: Any) -> dict[str, Any]:
    """Return all rows that a call can change."""
    return {name: await house.rows(name) for name in TABLES}


def test_the_tables_that_are_compared_are_all_that_know_a_request_or_a_limit():
    """A table that comes later is not forgotten here."""
    known = {"request_id", "idem_key", "qps_log", "rpm_log", "held_nano"}
    elsewhere = {"ledger_transfer", "detail", "payment_order"}
    found = {table.name for table in metadata.tables.values() if known & set(table.c.keys())}

    assert found - elsewhere == set(TABLES)


@pytest.fixture
async def desk(house):
    """Books with narrow tiers, and a customer who has made one call of every end."""
    books = await house.open(TIERS)
    ana = await house.customer(100, rpm=3)
    await wallets.set_tier(house.context, ana.wallet_id, "plus", actor="test", reason="r")
    kept = await house.asks(books, ana, 20, idem_key="kept", fingerprint="body")
    await books.submit(kept)
    answer = Answer(content_type="text/plain", body=b"x")
    await books.submit(house.settles(kept, 20 * NANO)._replace(answer=answer))
    held = await house.asks(books, ana, 60, idem_key="runs", fingerprint="body")
    await books.submit(held)
    await wallets.set_tier(house.context, ana.wallet_id, "free", actor="test", reason="r")
    return books, ana, held


REFUSALS: dict[str, tuple[Any, dict[str, Any]]] = {
    "too poor": (errors.InsufficientCredits, {"estimate_nano": 21 * NANO}),
    "stale catalog": (Stale, {"catalog_version": 0}),
    "stale key": (Stale, {"key_version": 0}),
    "another tier": (Stale, {"tier": "plus"}),
    "runs already": (errors.IdempotencyKeyInUse, {"idem_key": "runs", "fingerprint": "body"}),
    "kept already": (errors.IdempotencyKeyInUse, {"idem_key": "kept", "fingerprint": "body"}),
    "another body": (errors.IdempotencyKeyReused, {"idem_key": "kept", "fingerprint": "b"}),
    "broken": (errors.BooksBroken, {"tokens": 2**70}),
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_changes_no_row(house, desk, refusal):
    """Whatever it is for."""
    books, ana, _ = desk
    kind, change = REFUSALS[refusal]
    entry = await house.asks(books, ana, **change)
    before = await everything(house)
    (outcome,) = await house.all(books, entry)

    assert isinstance(outcome, kind)
    assert await everything(house) == before


async def test_a_refusal_by_a_limit_or_a_purse_changes_no_row(house, desk):
    """Of the wallet's tier, of the key, and of the member."""
    books, ana, _ = desk
    context = house.context
    told = []

    async def refused(**change: Any) -> None:
        entry = await house.asks(books, ana, 1, **change)
        before = await everything(house)
        (outcome,) = await house.all(books, entry)
        told.append((type(outcome), getattr(outcome, "metadata", {}).get("limit")))
        assert await everything(house) == before

    await members.set_limit(context, ana.wallet_id, ana.email, 80, actor="test")
    await refused()
    await members.set_limit(context, ana.wallet_id, ana.email, None, actor="test")
    await house.run("UPDATE api_key SET budget = 80")
    await refused()
    await house.run("UPDATE api_key SET budget = NULL")
    await books.submit(await house.asks(books, ana, 0))
    await refused()
    await house.run("UPDATE api_key SET rpm = NULL")
    await wallets.set_tier(context, ana.wallet_id, "plus", actor="test", reason="r")
    await refused(tokens=99)
    await refused(tokens=101)

    assert told == [
        (errors.MemberLimitExhausted, 80),
        (errors.ApiKeyBudgetExhausted, 80),
        (errors.RateLimitExceeded, "key_rpm"),
        (errors.RateLimitExceeded, "wallet_tpm"),
        (errors.InvalidRequest, "wallet_tpm"),
    ]


async def test_growth_that_finds_nothing_changes_no_row(house, desk):
    """Neither of a hold that cannot grow nor of one that is not there."""
    books, _, held = desk
    assert await books.submit(Grow(request_id=held.request_id, estimate_nano=90 * NANO)) == Grown(
        estimate_nano=20 * NANO
    )
    before = await everything(house)
    asked = [Grow(request_id=name, estimate_nano=1) for name in (held.request_id, "req_x")]

    assert await house.all(books, *asked) == [Grown(estimate_nano=0), Gone()]
    assert await everything(house) == before
    await house.verify()


LIMITS = st.none() | st.integers(1, 4)
TURNS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 999_999, 1_000_000, 20_000_000, 60_000_000, -500_000]),
        st.integers(1, 120),
        st.sampled_from(["left", "released", "settled"]),
        st.integers(0, 150),
    ),
    min_size=3,
    max_size=10,
)


def test_who_waits_as_long_as_they_were_told_is_admitted(fresh_sqlite, build, clock):
    """Random calls on random limits, in the time of the database; refused ones leave no trace."""
    with asyncio.Runner() as runner:
        house = runner.run(house_on(fresh_sqlite, build, clock))

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(LIMITS, LIMITS, st.none() | st.integers(50, 200), TURNS)
        def wait(qps: int | None, rpm: int | None, tpm: int | None, turns: Any) -> None:
            tiers = {"free": TierLimits(qps=qps, tpm=tpm)}
            runner.run(calls(house, tiers, rpm, turns))

        try:
            wait()
        finally:
            runner.run(house.close())


async def house_on(fresh: Any, build: Any, clock: Any) -> Any:
    house = build(await fresh(), clock)
    await house.prepare()
    return house


async def calls(house: Any, tiers: Any, rpm: int | None, turns: list[tuple[Any, ...]]) -> None:
    """Call as the turns say, and wait wherever it is said how long."""
    books = await house.open(tiers)
    ana = await house.customer(rpm=rpm)
    template = await house.asks(books, ana, 0)
    for number, (gap_us, tokens, end, used) in enumerate(turns):
        house.clock.now_us += gap_us
        entry = template._replace(request_id=f"{template.request_id}_{number}", tokens=tokens)
        if not await admitted_in_time(house, books, entry):
            continue
        if end == "released":
            await books.submit(house.releases(entry))
        elif end == "settled":
            await books.submit(house.settles(entry, 0)._replace(tokens=used))
    house.opened.remove(books)
    await books.stop()


async def admitted_in_time(house: Any, books: Any, entry: Any) -> bool:
    """Return whether the call is admitted, after the wait that it is told of."""
    before = await everything(house)
    (outcome,) = await house.all(books, entry)
    if isinstance(outcome, Admitted):
        return True
    assert await everything(house) == before
    if isinstance(outcome, errors.InvalidRequest):
        return False
    assert isinstance(outcome, errors.RateLimitExceeded)
    house.clock.advance(outcome.retry_after_s)
    return isinstance(await books.submit(entry), Admitted)
