"""Charges from a provider's export, as they are saved and sent around."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip import errors
from grip.payments.csv_export import read_charges
from grip.payments.port import Charge

HEADING = "id,order_id,amount,currency,refunded,created"
ROW = "pi_1,ord_1,49.00,USD,9.00,2026-11-21T00:00:00Z"
CHARGE = Charge(
    payment_ref="pi_1",
    order_id="ord_1",
    amount_minor=4900,
    currency="USD",
    refunded_minor=900,
    created_us=1_795_219_200_000_000,
)


def charges(*lines: str) -> list[Charge]:
    """Return what an export of these lines says."""
    return list(read_charges(f"{line}\n" for line in lines))


def test_a_plain_export_is_read():
    """With the columns of docs/payments.md."""
    assert charges(HEADING, ROW) == [CHARGE]
    assert charges(HEADING) == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheet_may_have_saved_it(delimiter: str):
    """With a mark in front, other separators, quotes, blank lines, and columns of its own."""
    heading = f"\ufeff{HEADING},note".replace(",", delimiter)
    row = delimiter.join(f'"{cell}"' for cell in [*ROW.split(","), 'a ""note"",\n of two lines'])
    lines = f"{heading}\r\n\r\n{row}\r\n{delimiter * 6}\r\n".splitlines(keepends=True)
    assert list(read_charges(lines)) == [CHARGE]


def test_stripes_own_export_is_read():
    """The payment is its intent, and what failed is none."""
    heading = (
        "id,Created date (UTC),Amount,Amount Refunded,Currency,Status,PaymentIntent ID,"
        "order_id (metadata)"
    )
    paid = "ch_1,2026-11-21 00:00:00,49.00,9.00,usd,Paid,pi_1,ord_1"
    failed = "ch_2,2026-11-21 00:00:00,49.00,0.00,usd,Failed,pi_2,ord_1"
    assert charges(heading, failed, paid) == [CHARGE]


def test_amounts_are_of_their_currency():
    """Yen without decimals, dinars with three."""
    rows = ("pi_1,,4900,JPY,,1795219200", "pi_2,,4.911,kwd,0,2026-11-21")
    yen, dinars = charges(HEADING, *rows)
    assert (yen.amount_minor, yen.refunded_minor, yen.order_id) == (4900, 0, None)
    assert (dinars.amount_minor, dinars.currency) == (4911, "KWD")
    assert yen.created_us == dinars.created_us == CHARGE.created_us


@pytest.mark.parametrize(
    "row",
    [
        "pi_2,ord_1,49.00,USD,9.00",
        "pi_2,ord_1,49.00,USD,9.00,2026-11-21,more",
        'pi_2,ord_1,"1,234.00",USD,0,2026-11-21',
        "pi_2,ord_1,-49.00,USD,0,2026-11-21",
        "pi_2,ord_1,4.9e1,USD,0,2026-11-21",
        "pi_2,ord_1,,USD,0,2026-11-21",
        "pi_2,ord_1,49.001,USD,0,2026-11-21",
        "pi_2,ord_1,49.00,XXX,0,2026-11-21",
        "pi_2,ord_1,49.00,USD,0,yesterday",
        "pi_2,ord_1,49.00,USD,0,",
        ",ord_1,49.00,USD,0,2026-11-21",
        "pi_1,ord_2,49.00,USD,0,2026-11-21",
        '"pi_2,ord_1,49.00,USD,0,2026-11-21',
        'pi_2,"ord"_1,49.00,USD,0,2026-11-21',
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_its_line(row: str):
    """And nothing is left out in silence."""
    with pytest.raises(errors.ExportUnreadable, match="line 3") as caught:
        charges(HEADING, ROW, row)
    assert caught.value.metadata["line"] == 3


@pytest.mark.parametrize("lines", [[], ["\n"], ["id,order_id\n", "pi_1,ord_1\n"], ["\x00\n"]])
def test_an_export_without_its_columns_is_refused(lines: Iterable[str]):
    """By the first of them that is missing."""
    with pytest.raises(errors.ExportUnreadable, match="line 1"):
        list(read_charges(lines))


def test_a_file_that_is_no_text_is_refused():
    """By the line where it stops being one."""

    def lines() -> Iterable[str]:
        yield f"{HEADING}\n"
        yield b"\xff".decode()

    with pytest.raises(errors.ExportUnreadable, match="line 2"):
        list(read_charges(lines()))


@given(rest=st.lists(st.text(max_size=40), max_size=4), amount=st.text(max_size=12))
def test_no_file_breaks_it(rest: list[str], amount: str):
    """It is read, or it is named."""
    try:
        charges(HEADING, f"pi_1,ord_1,{amount},USD,0,2026-11-21", *rest)
    except errors.ExportUnreadable:
        return
