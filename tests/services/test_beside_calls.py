"""Use cases beside the request path that is really there: locks, versions and sums in common."""

import dataclasses
from collections.abc import AsyncIterator

import anyio
import pytest

from grip.clock import system_clock
from grip.money.amounts import NANO
from grip.money.entries import Admit, Facts, Settle, Stale
from grip.money.pricing import Rates, Usage, cost_nano
from grip.money.states import TierLimits
from grip.services import keys, ledger, members, usage, wallets
from grip.services.context import Context
from grip.services.statements import statement
from grip.store import catalog
from grip.store.books import HotBooks
from grip.store.books.postgres import PostgresBooks
from grip.store.books.sqlite import SqliteBooks
from grip.store.records import Key

_RATES = Rates(input_nano=NANO // 4, output_nano=NANO)
TIERS = {"free": TierLimits(), "plus": TierLimits()}


@pytest.fixture
def context(context: Context) -> Context:
    """On PostgreSQL calls take their time from the server, so everything else takes it too."""
    return dataclasses.replace(context, clock=system_clock)


@pytest.fixture
async def books(context: Context) -> AsyncIterator[HotBooks]:
    """The books of the request path, open."""
    database = context.database
    opened: HotBooks = (
        SqliteBooks(database, TIERS, system_clock)
        if database.is_sqlite
        else PostgresBooks(database, TIERS)
    )
    await opened.start()
    yield opened
    await opened.stop()


async def _admit(context: Context, key: Key, number: int, *, version: int = 1) -> Admit:
    async with context.database.read() as connection:
        snapshot = await catalog.load(connection)
    wallet = await wallets.get(context, key.wallet_id)
    return Admit(
        request_id=f"req_{number:06d}",
        wallet_id=key.wallet_id,
        key_id=key.id,
        member_id=key.member_id,
        catalog_version=snapshot.version,
        key_version=version,
        tier=wallet.tier,
        amount=5,
        estimate_nano=5 * 10**9,
        tokens=10,
        model="gpt",
        endpoint="/v1/chat/completions",
        ip="192.0.2.1",
        boot_id="boot",
        input_tokens=1,
        price_id="price_1",
    )


def _settle(admit: Admit, key: Key, used: Usage) -> Settle:
    facts = Facts(
        key_name=key.name,
        endpoint=admit.endpoint,
        model=admit.model,
        provider="sandbox",
        channel_id="ch_1",
        channel="sandbox",
        upstream_model="gpt",
        upstream_id=None,
        ip=admit.ip,
        region="",
        status="completed",
        estimated=False,
        price_id="price_gpt_1",
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cached_input_tokens=0,
        cache_write_tokens=0,
        images=0,
        seconds=0,
        characters=0,
        buy_cost_nano=None,
        attempts=1,
        latency_ms=1,
        first_byte_ms=1,
    )
    return Settle(
        request_id=admit.request_id,
        cost_nano=cost_nano(_RATES, used),
        proven=True,
        tokens=used.tokens,
        facts=facts,
    )


async def test_calls_and_changes_by_hand_at_once_keep_the_books(shop, context, books):
    """Every check passes, and the statement's balances are those that the calls left behind."""
    ana = await shop.customer()
    key = await shop.key(ana)

    async def call(number: int) -> None:
        admit = await _admit(context, key, number)
        await books.submit(admit)
        await books.submit(_settle(admit, key, Usage(input_tokens=number, output_tokens=1)))

    async def adjust() -> None:
        await wallets.credit(context, ana.wallet_id, 9, actor="op", reason="r")
        await wallets.debit(context, ana.wallet_id, 4, actor="op", reason="r")

    async with anyio.create_task_group() as group:
        for number in range(1, 9):
            group.start_soon(call, number)
            group.start_soon(adjust)
    report = await ledger.verify(context)
    found = await statement(context, ana.wallet_id)
    left = {row.request_id: row.balance_after for row in await usage.list_usage(context)}

    assert [check for check in report.checks if not check.ok] == []
    assert len(left) == 8
    assert {row.reference: row.balance for row in found.rows if row.kind == "usage"} == left
    assert found.closing == (await wallets.get(context, ana.wallet_id)).balance


async def test_a_key_that_has_changed_admits_nothing_more(shop, context, books):
    """Whoever looked at it before the change is told to look again."""
    ana, bob = await shop.customer("ana@example.com"), await shop.customer("bob@example.com")
    await wallets.set_tier(context, ana.wallet_id, "plus", actor="op", reason="r")
    await members.add(context, ana.wallet_id, bob.email, actor="op")
    own, bobs = await shop.key(ana), await shop.key(ana, member=bob.email)
    before = [await _admit(context, own, 1), await _admit(context, bobs, 2)]
    await keys.roll(context, own.id, actor="op")
    await members.remove(context, ana.wallet_id, bob.email, actor="op")

    assert [await books.submit(admit) for admit in before] == [Stale(), Stale()]
    assert (await ledger.verify(context)).ok
