"""What money is worth in dollars and in credits, exactly."""

from fractions import Fraction

import pytest

from grip.money.exchange import credits_for, price_of, rate, usd, with_dollars


def test_worth_is_exact():
    """For currencies with two decimals, none and three."""
    assert usd(10_000, "CNY", "0.14") == 14
    assert usd(4_900, "JPY", "0.0065") == Fraction("31.85")
    assert usd(1_000, "KWD", "3.25") == Fraction("3.25")


def test_a_credit_is_a_tenth_of_a_cent_and_part_of_one_is_none():
    """Rounded down: nobody gets what was not paid."""
    assert credits_for(500, "USD", "1") == 5_000
    assert credits_for(1, "CNY", "0.1499") == 1
    assert credits_for(100, "JPY", "0.006599") == 659


def test_credits_cost_their_worth_in_any_currency():
    """Rounded half up, to whole minor units."""
    assert price_of(250_000, "USD", "1") == 25_000
    assert price_of(1_000, "CNY", "0.14") == 714
    assert price_of(15, "USD", "1") == 2
    assert price_of(1_000, "JPY", "0.0065") == 154
    assert price_of(1_000, "KWD", "3.25") == 308


@pytest.mark.parametrize(
    "text", ["0", "0.000", "-1", "1e3", "1.", ".5", "1.0000000000001", "", "٣"]
)
def test_a_rate_is_a_plain_number_above_zero(text: str):
    """No signs, no exponents, no digits of other scripts."""
    with pytest.raises(ValueError, match="no rate"):
        rate(text)


def test_the_dollar_is_a_dollar():
    """Rates that are frozen have it too, so that whoever compares needs no exception."""
    assert with_dollars({"CNY": "0.14"}) == {"CNY": "0.14", "USD": "1"}
