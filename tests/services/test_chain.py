"""The hash chain over the journals: what it closes, and what it finds."""

import asyncio
import hashlib
import re
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from grip.services import chain, ledger, wallets
from grip.services.context import Context
from grip.store import marks
from grip.store.proofs import chain as blocks
from grip.store.tables import audit, ledger_transfer, metadata, usage

UPDATE = {True: ("no_update", "no_delete"), False: ("no_change",)}

AUDIT = (
    "INSERT INTO audit (at_us, actor, action, subject, reason) VALUES (1, '{actor}', 'a', 's', 'r')"
)


@pytest.fixture
async def books(shop, context, monkeypatch):
    """Books whose chain has blocks of four rows; returns the customer."""
    monkeypatch.setattr(chain, "BLOCK_ROWS", 4)
    monkeypatch.setattr(blocks, "PAGE_ROWS", 3)
    ana = await shop.customer()
    key = await shop.key(ana)
    for number in range(9):
        await shop.call(key, input_tokens=3)
        await wallets.credit(context, ana.wallet_id, number + 1, actor="op", reason="r")
    await chain.close(context)
    return ana


async def _change(context: Context, *statements: str) -> None:
    async with context.database.write() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement))


async def _unguard(context: Context, table: str) -> None:
    on = "" if context.database.is_sqlite else f" ON {table}"
    for kind in UPDATE[context.database.is_sqlite]:
        await _change(context, f"DROP TRIGGER {table}_{kind}{on}")


async def _said(context: Context) -> list[str]:
    """What the check `chain` says."""
    report = await ledger.verify(context)
    return next(check.violations for check in report.checks if check.name == "chain")


async def _seqs(context: Context, journal: str) -> list[int]:
    table = metadata.tables[journal]
    async with context.database.read() as connection:
        return list((await connection.execute(sa.select(table.c.seq).order_by("seq"))).scalars())


async def test_a_chain_covers_every_row_once(books, shop, context):
    """Blocks follow one another without a gap, and what came later goes on from the last."""
    await shop.call(await shop.key(books))
    later = await chain.close(context)
    again = await chain.close(context)
    async with context.database.read() as connection:
        found = {
            name: [b async for b in blocks.blocks(connection, name)] for name in blocks.JOURNALS
        }
    rows = {name: await _seqs(context, name) for name in blocks.JOURNALS}

    # The call, and the row of audit about its key.
    assert (later, again, await chain.pending(context)) == (2, 0, 0)
    for name, made in found.items():
        assert [block.number for block in made] == list(range(1, len(made) + 1))
        assert sum(block.row_count for block in made) == len(rows[name])
        assert max(block.row_count for block in made) == 4
        assert made[0].first_seq == 1
        assert made[-1].last_seq == rows[name][-1]
        for before, block in pairwise(made):
            assert (block.previous, block.first_seq) == (before.hash, before.last_seq + 1)
    assert await _said(context) == []


def test_every_column_of_the_journals_is_hashed():
    """A new column needs a new format: blocks of the old one stay what they are."""
    for name, columns in blocks.COLUMNS[blocks.FORMAT].items():
        assert set(columns) == set(metadata.tables[name].c.keys())
    assert tuple(blocks.COLUMNS[blocks.FORMAT]) == blocks.JOURNALS


def test_the_hash_of_a_block_is_that_of_its_documented_encoding():
    """MessagePack, byte for byte: whoever recomputes it elsewhere must come to the same."""
    tally = chain.Tally()
    tally.add([(1, "op", None, -5), (2, "é", '{"a":1}', 2**63 - 1)])
    hashed = tally.hash(
        format_=1, journal="audit", number=1, first=1, last=2, previous=blocks.BEGINNING
    )

    rows = (b"\x94\x01\xa2op\xc0\xfb", b'\x94\x02\xa2\xc3\xa9\xa7{"a":1}\xcf\x7f' + b"\xff" * 7)
    header = b"\x97\x01\xa5audit\x01\x01\x02\x02\xd9\x40" + b"0" * 64
    hashes = b"".join(hashlib.sha256(row).digest() for row in rows)
    assert hashed == hashlib.sha256(header + hashes).hexdigest()


def _digests(versions: dict[int, int]) -> bytes:
    rows = (hashlib.sha256(f"{seq}:{versions[seq]}".encode()).digest() for seq in sorted(versions))
    return b"".join(row[:4] for row in rows)


@given(
    st.dictionaries(st.integers(1, 99), st.sampled_from(["kept", "changed", "gone", "new"])),
)
def test_whatever_was_done_to_a_block_every_row_of_it_is_told(fates: dict[int, str]):
    """Each that is another now by its number, and those that are gone by how many they are."""
    were = {seq: 0 for seq, fate in fates.items() if fate != "new"}
    are = {seq: int(fate == "changed") for seq, fate in fates.items() if fate != "gone"}
    said = list(chain.located(_digests(were), _digests(are), sorted(are)))
    told = {int(number) for sentence in said for number in re.findall(r"\d+", sentence)}
    others = {seq for seq, fate in fates.items() if fate in {"changed", "new"}}

    assert others <= told
    assert bool(said) == (were != are)
    if len(were) == sum(fate == "kept" for fate in fates.values()):
        assert said == [f"the row {seq} was put in" for seq in sorted(others)]


