"""Money of the world in minor units: exact, bounded, and never a float."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.money.currencies import CURRENCIES, MAX_MINOR, exponent, major, minor, share


@pytest.mark.parametrize(
    ("amount", "currency", "units", "shown"),
    [
        ("49", "USD", 4900, "49.00"),
        ("49.9", "EUR", 4990, "49.90"),
        ("0.01", "CNY", 1, "0.01"),
        ("4900", "JPY", 4900, "4900"),
        ("4.9", "KWD", 4900, "4.900"),
        ("0", "USD", 0, "0.00"),
    ],
)
def test_an_amount_is_counted_in_its_currencys_smallest_unit(
    amount: str, currency: str, units: int, shown: str
):
    """Yen have no decimals, dinars of Kuwait three."""
    assert minor(amount, currency) == units
    assert major(units, currency) == shown


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.001", "USD"),
        ("0.5", "JPY"),
        ("0.0001", "KWD"),
        ("-1", "USD"),
        ("1e3", "USD"),
        ("", "USD"),
        ("NaN", "USD"),
        ("\uff11\uff12", "USD"),
        ("9999999999999", "USD"),
        ("1", "usd"),
        ("1", "XAU"),
        ("1", "BTC"),
    ],
)
def test_what_is_no_amount_is_refused(amount: str, currency: str):
    """Finer than the currency, negative, absurd, or in no money of this world."""
    with pytest.raises(ValueError, match=r"is not|is more|is finer|is no currency"):
        minor(amount, currency)


def test_a_number_that_is_no_amount_is_refused():
    """Also where it was read as a decimal already; and a float is never read."""
    for amount in (Decimal(-1), Decimal("NaN"), Decimal("Infinity"), Decimal("0.001")):
        with pytest.raises(ValueError, match=r"is not|is more|is finer|is no currency"):
            minor(amount, "USD")
    with pytest.raises(TypeError):
        minor(1.5, "USD")  # type: ignore[arg-type]


@given(units=st.integers(0, MAX_MINOR), currency=st.sampled_from(sorted(CURRENCIES)))
def test_what_is_shown_is_read_back(units: int, currency: str):
    """In every currency."""
    assert minor(major(units, currency), currency) == units
    assert exponent(currency) in (0, 2, 3)


def test_a_negative_amount_is_shown_with_its_sign():
    """As a credit note has it; below a whole unit too."""
    assert (major(-4900, "USD"), major(-5, "USD"), major(-7, "JPY")) == ("-49.00", "-0.05", "-7")


@given(amount=st.integers(0, MAX_MINOR), part=st.integers(0, 10**6), whole=st.integers(1, 10**6))
def test_a_share_is_rounded_half_up(amount: int, part: int, whole: int):
    """Exactly, as decimals do it."""
    exact = Decimal(amount * part) / whole
    assert share(amount, part, whole) - exact <= Decimal("0.5")
    assert exact - share(amount, part, whole) < Decimal("0.5") + Decimal("1e-12")


def test_a_share_of_less_than_nothing_is_refused():
    """Signs are the caller's business."""
    for wrong in ((-1, 1, 1), (1, -1, 1), (1, 1, 0)):
        with pytest.raises(ValueError, match="a share is of zero or more"):
            share(*wrong)
