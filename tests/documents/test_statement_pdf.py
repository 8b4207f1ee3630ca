"""A wallet's statement as a PDF: all rows, over many pages, and sums that agree."""

from io import BytesIO

import msgspec
import pytest
from pypdf import PdfReader

from grip.documents.statement import StatementLine, WalletStatement, render_statement
from grip.errors import DocumentInvalid
from tests.documents.samples import text_of


def statement(rows: int) -> WalletStatement:
    """A wallet that is filled now and then, and used all the time."""
    lines = []
    balance = 1_000
    for place in range(rows):
        amount = 50_000 if place % 40 == 0 else -(place % 900)
        balance += amount
        row = StatementLine(
            at=f"2026-11-{1 + place % 28:02} 10:00:05Z",
            kind="purchase" if amount > 0 else "usage",
            reference=f"req_{place:032x}",
            description=f"gpt-5-mini, key Größe 深圳 {place}",
            amount=amount,
            balance=balance,
        )
        lines.append(row)
    return WalletStatement(
        wallet_id="wal_0199fd0a51237abc8def012345678000",
        owner="Café Société SARL",
        seller="grip GmbH",
        begins="2026-11-01 00:00:00Z",
        ends="2026-12-01 00:00:00Z",
        made_on="2026-12-01",
        opening=1_000,
        rows=tuple(lines),
        closing=balance,
    )


def test_a_statement_has_every_row_and_its_totals():
    """Over many pages, each with the columns' names and its number."""
    told = statement(130)
    pdf = render_statement(told)
    pages = [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf)).pages]
    text = text_of(pdf)

    assert len(pages) >= 3
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Time Kind Reference Description Amount Balance" in page
    assert all(row.reference in text and row.description in text for row in told.rows)
    assert all(f"{row.balance:,}" in text for row in told.rows)
    assert "Opening balance 1,000" in text
    assert f"Closing balance {told.closing:,}" in text
    assert "200,000" in text


def test_the_line_that_proves_a_statement_is_in_it_whole():
    """Over several lines of the page, and without a space that was not there."""
    digest = "5f0c" * 16
    line = (
        f"grip-checkpoint chk_0199fd0a51237abc8def012345678000 2026-12-01T00:00:00Z sha256:{digest}"
    )
    text = text_of(render_statement(msgspec.structs.replace(statement(1), checkpoint=line)))

    assert "".join(line.split()) in "".join(text.split())
    assert "Proof" not in text_of(render_statement(statement(1)))


def test_an_empty_statement_has_its_balances():
    """Nothing happened, and the page says so."""
    text = text_of(render_statement(statement(0)))

    assert "Opening balance 1,000" in text
    assert "Closing balance 1,000" in text


@pytest.mark.parametrize("field", ["opening", "closing"])
def test_a_statement_that_does_not_add_up_is_refused(field: str):
    """Opening and rows make closing, or there is no statement."""
    told = statement(5)
    with pytest.raises(DocumentInvalid):
        render_statement(msgspec.structs.replace(told, **{field: getattr(told, field) + 1}))
    with pytest.raises(DocumentInvalid):
        render_statement(msgspec.structs.replace(told, rows=told.rows[1:]))


def test_a_hostile_row_is_only_a_row():
    """What strangers name can neither break the page nor fill it."""
    told = statement(1)
    row = msgspec.structs.replace(told.rows[0], description="\x00{nb}\u202e" + "W" * 10_000)
    pdf = render_statement(msgspec.structs.replace(told, rows=(row,)))

    assert len(PdfReader(BytesIO(pdf)).pages) == 1
    assert "{nb}" in text_of(pdf)
