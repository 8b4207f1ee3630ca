from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.money.amounts import (
    MAX_CREDITS,
    NANO,
    NANO_PER_USD,
    PER_MILLION,
    ceil_credits,
    draw,
    rate_nano,
    usd,
)

COSTS = st.integers(0, MAX_CREDITS * NANO)


@given(st.integers(0, NANO - 1), COSTS, COSTS)
def test_a_hold_covers_what_is_drawn_whatever_the_carry(carry: int, estimate: int, cost: int):
    """As long as the cost is not above the estimate."""
    drawn, _ = draw(carry, min(cost, estimate))

    assert drawn <= ceil_credits(estimate)


@given(st.lists(COSTS, max_size=20))
def test_costs_are_drawn_to_the_nano_credit(costs: list[int]):
    """Whole credits and what is carried are all that was spent, after every cost."""
    drawn, carry = 0, 0
    for cost in costs:
        more, carry = draw(carry, cost)
        drawn += more
        assert 0 <= carry < NANO

    assert drawn * NANO + carry == sum(costs)


@pytest.mark.parametrize(
    ("cost_nano", "credits_"), [(0, 0), (1, 1), (NANO - 1, 1), (NANO, 1), (NANO + 1, 2)]
)
def test_a_hold_rounds_up_to_whole_credits(cost_nano: int, credits_: int):
    """Nothing costs nothing."""
    assert ceil_credits(cost_nano) == credits_


@pytest.mark.parametrize(
    ("text", "per", "nano"),
    [
        ("2.50", PER_MILLION, 2_500_000),
        ("0.01", PER_MILLION, 10_000),
        ("0.000001", PER_MILLION, 1),
        ("0.04", 1, 40_000_000_000),
        ("0.000000000001", 1, 1),
        ("0", 1, 0),
        ("0.00", PER_MILLION, 0),
        ("3.", PER_MILLION, 3_000_000),
        (".5", PER_MILLION, 500_000),
        ("9000000", 1, MAX_CREDITS * NANO),
    ],
)
def test_a_price_is_exact_nano_credits_per_unit(text: str, per: int, nano: int):
    """1 credit is $0.001, and a nano-credit is a billionth of it."""
    assert rate_nano(text, per) == nano


@given(st.integers(0, MAX_CREDITS * NANO), st.sampled_from([1, 1000, PER_MILLION]))
def test_a_price_that_is_shown_can_be_typed_again(nano: int, per: int):
    """Showing and reading are the inverse of each other, without an exponent."""
    shown = usd(nano, per)

    assert rate_nano(shown, per) == nano
    assert Fraction(shown) == Fraction(nano * per, NANO_PER_USD)


@pytest.mark.parametrize(("text", "per"), [("0.0000001", PER_MILLION), ("0.0000000000001", 1)])
def test_a_price_finer_than_a_nano_credit_is_refused(text: str, per: int):
    """Rounding would change what somebody typed."""
    with pytest.raises(ValueError, match="finer than one nano-credit"):
        rate_nano(text, per)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-1",
        "-0",
        "+1",
        "1e3",
        "1e-2000000",
        "1_000",
        " 1",
        "1\n",
        "\u0661",
        "nan",
        "inf",
        "$1",
    ],
)
def test_a_price_is_a_plain_number(text: str):
    """Among them the tiny power of ten that would round to a price of nothing."""
    with pytest.raises(ValueError, match="is not an amount"):
        rate_nano(text)


@pytest.mark.parametrize("text", ["9000000.000001", "9999999999", "0." + "0" * 30 + "1"])
def test_a_price_has_an_end(text: str):
    """A cost of one unit fits the columns of the books."""
    with pytest.raises(ValueError, match="more than a price can be"):
        rate_nano(text)


def test_a_float_is_no_price():
    """Not even one that happens to be exact."""
    with pytest.raises(TypeError):
        rate_nano(2.5)  # type: ignore[arg-type]
