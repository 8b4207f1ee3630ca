"""Checkpoints: when one is made, what goes on from it, and what a line that was kept proves."""

import re
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from grip import errors
from grip.money import ledger as rules
from grip.services import chain, checkpoints, closing, ledger, wallets
from grip.services.context import Context
from grip.store import ledger as journal
from grip.store.proofs import checkpoints as store
from grip.store.proofs import invariants
from grip.store.tables import checkpoint_balance, wallet

COUNTERS = [
    ("UPDATE wallet SET balance = balance + 1", "wallet_balance"),
    ("UPDATE wallet SET held = held - 1", "wallet_held"),
    ("UPDATE wallet SET debt = debt + 1", "wallet_debt"),
    ("UPDATE wallet SET carry_nano = carry_nano + 1", "usage_exact"),
    ("UPDATE api_key SET spent = spent + 1", "key_spent"),
    ("UPDATE member SET spent_nano = spent_nano + 1", "member_spent"),
]
NEW_ROWS = [
    (
        "UPDATE usage SET (carry_before, carry_after) = (carry_before + 1, carry_after + 1)",
        {"carry_chain"},
    ),
    ("UPDATE usage SET price_id = 'p' WHERE request_id = 'req_000003'", {"usage_price"}),
    (
        "UPDATE usage SET key_id = 'key_0' WHERE request_id = 'req_000003'",
        {"usage_owner", "key_spent"},
    ),
]


@pytest.fixture
async def books(shop, context):
    """Books with a checkpoint amid their rows, and rows beyond it; returns the customer."""
    ana = await shop.customer()
    key = await shop.key(ana)
    await _pending(context, ana.wallet_id, "trf_open", 5)
    await shop.call(key, input_tokens=3)
    await shop.call(key, input_tokens=0, output_tokens=1010)
    await closing.checkpoint(context, actor="op")
    await wallets.credit(context, ana.wallet_id, 50, actor="op", reason="r")
    await _pending(context, ana.wallet_id, "trf_new", 6)
    await shop.call(key, input_tokens=6)
    await shop.hold(key, 7)
    return ana


async def _pending(context: Context, wallet_id: str, name: str, amount: int) -> None:
    """Hold credits as a task does, without the task."""
    effect = rules.Effect(
        name=name, group_id="g", wallet_id=wallet_id, actor="op", reason="", created_us=1
    )
    held = rules.hold(effect, name, rules.TASK, amount)
    async with context.database.write() as connection:
        await journal.append(connection, [held])
        await connection.execute(sa.update(wallet).values(held=wallet.c.held + amount))


async def _change(context: Context, *statements: str) -> None:
    async with context.database.write() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement))


async def _unguard(context: Context, table: str) -> None:
    on = "" if context.database.is_sqlite else f" ON {table}"
    for kind in ("no_update", "no_delete") if context.database.is_sqlite else ("no_change",):
        await _change(context, f"DROP TRIGGER {table}_{kind}{on}")


async def _failed(context: Context, *, since: bool = True) -> set[str]:
    report = await ledger.verify(context, since_checkpoint=since)
    failed = {check.name for check in report.checks if not check.ok}
    return failed - {"append_only_guards"}


async def _resolve(context: Context, wallet_id: str) -> None:
    """Post what was held before the checkpoint, void what was held since."""
    async with context.database.write() as connection:
        for name, amount in (("trf_open", 4), ("trf_new", None)):
            held = await journal.find(connection, name)
            effect = rules.Effect(
                name=f"{name}:end",
                group_id="g",
                wallet_id=wallet_id,
                actor="op",
                reason="",
                created_us=2,
            )
            assert held is not None
            if amount is None:
                made = rules.void(effect, f"{name}_end", held)
            else:
                made = rules.post(effect, f"{name}_end", held, amount)
            await journal.append(connection, [made])
        await connection.execute(
            sa.text("UPDATE wallet SET held = held - 11, balance = balance - 4")
        )


