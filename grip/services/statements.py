"""A wallet's statement: what it held, every change in a period, what it held then.

Opening plus rows is closing, exactly: the closing is what the wallet holds less what has moved it
since, the opening is the closing less the rows, as all of it stood at one moment. That a wallet
holds what its rows make is proven by `grip ledger verify`.
Debt has no place in it: what a call drew from the debt changed no balance.
It carries the line of the last checkpoint, where that covers every row in it.
"""

import csv
from dataclasses import dataclass
from typing import Any, TextIO

from grip import errors
from grip.clock import to_iso
from grip.money import running
from grip.money.running import Posting
from grip.services import checkpoints, references
from grip.services.context import Context
from grip.services.spreadsheets import BYTE_ORDER_MARK, harmless
from grip.store import ledger, rollups, usage
from grip.store.engine import Connection
from grip.store.proofs import checkpoints as checkpoint_store
from grip.store.records import Transfer, Wallet
from grip.store.snapshot import freeze

_COLUMNS = ("time", "kind", "reference", "description", "amount", "balance")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRow:
    """One change of the balance: `amount` credits, and the `balance` after it."""

    at_us: int
    kind: str
    reference: str
    description: str
    amount: int
    balance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The balance at the start, the rows at [from, to) oldest first, the balance at the end.

    `checkpoint` is the line of the last one, None where that is older than a row.
    """

    wallet_id: str
    owner: str
    from_us: int | None
    to_us: int | None
    opening: int
    rows: list[StatementRow]
    closing: int
    checkpoint: str | None = None


def describe(statement: Statement) -> dict[str, Any]:
    """Return a statement as it is shown: amounts in credits, times as ISO 8601."""
    return {
        "wallet_id": statement.wallet_id,
        "owner": statement.owner,
        "from": None if statement.from_us is None else to_iso(statement.from_us),
        "to": None if statement.to_us is None else to_iso(statement.to_us),
        "opening": statement.opening,
        "rows": [
            {
                "at": to_iso(row.at_us),
                "kind": row.kind,
                "reference": row.reference,
                "description": row.description,
                "amount": row.amount,
                "balance": row.balance,
            }
            for row in statement.rows
        ],
        "closing": statement.closing,
        "checkpoint": statement.checkpoint,
    }


async def statement(
    context: Context, wallet_ref: str, *, from_us: int | None = None, to_us: int | None = None
) -> Statement:
    """Return a wallet's statement at [from, to), None being its beginning and now."""
    if from_us is not None and to_us is not None and from_us > to_us:
        raise errors.InvalidRequest("the statement would end before it begins", param="to")
    async with context.database.read() as connection:
        await freeze(connection)
        wallet = await references.wallet(connection, wallet_ref)
        from_seq = 0 if from_us is None else await rollups.seq_from(connection, from_us)
        transfers = await ledger.window(connection, wallet.id, from_us, to_us)
        draws = await usage.draws(connection, wallet.id, from_us, to_us, from_seq=from_seq)
        closing = await _balance_before(connection, wallet, to_us)
        proof = await _proof(connection, wallet.id, to_us)
    moves, calls = [_transferred(wallet, one) for one in transfers], list(map(_called, draws))
    opening = closing - sum(posting.amount for posting in (*moves, *calls))
    rows = [_row(posting, balance) for posting, balance in running.run(opening, moves, calls)]
    return Statement(
        wallet_id=wallet.id,
        owner=wallet.owner,
        from_us=from_us,
        to_us=to_us,
        opening=opening,
        rows=rows,
        closing=closing,
        checkpoint=proof,
    )


def write_csv(statement: Statement, stream: TextIO) -> None:
    """Write a statement as RFC 4180 with a byte order mark, into a stream of untranslated UTF-8.

    The first row is the opening, the last one the closing, which describes the checkpoint. A text
    that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    stream.write(BYTE_ORDER_MARK)
    writer = csv.writer(stream)
    writer.writerow(_COLUMNS)
    writer.writerow((_time(statement.from_us), "opening", "", "", "", statement.opening))
    for row in statement.rows:
        texts = (harmless(text) for text in (row.kind, row.reference, row.description))
        writer.writerow((to_iso(row.at_us), *texts, row.amount, row.balance))
    proof = statement.checkpoint or ""
    writer.writerow((_time(statement.to_us), "closing", "", proof, "", statement.closing))


def draw_pdf(statement: Statement, *, seller: str, now_us: int) -> bytes:
    """Return a statement as PDF, in the name of who sells."""
    # Loaded by the first who draws: a third of a second, and 55 MB.
    from grip.documents.statement import (  # noqa: PLC0415
        StatementLine,
        WalletStatement,
        render_statement,
    )

    lines = tuple(
        StatementLine(
            at=_printed(row.at_us),
            kind=row.kind,
            reference=row.reference,
            description=row.description,
            amount=row.amount,
            balance=row.balance,
        )
        for row in statement.rows
    )
    return render_statement(
        WalletStatement(
            wallet_id=statement.wallet_id,
            owner=statement.owner,
            seller=seller,
            begins=_printed(statement.from_us),
            ends=_printed(statement.to_us),
            made_on=to_iso(now_us)[:10],
            opening=statement.opening,
            rows=lines,
            closing=statement.closing,
            checkpoint=statement.checkpoint or "",
        )
    )


async def _balance_before(connection: Connection, wallet: Wallet, at_us: int | None) -> int:
    """Return what a wallet held at a time: what it holds, less all that has moved it since.

    What came later is less to read than what came before, at most times.
    """
    if at_us is None:
        return wallet.balance
    from_seq = await rollups.seq_from(connection, at_us)
    moved = await ledger.moved_since(connection, wallet.id, at_us)
    drawn = await usage.drawn_since(connection, wallet.id, at_us, from_seq=from_seq)
    return wallet.balance - moved - drawn


async def _proof(connection: Connection, wallet_id: str, to_us: int | None) -> str | None:
    """Return the line of the last checkpoint, None where a row of before `to_us` came after it."""
    last = await checkpoint_store.last(connection)
    if last is None or await ledger.has_newer(connection, wallet_id, to_us, last.marks):
        return None
    return checkpoints.line(last)


def _printed(at_us: int | None) -> str:
    """Return a time as people read it, to the second, in UTC."""
    return "" if at_us is None else to_iso(at_us)[:19].replace("T", " ")


def _transferred(wallet: Wallet, transfer: Transfer) -> Posting:
    is_credit = transfer.credit_account == wallet.id
    return Posting(
        at_us=transfer.created_us,
        kind=transfer.kind,
        reference=transfer.id,
        description=transfer.reason,
        amount=transfer.amount if is_credit else -transfer.amount,
    )


def _called(draw: usage.Draw) -> Posting:
    drawn = draw.credits - draw.debt_credits
    description = f"{draw.model}, key {draw.key_name}"
    if draw.debt_credits:
        description += f", {draw.debt_credits} credits more on the debt"
    return Posting(
        at_us=draw.at_us,
        kind="usage",
        reference=draw.request_id,
        description=description,
        amount=-drawn,
        before=draw.balance_after + drawn,
    )


def _row(posting: Posting, balance: int) -> StatementRow:
    return StatementRow(
        at_us=posting.at_us,
        kind=posting.kind,
        reference=posting.reference,
        description=posting.description,
        amount=posting.amount,
        balance=balance,
    )


def _time(at_us: int | None) -> str:
    return "" if at_us is None else to_iso(at_us)
