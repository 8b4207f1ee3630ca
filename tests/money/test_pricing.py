import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.money.pricing import (
    HEARD_UNITS,
    RATE_NAMES,
    SPOKEN_UNITS,
    UNITS,
    Rates,
    Usage,
    bound_nano,
    cost_lines,
    cost_nano,
    dearest_input,
    is_priced,
    prices_tokens,
)

RATE = st.none() | st.integers(0, 10**9)
RATES = st.builds(Rates, **dict.fromkeys(RATE_NAMES, RATE))
TOKENS = st.integers(0, 10**6)


def test_every_unit_has_its_price():
    """A price is per unit, and the units add up."""
    rates = Rates(
        input_nano=2,
        output_nano=3,
        cached_input_nano=1,
        cache_write_nano=5,
        image_nano=7,
        second_nano=11,
        character_nano=13,
        request_nano=17,
    )
    usage = Usage(
        input_tokens=100,
        output_tokens=10,
        cached_input_tokens=20,
        cache_write_tokens=30,
        images=2,
        seconds=3,
        characters=4,
    )

    assert cost_nano(rates, usage) == 50 * 2 + 20 * 1 + 30 * 5 + 30 + 14 + 33 + 52 + 17
    assert usage.tokens == 110


def test_cached_and_written_tokens_without_a_price_cost_what_input_costs():
    """None is not free; a typed 0 is."""
    usage = Usage(input_tokens=10, cached_input_tokens=4, cache_write_tokens=3)

    assert cost_nano(Rates(input_nano=2), usage) == 20
    assert cost_nano(Rates(input_nano=2, cached_input_nano=0), usage) == 12
    assert cost_nano(Rates(input_nano=2, cache_write_nano=0), usage) == 14
    assert cost_nano(Rates(cached_input_nano=1, cache_write_nano=1), usage) == 7


def test_a_unit_without_a_price_adds_nothing():
    """However much of it was used."""
    used = Usage(input_tokens=5, output_tokens=5, images=5, seconds=5, characters=5, requests=5)

    assert cost_nano(Rates(), used) == 0


@given(RATES, st.builds(Usage, **dict.fromkeys(Usage._fields, st.integers(0, 10**9))))
def test_the_lines_of_a_charge_add_up_to_its_cost(rates: Rates, usage: Usage):
    """Whatever was used at whatever prices: people are shown what is charged, and no unit twice."""
    lines = cost_lines(rates, usage)

    assert sum(line.nano for line in lines) == cost_nano(rates, usage)
    assert len({line.unit for line in lines}) == len(lines)
    assert all(line.units > 0 for line in lines)


@given(RATES, TOKENS, TOKENS, TOKENS)
def test_a_part_of_the_input_is_never_more_than_the_input(
    rates: Rates, tokens: int, cached: int, written: int
):
    """An upstream that counts nonsense makes no token cost twice, or less than nothing."""
    usage = Usage(input_tokens=tokens, cached_input_tokens=cached, cache_write_tokens=written)
    least = min(
        rates.input_nano or 0,
        *(r for r in (rates.cached_input_nano, rates.cache_write_nano) if r is not None),
        rates.input_nano or 0,
    )
    request = rates.request_nano or 0

    assert tokens * least + request <= cost_nano(rates, usage)
    assert cost_nano(rates, usage) <= tokens * dearest_input(rates) + request


@given(RATES, TOKENS, TOKENS, TOKENS, TOKENS)
def test_the_bound_covers_every_use_within_its_tokens(
    rates: Rates, tokens: int, cached: int, written: int, output: int
):
    """Whatever the cache did; that is what a hold rests on."""
    usage = Usage(
        input_tokens=tokens,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=output,
    )

    assert cost_nano(rates, usage) <= bound_nano(
        rates, Usage(input_tokens=tokens, output_tokens=output)
    )


@pytest.mark.parametrize("name", RATE_NAMES)
def test_zero_is_a_price_and_none_is_not(name: str):
    """Free is a price that somebody typed."""
    assert Rates(**{name: 0}).named
    assert not Rates(**{name: None}).named


def test_half_a_price_is_none_where_there_is_output():
    """The other half would be free, and nobody typed that."""
    chat, embedding = UNITS["chat"], UNITS["embedding"]
    assert is_priced(Rates(input_nano=1, output_nano=0), chat)
    assert is_priced(Rates(request_nano=0), chat)
    assert is_priced(Rates(input_nano=1), embedding)
    assert not is_priced(Rates(input_nano=1), chat)
    assert not is_priced(Rates(output_nano=1), chat)
    assert not is_priced(Rates(), embedding)


def test_who_sells_by_the_image_counts_no_tokens():
    """A price of zero is one all the same."""
    assert not prices_tokens(Rates(image_nano=1))
    assert prices_tokens(Rates(input_nano=0, output_nano=0))
    assert prices_tokens(Rates(output_nano=1))


@pytest.mark.parametrize(
    ("units", "rates", "priced"),
    [
        (UNITS["image"], Rates(image_nano=0), True),
        (UNITS["image"], Rates(second_nano=1), False),
        (UNITS["chat"], Rates(image_nano=1), False),
        (SPOKEN_UNITS, Rates(second_nano=1), False),
        (SPOKEN_UNITS, Rates(character_nano=1), True),
        (HEARD_UNITS, Rates(second_nano=1), True),
        (HEARD_UNITS, Rates(character_nano=1), False),
        (HEARD_UNITS, Rates(second_nano=1, input_nano=1), False),
    ],
)
def test_only_what_a_route_counts_can_be_its_price(
    units: frozenset[str], rates: Rates, *, priced: bool
):
    """All else would make its calls free."""
    assert is_priced(rates, units) == priced