async def test_sound_books_are_gone_on_from(books, context):
    """From one checkpoint to the next, with what was open at each: as by the whole."""
    first = await ledger.verify(context, since_checkpoint=True)
    second = await closing.checkpoint(context, actor="op", whole=False)
    await _resolve(context, books.wallet_id)
    third = await closing.checkpoint(context, actor="op", whole=False)
    async with context.database.read() as connection:
        found = await store.balances(connection, third.id)
        held = [one.id for one in await store.balances(connection, second.id) if one.kind == "hold"]

    assert first.ok
    assert first.since is not None
    assert {check.name for check in first.checks} == {
        check.name for check in (await ledger.verify(context)).checks
    }
    assert second.previous == first.since.digest
    assert held == ["trf_new", "trf_open"]
    assert await _failed(context) == await _failed(context, since=False) == set()
    assert [one for one in found if one.kind == "hold"] == []


async def test_balances_are_those_at_the_mark_whatever_came_after(books, shop, context):
    """A checkpoint is of the rows that were closed; calls go on while it is made."""
    await shop.call(await shop.key(books, "big"), output_tokens=1_500)
    await chain.close(context)
    async with context.database.read() as connection:
        heads = await chain.heads(connection)
        at_rest = await store.counted(connection, heads, None)
    key = await shop.key(books, "later")
    await shop.call(key, input_tokens=5)
    await wallets.credit(context, books.wallet_id, 2_000, actor="op", reason="r")
    await _resolve(context, books.wallet_id)
    async with context.database.read() as connection:
        later = await store.counted(connection, heads, None)
        since = await store.counted(connection, heads, await store.last(connection))

    known = [one for one in later if one.id != key.id]
    assert [one.debt > 0 for one in at_rest if one.kind == store.WALLET] == [True]
    assert known == at_rest
    assert since == later
    assert [(one.credits, one.nano) for one in later if one.id == key.id] == [(0, 0)]


@pytest.mark.parametrize(("statement", "name"), COUNTERS)
async def test_a_counter_that_was_tampered_with_since_is_found(books, context, statement, name):
    """Upon the balances of the checkpoint, as upon all rows."""
    await _change(context, statement)

    assert await _failed(context) == {name}


@pytest.mark.parametrize(("statement", "names"), NEW_ROWS)
async def test_a_new_row_that_was_tampered_with_is_found(books, context, statement, names):
    """What is newer than the checkpoint is checked row by row."""
    await _unguard(context, "usage")
    await _change(context, statement)

    assert await _failed(context) == names


@pytest.mark.parametrize("name", [rule.name for rule in invariants.ALL])
async def test_no_rule_reads_the_journals_whole_from_a_checkpoint_on(context, name):
    """By an index, on both engines: what it costs is what is new."""
    since = invariants.Since(checkpoint_id="chk_1", marks={"usage": 5, "ledger_transfer": 5})
    rule = next(rule for rule in invariants.all_of(since) if rule.name == name)
    plan = await _plan(context, rule)

    whole = re.compile(r"(SCAN|Seq Scan on) (usage|ledger_transfer|task|resolution|pending|hold)\b")
    few = re.compile("ix_ledger_transfer_order|ix_task_due")
    assert [step for step in plan if whole.search(step) and not few.search(step)] == []


