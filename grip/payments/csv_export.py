"""Charges from a provider's CSV export, for `grip reconcile` where there is no API to ask.

Owns which headings are known, Stripe's among them, and how amounts and times may be written.
Refuses to guess: a row that cannot be read is an error with its line, never left out.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from grip import clock
from grip.errors import ExportUnreadable
from grip.money.currencies import CURRENCIES, minor
from grip.payments.port import Charge
from grip.payments.reading import is_short

_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "payment": ("payment_ref", "payment_id", "paymentintent id", "payment_intent_id", "id"),
    "order": ("order_id", "order_id (metadata)", "payment_metadata[order_id]", "order id"),
    "amount": ("amount", "gross"),
    "refunded": ("refunded", "amount refunded", "amount_refunded"),
    "currency": ("currency",),
    "created": ("created", "created_at", "created (utc)", "created date (utc)", "created_utc"),
    "status": ("status",),
}
_NEEDED: Final = ("payment", "amount", "currency", "created")
_NO_PAYMENT: Final = frozenset(
    {"failed", "canceled", "cancelled", "incomplete", "expired", "blocked", "pending", "uncaptured"}
)
_DELIMITERS: Final = ",;\t"
_MICROS: Final = 1_000_000
_SECONDS_DIGITS_MAX: Final = 11


def read_charges(lines: Iterable[str]) -> Iterator[Charge]:
    """Yield the charges of an export, given as text lines; rows that are no payment are passed by.

    Amounts are in the currency's own units (`49.00`), times are UTC. Raises ExportUnreadable.
    """
    numbered = _Lines(lines)
    heading = next(numbered, "").removeprefix("\ufeff")
    delimiter = max(_DELIMITERS, key=heading.count)
    names = _columns(next(_rows(iter([heading]), delimiter, numbered), []))
    seen: set[str] = set()
    for row in _rows(numbered, delimiter, numbered):
        if not any(cell.strip() for cell in row):
            continue
        charge = _charge(row, names, numbered.count)
        if charge is None:
            continue
        if charge.payment_ref in seen:
            raise _unreadable(numbered.count, "names a payment that an earlier line names too")
        seen.add(charge.payment_ref)
        yield charge


class _Lines:
    """Lines, counted as they go by."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except UnicodeDecodeError:
            raise _unreadable(
                self.count + 1, "is no UTF-8; save the export again as such"
            ) from None
        self.count += 1
        return line


def _rows(lines: Iterator[str], delimiter: str, numbered: _Lines) -> Iterator[list[str]]:
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise _unreadable(numbered.count, f"is no CSV: {error}") from None
        yield row


def _columns(heading: Sequence[str]) -> dict[str, int]:
    """Return where each of grip's columns stands: under the first of its headings that is there."""
    found = {name.strip().lower(): at for at, name in reversed(list(enumerate(heading)))}
    places = {
        column: next((found[name] for name in names if name in found), None)
        for column, names in _HEADINGS.items()
    }
    for column in _NEEDED:
        if places[column] is None:
            names = " or ".join(repr(name) for name in _HEADINGS[column])
            raise _unreadable(1, f"has no column {names}")
    columns = {column: at for column, at in places.items() if at is not None}
    return columns | {"": len(heading)}


def _charge(row: Sequence[str], names: Mapping[str, int], line: int) -> Charge | None:
    if len(row) != names[""]:
        raise _unreadable(line, f"has {len(row)} columns, and the heading {names['']}")
    cells = {column: row[at].strip() for column, at in names.items() if column}
    if cells.get("status", "").lower() in _NO_PAYMENT:
        return None
    currency = cells["currency"].upper()
    if currency not in CURRENCIES:
        raise _unreadable(line, f"names {currency!r}, which is no currency")
    payment = cells["payment"]
    if not is_short(payment):
        raise _unreadable(line, "names no payment")
    return Charge(
        payment_ref=payment,
        order_id=cells.get("order") or None,
        amount_minor=_amount(cells["amount"], currency, line),
        currency=currency,
        refunded_minor=_amount(cells.get("refunded") or "0", currency, line),
        created_us=_time(cells["created"], line),
    )


def _amount(text: str, currency: str, line: int) -> int:
    try:
        return minor(text, currency)
    except ValueError as error:
        raise _unreadable(line, f"has an amount that cannot be read: {error}") from None


def _time(text: str, line: int) -> int:
    if text.isascii() and text.isdigit() and len(text) <= _SECONDS_DIGITS_MAX and len(text) > 8:  # noqa: PLR2004 - eight digits are a date
        return int(text) * _MICROS
    try:
        return clock.from_iso(text)
    except (ValueError, OverflowError):
        raise _unreadable(line, f"has no time: {text[:40]!r}") from None


def _unreadable(line: int, what: str) -> ExportUnreadable:
    return ExportUnreadable(f"line {line} of the export {what}", metadata={"line": line})
