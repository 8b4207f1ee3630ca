"""Amounts, rates and dates as they are printed: English, exact, the same in every locale."""

from datetime import date
from typing import Final

from grip.documents.document import Document, Line
from grip.money import currencies

_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_PRICED_BY: Final = 1_000
"""Where so many are sold, a price is that of so many: a single credit costs too little to read."""
_FINER: Final = 4
"""Decimals of a unit price beyond those of its currency."""


def amount(amount_minor: int, currency: str) -> str:
    """Return minor units as people read them: `1,234.50`, `4,900`, `4.900`."""
    whole, dot, part = currencies.major(amount_minor, currency).partition(".")
    return f"{int(whole):,}{dot}{part}"


def count(number: int) -> str:
    """Return an integer in groups of three."""
    return f"{number:,}"


def rate(rate_bp: int) -> str:
    """Return basis points in percent: `19 %`, `8.5 %`."""
    return f"{percent(rate_bp)} %"


def percent(rate_bp: int) -> str:
    """Return basis points as a number of percent, without zeros at its end: `19`, `8.5`."""
    whole, part = divmod(rate_bp, 100)
    return f"{whole}.{part:02}".rstrip("0").rstrip(".")


def day(iso: str) -> str:
    """Return an ISO date as `21 November 2026`."""
    told = date.fromisoformat(iso)
    return f"{told.day} {_MONTHS[told.month - 1]} {told.year}"


def unit_price(line: Line, currency: str) -> str:
    """Return what one costs, or a thousand: `0.98 / 1,000`, rounded half up.

    It has up to four decimals more than its currency.
    """
    by = _PRICED_BY if line.quantity >= _PRICED_BY else 1
    exponent = currencies.exponent(currency)
    finest = currencies.share(line.net_minor, by * 10**_FINER, line.quantity)
    decimals = exponent + _FINER
    whole, part = divmod(finest, 10**decimals)
    fraction = f"{part:0{decimals}}"
    kept = fraction[:exponent] + fraction[exponent:].rstrip("0")
    price = f"{whole:,}.{kept}" if kept else f"{whole:,}"
    return f"{price} / {by:,}" if by > 1 else price


def title(document: Document) -> str:
    """Return what a document is: where GST is charged, the law wants the words "tax invoice"."""
    if document.kind == "credit_note":
        return "Credit note"
    if document.tax.name == "GST" and document.tax.category == "S":
        return "Tax invoice"
    return "Invoice"


def terms(document: Document) -> str:
    """Return what is still to be paid, and when."""
    is_credit = document.kind == "credit_note"
    if document.paid_minor == document.gross_minor:
        return "The amount was refunded." if is_credit else "Paid in full. Nothing is due."
    if is_credit:
        return "The amount due is still to be refunded."
    if document.due_on:
        return f"Payable by {day(document.due_on)}."
    return "Payable on receipt."
