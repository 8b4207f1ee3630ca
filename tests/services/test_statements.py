import csv
import io
from itertools import pairwise

import pytest

from grip import errors
from grip.clock import to_iso
from grip.services import checkpoints, closing, wallets
from grip.services.maintenance import rollup
from grip.services.maintenance.step import Run
from grip.services.statements import Statement, StatementRow, statement, write_csv
from grip.store import rollups


async def test_a_statement_lists_every_change_with_its_balance(shop, context, clock):
    """Journal and calls in the order in which they happened."""
    ana = await shop.customer()
    key = await shop.key(ana, "ci")
    clock.advance(1)
    request_id = await shop.call(key)
    clock.advance(1)
    await wallets.credit(context, ana.wallet_id, 10, actor="op", reason="sorry")
    found = await statement(context, ana.email)

    assert (found.wallet_id, found.owner) == (ana.wallet_id, "ana@example.com")
    assert (found.opening, found.closing) == (0, 1008)
    assert [(row.kind, row.description, row.amount, row.balance) for row in found.rows] == [
        ("grant", "sign-up credits", 1000, 1000),
        ("usage", "gpt, key ci", -2, 998),
        ("adjust", "sorry", 10, 1008),
    ]
    assert found.rows[1].reference == request_id
    assert [row.at_us for row in found.rows] == [clock() - 2_000_000, clock() - 1_000_000, clock()]


async def test_rows_of_one_microsecond_are_in_the_order_that_the_balances_tell(shop, context):
    """A standing clock mixes up nothing."""
    ana = await shop.customer()
    key = await shop.key(ana)
    for _ in range(3):
        await shop.call(key)
        await wallets.credit(context, ana.wallet_id, 7, actor="op", reason="r")
        await wallets.debit(context, ana.wallet_id, 3, actor="op", reason="r")
    rows = (await statement(context, ana.email)).rows

    assert [row.amount for row in rows] == [1000, *[-2, 7, -3] * 3]


async def test_periods_follow_one_another_without_a_gap(shop, context, clock):
    """Each is half-open; the closing of one is the opening of the next."""
    ana = await shop.customer()
    key = await shop.key(ana)
    edges = [None]
    for _ in range(3):
        clock.advance(60)
        edges.append(clock())
        await shop.call(key)
        await wallets.credit(context, ana.wallet_id, 1, actor="op", reason="r")
    edges.append(None)
    parts = [
        await statement(context, ana.email, from_us=start, to_us=end)
        for start, end in pairwise(edges)
    ]
    whole = await statement(context, ana.email)

    assert [part.opening for part in parts] == [0, *[part.closing for part in parts[:-1]]]
    assert [row for part in parts for row in part.rows] == whole.rows
    assert [len(part.rows) for part in parts] == [1, 2, 2, 2]
    for part in parts:
        assert part.opening + sum(row.amount for row in part.rows) == part.closing
    assert whole.closing == (await wallets.get(context, ana.email)).balance


async def test_a_rollup_spares_the_reading_of_rows_and_loses_none(shop, context, clock):
    """Blocks say where a period begins, though one call is written long after its time."""
    ana, ben = await shop.customer(), await shop.customer("ben@example.com")
    keys = await shop.key(ana), await shop.key(ben)
    begun = clock()
    for after_s in (60, 240, 120, 180, 30, 300):
        clock.now_us = begun + after_s * 1_000_000
        for key in keys[: 1 if after_s == 240 else 2]:
            await shop.call(key)
    edges = [None, *(begun + after_s * 1_000_000 for after_s in range(0, 330, 30)), None]

    async def told() -> list[Statement]:
        return [
            await statement(context, who.email, from_us=start, to_us=end)
            for who in (ana, ben)
            for start, end in pairwise(edges)
        ]

    before = await told()
    await rollup.run(context, Run(), block_rows=2)
    async with context.database.read() as connection:
        spared = [await rollups.seq_from(connection, edge) for edge in edges[1:-1]]

    assert await told() == before
    assert sum(len(one.rows) for one in before) == 2 + 11
    assert sorted(set(spared)) == [0, 3, 9]


async def test_a_statement_carries_the_checkpoint_that_covers_its_rows(shop, context, clock):
    """The last one, and none where a row is newer: in its value, and in the row that closes it."""
    ana = await shop.customer()
    key = await shop.key(ana)
    await shop.call(key)
    early = await closing.checkpoint(context, actor="op")
    made = await closing.checkpoint(context, actor="op")
    clock.advance(60)
    proven = await statement(context, ana.email)
    await shop.call(key)
    newer = await statement(context, ana.email)
    before = await statement(context, ana.email, to_us=clock())
    clock.advance(60)
    opened = await statement(context, ana.email, from_us=clock())
    stream = io.StringIO(newline="")
    write_csv(proven, stream)
    *_, last = csv.reader(io.StringIO(stream.getvalue(), newline=""))

    assert early.id != made.id
    assert proven.checkpoint == before.checkpoint == checkpoints.line(made)
    assert newer.checkpoint is opened.checkpoint is None
    assert (opened.rows, opened.opening) == ([], newer.closing)
    assert last == ["", "closing", "", checkpoints.line(made), "", str(proven.closing)]


async def test_a_call_beyond_the_balance_takes_only_what_was_there(shop, context):
    """The rest is the debt's, and the row says so."""
    ana = await shop.customer()
    await shop.call(await shop.key(ana), input_tokens=0, output_tokens=1010)
    *_, row = (await statement(context, ana.email)).rows

    assert (row.amount, row.balance) == (-1000, 0)
    assert row.description == "gpt, key main, 10 credits more on the debt"


async def test_one_wallet_s_statement_knows_nothing_of_another_s(shop, context):
    """Each has its own rows."""
    ana, bob = await shop.customer("ana@example.com"), await shop.customer("bob@example.com")
    await shop.call(await shop.key(bob))

    assert len((await statement(context, ana.email)).rows) == 1
    assert len((await statement(context, bob.email)).rows) == 2


async def test_a_period_that_ends_before_it_begins_is_refused(shop, context):
    """An empty one is not."""
    ana = await shop.customer()
    with pytest.raises(errors.InvalidRequest, match="before it begins"):
        await statement(context, ana.email, from_us=2, to_us=1)

    assert (await statement(context, ana.email, from_us=2, to_us=2)).rows == []


def _written(*descriptions: str) -> str:
    rows = [
        StatementRow(
            at_us=0, kind="adjust", reference="trf_1", description=text, amount=-1, balance=2
        )
        for text in descriptions
    ]
    stream = io.StringIO(newline="")
    write_csv(
        Statement(
            wallet_id="wal_1",
            owner="o",
            from_us=0,
            to_us=None,
            opening=3,
            rows=rows,
            closing=3 - len(rows),
        ),
        stream,
    )
    return stream.getvalue()


def test_the_csv_has_opening_rows_and_closing():
    """A byte order mark, RFC 4180's line ends and quotes, numbers left alone."""
    assert _written('say "hi", Ana').split("\r\n") == [
        "\ufefftime,kind,reference,description,amount,balance",
        f"{to_iso(0)},opening,,,,3",
        f'{to_iso(0)},adjust,trf_1,"say ""hi"", Ana",-1,2',
        ",closing,,,,2",
        "",
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", " =1", "\uff1d1"])
def test_no_text_of_the_csv_is_a_formula(text: str):
    """Key names and reasons are other people's words."""
    table = list(csv.reader(io.StringIO(_written(text), newline="")))

    assert table[2][3] == "'" + text