async def _plan(context: Context, rule: invariants.Invariant) -> list[str]:
    """Return how the engine would find what breaks a rule, as if all tables were large."""
    is_sqlite = context.database.is_sqlite
    word = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "

    def explain(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> Any:
        return (word + statement if "SELECT" in statement else statement), parameters

    async with context.database.read() as connection:
        if not is_sqlite:
            await connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        sync = connection.sync_connection
        sa.event.listen(sync, "before_cursor_execute", explain, retval=True)
        try:
            query = rule.query.limit(invariants.SHOWN_MAX)
            return [str(row[-1]) for row in (await connection.execute(query)).all()]
        finally:
            sa.event.remove(sync, "before_cursor_execute", explain)


async def test_an_old_row_is_left_to_the_whole_verification(books, context):
    """To go on from a checkpoint is to trust what is before it."""
    await _unguard(context, "usage")
    await _change(context, "UPDATE usage SET ip = 'x' WHERE request_id = 'req_000001'")

    assert await _failed(context) == set()
    assert await _failed(context, since=False) == {"chain"}


async def test_books_that_are_not_right_get_no_checkpoint(books, context):
    """And the refusal names the checks."""
    await _change(context, "UPDATE wallet SET balance = balance + 1")
    with pytest.raises(errors.Conflict, match=r"\(wallet_balance\).*grip ledger verify"):
        await closing.checkpoint(context, actor="op")
    async with context.database.read() as connection:
        assert len(await store.load(connection)) == 1


async def test_without_a_checkpoint_there_is_nothing_to_go_on_from(context):
    """It is refused, rather than read as everything."""
    with pytest.raises(errors.Conflict, match="no checkpoint"):
        await ledger.verify(context, since_checkpoint=True)


@pytest.mark.parametrize(
    ("table", "statement", "words"),
    [
        ("checkpoint", "UPDATE checkpoint SET at_us = at_us + 1", "its digest was taken of"),
        ("", "UPDATE checkpoint_balance SET credits = credits + 1", "its balances are not those"),
        ("", "DELETE FROM checkpoint_balance", "its balances are not those"),
        (
            "chain_block",
            "DELETE FROM chain_block WHERE journal = 'usage'",
            "it stands on block 1 of",
        ),
    ],
)
async def test_a_tampered_checkpoint_is_found(books, context, table, statement, words):
    """Also by who goes on from it."""
    if table:
        await _unguard(context, table)
    await _change(context, statement)
    for since in (True, False):
        report = await ledger.verify(context, since_checkpoint=since)
        (check,) = [check for check in report.checks if check.name == "checkpoint"]
        assert words in check.violations[0]


async def test_a_line_that_was_kept_proves_the_books(books, context):
    """It holds after other checkpoints; who rewrote the past has another digest, or none."""
    async with context.database.read() as connection:
        made = await store.last(connection)
    assert made is not None
    kept = checkpoints.read(checkpoints.line(made))
    await closing.checkpoint(context, actor="op")
    held = await ledger.verify(context, line=kept)
    other = await ledger.verify(context, line=checkpoints.Line(id=kept.id, digest="0" * 64))
    gone = await ledger.verify(context, line=checkpoints.Line(id="chk_0", digest=kept.digest))

    assert held.ok
    assert [check.name for check in other.checks if not check.ok] == ["checkpoint"]
    assert [check.name for check in gone.checks if not check.ok] == ["checkpoint"]
    for wrong in ("", "grip-checkpoint chk_1", "chk_1 2026 sha256:0 x"):
        with pytest.raises(errors.InvalidRequest, match="grip ledger checkpoint"):
            checkpoints.read(wrong)


async def test_balances_of_old_checkpoints_go_and_their_hash_stays(books, context):
    """Those of the last two are kept; what a killed maintenance left goes with the rest."""
    async with context.database.write() as connection:
        left = store.Balance(kind="wallet", id="wal_1", credits=1)
        await store.keep(connection, "chk_0", [left])
    made = [await closing.checkpoint(context, actor="op", whole=False) for _ in range(2)]
    dropped = await closing.drop_stale(context)
    async with context.database.read() as connection:
        query = sa.select(checkpoint_balance.c.checkpoint_id).distinct()
        kept = set((await connection.execute(query)).scalars())
        every = await store.load(connection)

    assert (dropped > 1, kept, len(every)) == (True, {one.id for one in made}, 3)
    assert await _failed(context, since=False) == set()


async def test_of_two_that_make_one_at_once_one_writes_it(books, context, monkeypatch):
    """The other is told, and leaves nothing that counts."""
    keep = store.keep

    async def late(connection, id_, balances):
        await keep(connection, id_, balances)
        monkeypatch.setattr(store, "keep", keep)
        async with context.database.read() as reading:
            last = await store.last(reading)
        assert last is not None
        other = replace(last, number=last.number + 1, id=context.new_id("chk"))
        assert await store.append(connection, other)

    monkeypatch.setattr(store, "keep", late)
    with pytest.raises(errors.Conflict, match="made meanwhile"):
        await closing.checkpoint(context, actor="op")