CHANGES = [
    (
        usage,
        "UPDATE usage SET ip = '192.0.2.9' WHERE seq = 6",
        ["block 2", "the row 6 was changed"],
    ),
    (
        usage,
        "UPDATE usage SET upstream_id = '' WHERE seq = 9",
        ["block 3", "the row 9 was changed"],
    ),
    (
        usage,
        "DELETE FROM usage WHERE seq = 6",
        ["block 2", "a row is missing after 5, before 7"],
    ),
    (
        ledger_transfer,
        "UPDATE ledger_transfer SET reason = 'gift' WHERE seq IN (2, 4)",
        ["block 1", "the row 2 was changed", "the row 4 was changed"],
    ),
    (
        ledger_transfer,
        "DELETE FROM ledger_transfer WHERE seq <= 3",
        ["block 1", "3 rows are missing from its beginning, before 4"],
    ),
    (
        audit,
        "UPDATE audit SET after = '{}' WHERE seq = 5",
        ["block 2", "the row 5 was changed"],
    ),
    (
        audit,
        "DELETE FROM audit WHERE seq BETWEEN 5 AND 8",
        ["block 2", "4 rows are missing from its beginning, to its end"],
    ),
]


@pytest.mark.parametrize(("table", "statement", "words"), CHANGES)
async def test_a_tampered_row_is_found_and_located(books, context, table, statement, words):
    """By its journal, its block and its number, whatever column it is."""
    await _unguard(context, table.name)
    await _change(context, statement)
    said = await _said(context)

    block, *sentences = words
    assert len(said) == len(sentences)
    for found, sentence in zip(said, sentences, strict=True):
        assert found.startswith(f"{table.name}: {block} (seq ")
        assert found.endswith(f": {sentence}")


async def test_a_row_that_was_put_in_is_found(books, context):
    """Also below the first number, where no block begins."""
    await _change(context, _put_in(context, -3))

    assert [said.split(": ")[-1] for said in await _said(context)] == ["the row -3 was put in"]


def _put_in(context: Context, seq: int) -> str:
    """Return what writes a row of audit under a number of one's own choice."""
    override = "" if context.database.is_sqlite else "OVERRIDING SYSTEM VALUE "
    return (
        "INSERT INTO audit (seq, at_us, actor, action, subject, reason) "
        f"{override}VALUES ({seq}, 1, 'x', 'a', 's', 'r')"
    )


async def test_a_tampered_block_is_found(books, context):
    """Its digests, its hash, or one that was taken out: nobody hides a row by them."""
    await _unguard(context, "chain_block")
    await _change(context, "DELETE FROM chain_block WHERE journal = 'usage' AND number = 2")
    (missing,) = await _said(context)
    await _change(
        context, "UPDATE chain_block SET hash = 'x' WHERE journal = 'audit' AND number = 1"
    )
    said = await _said(context)

    assert missing.endswith("the block 2 before it is missing")
    assert [sentence.split(": ")[-1] for sentence in said[1:]] == [
        "the block itself was changed, or rows of it in a way that cannot be located",
        "it does not go on from the block before it",
    ]


async def test_what_is_newer_than_the_last_block_is_covered_by_the_next(books, context):
    """A block takes a row as it finds it."""
    await _change(context, AUDIT.format(actor="op"))
    await _unguard(context, "audit")
    await _change(context, "UPDATE audit SET actor = 'x' WHERE actor = 'op' AND subject = 's'")
    before = await _said(context)
    await chain.close(context)
    await _change(context, "UPDATE audit SET actor = 'y' WHERE subject = 's'")

    assert (before, len(await _said(context))) == ([], 1)


async def test_two_nodes_close_each_block_once(shop, context, monkeypatch):
    """Who comes second writes nothing, and goes on from what is there."""
    monkeypatch.setattr(chain, "BLOCK_ROWS", 2)
    key = await shop.key(await shop.customer())
    for _ in range(7):
        await shop.call(key)
    waiting = await chain.pending(context)
    closed = await asyncio.gather(*(chain.close(context) for _ in range(3)))

    assert sum(closed) == waiting
    assert await _said(context) == []


async def test_rows_that_may_still_come_between_are_waited_for(context, monkeypatch):
    """On PostgreSQL a smaller number may be committed later; writers wait for nobody."""
    if context.database.is_sqlite:
        return
    monkeypatch.setattr(marks, "WAIT_S", 0.05)
    async with context.database.write() as slow:
        await slow.execute(sa.text(AUDIT.format(actor="slow")))
        await _change(context, AUDIT.format(actor="quick"))
        with pytest.raises(Exception, match="writing to audit for more than"):
            await chain.close(context)
        monkeypatch.setattr(marks, "WAIT_S", 60)
        waiting = asyncio.create_task(chain.close(context))
        await _change(context, AUDIT.format(actor="quick"))
    closed = await waiting

    assert closed >= 2
    async with context.database.read() as connection:
        first = await anext(blocks.blocks(connection, "audit"))
    assert (first.first_seq, first.row_count) in {(1, 2), (1, 3)}
    assert await _said(context) == []
