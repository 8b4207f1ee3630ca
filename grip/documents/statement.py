"""A wallet's statement as a PDF: opening, every row, closing, over as many pages as it takes.

Its value is a plain one of its own, so that whoever keeps the books can fill it. Refuses figures
that do not add up. Compressed, and not promised to be the same bytes with another build of zlib: a
statement is made anew each time, and nobody stores its hash.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from grip.documents import metadata, words
from grip.documents.drawing import draw
from grip.documents.layout import LEFT, RIGHT, SMALL_PT, TITLE_PT, Pages
from grip.documents.sheet import Sheet, midnight
from grip.errors import DocumentInvalid

_TIME: Final = (LEFT, 27.0)
_KIND: Final = (50.0, 15.0)
_REFERENCE: Final = (66.0, 44.0)
_DESCRIPTION: Final = (112.0, 41.0)
_AMOUNT: Final = (171.0, 17.0)
_BALANCE: Final = (RIGHT, 18.0)
"""Texts begin there, numbers end there; and how wide they are."""
_TIGHT: Final = 0.85
_GAP: Final = 0.08
_HEADING: Final = (RIGHT, 100.0)
_SHOWN_LINES: Final = 6


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a balance, in credits; `at` is the time as it is printed."""

    at: str
    kind: str
    reference: str
    description: str
    amount: int
    balance: int


class WalletStatement(msgspec.Struct, frozen=True, kw_only=True):
    """A period of a wallet, in credits: opening and rows make closing.

    `made_on` is an ISO date; `begins` and `ends` are times as they are printed, empty for ever.
    `checkpoint` is the line that proves the rows, empty where there is none.
    """

    wallet_id: str
    owner: str
    seller: str
    begins: str
    ends: str
    made_on: str
    opening: int
    rows: tuple[StatementLine, ...]
    closing: int
    checkpoint: str = ""


def render_statement(statement: WalletStatement) -> bytes:
    """Return a statement as PDF/A-3B; raises DocumentInvalid where it does not add up."""
    _check(statement)
    made_on = midnight(statement.made_on)
    sheet = Sheet(_texts(statement), made_on=made_on)
    title = f"Statement {statement.wallet_id}"
    draw(sheet, _arrange(statement, sheet), seller=statement.seller, title=title)
    sheet.set_lang("en")
    sheet.set_xmp_metadata(
        metadata.xmp(title=title, author=statement.seller, made_on=made_on, attachment=None)
    )
    return sheet.finish(compress=True)


def _check(statement: WalletStatement) -> None:
    balance = statement.opening
    for row in statement.rows:
        balance += row.amount
        if row.balance != balance:
            raise DocumentInvalid(
                f"the statement does not add up at {row.reference}", param="balance"
            )
    if balance != statement.closing:
        raise DocumentInvalid("the statement does not add up to its closing", param="closing")


def _texts(statement: WalletStatement) -> Iterator[str]:
    yield from (statement.wallet_id, statement.owner, statement.seller)
    yield from (statement.begins, statement.ends, statement.checkpoint)
    for row in statement.rows:
        yield from (row.at, row.kind, row.reference, row.description)


def _arrange(statement: WalletStatement, sheet: Sheet) -> Pages:
    pages = Pages(faces=sheet)
    _head(pages, statement)
    _summary(pages, statement)
    _columns(pages)
    _bound(pages, statement.begins, "Opening balance", statement.opening)
    for row in statement.rows:
        _row(pages, row)
    pages.need(2)
    pages.rule(strong=True)
    pages.down(0.3)
    _bound(pages, statement.ends, "Closing balance", statement.closing)
    return pages


def _head(pages: Pages, statement: WalletStatement) -> None:
    pages.text(LEFT, "Statement", size_pt=TITLE_PT, bold=True)
    pages.number(_HEADING, statement.wallet_id, size_pt=12)
    pages.down(2.4)
    facts = [
        ("Owner", statement.owner),
        ("Period", f"{statement.begins or 'beginning'} to {statement.ends or 'now'}"),
        ("Made on", words.day(statement.made_on)),
        ("Unit", "credits; times are UTC"),
    ]
    if statement.checkpoint:
        facts.append(("Proof", statement.checkpoint))
    for label, value in facts:
        pages.text(LEFT, label, size_pt=SMALL_PT, quiet=True)
        for line in pages.wrapped(value, RIGHT - _KIND[0]):
            pages.text(_KIND[0], line)
            pages.down()
    pages.down(0.5)


def _summary(pages: Pages, statement: WalletStatement) -> None:
    came = sum(row.amount for row in statement.rows if row.amount > 0)
    went = sum(row.amount for row in statement.rows if row.amount < 0)
    totals = (
        ("Opening balance", statement.opening),
        ("Added", came),
        ("Drawn", went),
        ("Closing balance", statement.closing),
    )
    pages.rule()
    for place, (label, _) in enumerate(totals):
        x = LEFT + place * (RIGHT - LEFT) / len(totals)
        pages.text(x, label, size_pt=SMALL_PT, quiet=True)
    pages.down()
    for place, (_, value) in enumerate(totals):
        pages.text(LEFT + place * (RIGHT - LEFT) / len(totals), words.count(value), bold=True)
    pages.down(1.8)


def _columns(pages: Pages) -> None:
    labels = (
        (_TIME, "Time"),
        (_KIND, "Kind"),
        (_REFERENCE, "Reference"),
        (_DESCRIPTION, "Description"),
    )
    for (x, _), label in labels:
        pages.text(x, label, size_pt=SMALL_PT, quiet=True)
    for column, label in ((_AMOUNT, "Amount"), (_BALANCE, "Balance")):
        pages.number(column, label, size_pt=SMALL_PT, quiet=True)
    pages.down()
    pages.rule(strong=True)
    pages.down(0.3)


def _bound(pages: Pages, at: str, label: str, balance: int) -> None:
    pages.text(LEFT, at, size_pt=SMALL_PT)
    pages.text(_DESCRIPTION[0], label, size_pt=SMALL_PT, bold=True)
    pages.number(_BALANCE, words.count(balance), size_pt=SMALL_PT, bold=True)
    pages.down()


def _row(pages: Pages, row: StatementLine) -> None:
    """Put one row; of what strangers named, so many lines."""
    x, width = _DESCRIPTION
    described = pages.wrapped(row.description, width, size_pt=SMALL_PT)[:_SHOWN_LINES]
    height = max(1, len(described)) * _TIGHT
    pages.need(height, lambda: _columns(pages))
    for (start, most), text in ((_TIME, row.at), (_KIND, row.kind), (_REFERENCE, row.reference)):
        pages.text(start, text, most=most, size_pt=SMALL_PT)
    pages.number(_AMOUNT, words.count(row.amount), size_pt=SMALL_PT)
    pages.number(_BALANCE, words.count(row.balance), size_pt=SMALL_PT)
    top = pages.y
    for line in described:
        pages.text(x, line, size_pt=SMALL_PT)
        pages.down(_TIGHT)
    pages.y = top
    pages.down(height + _GAP)
