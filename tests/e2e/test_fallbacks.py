"""Another model serves where no channel of the first one can, at its own price."""

import pytest

from grip.money.pricing import Rates
from tests.e2e.house import HELLO, POLITE_NANO, RATES, House
from tests.e2e.scripts import fails, polite

assert RATES.input_nano is not None
assert RATES.output_nano is not None
DEAR = Rates(input_nano=RATES.input_nano * 3, output_nano=RATES.output_nano * 3)


@pytest.mark.parametrize("stream", [False, True])
def test_a_fallback_serves_at_its_own_price_and_says_so(
    house: House,
    stream: bool,  # noqa: FBT001
):
    """One charge, under the model that served; a header names it."""
    ana = house.customer()
    dear = house.sell(polite, sell=DEAR)
    cheap = house.sell(fails(500), fails(429), fallbacks=[dear.name])
    said = house.post(ana, {"model": cheap.name, "messages": HELLO, "stream": stream})

    assert said.status_code == 200
    assert said.headers["x-grip-model"] == dear.name
    assert (cheap.calls, dear.calls) == ([1, 1], [1])
    (row,) = house.usage(ana)
    assert (row.model, row.attempts) == (dear.name, 3)
    assert row.cost_nano == 3 * POLITE_NANO
    assert house.holds(ana) == 0


def test_the_hold_covers_the_dearest_model_that_may_serve(house: House):
    """A wallet that could pay the named model alone is told before anything is sent."""
    ana = house.customer(credits_=30)
    dear = house.sell(polite, sell=DEAR)
    cheap = house.sell(polite, fallbacks=[dear.name])
    said = house.post(ana, {"model": cheap.name, "messages": HELLO, "max_tokens": 11})

    assert (said.status_code, said.json()["error"]["code"]) == (402, "insufficient_credits")
    assert said.json()["error"]["metadata"]["required"] > 30
    assert (cheap.calls, dear.calls) == ([0], [0])


def test_a_key_that_may_not_use_the_fallback_is_not_served_by_it(house: House):
    """Its list of models holds for every call."""
    dear = house.sell(polite, sell=DEAR)
    cheap = house.sell(fails(500), fallbacks=[dear.name])
    ana = house.customer(models=[cheap.name])
    said = house.post(ana, {"model": cheap.name, "messages": HELLO})

    assert said.status_code == 503
    assert dear.calls == [0]
    house.assert_untouched(ana)


def test_a_model_that_serves_itself_names_no_other(house: House):
    """The header is for the exception."""
    ana = house.customer()
    good = house.sell(polite, fallbacks=[house.sell(polite).name])
    said = house.post(ana, {"model": good.name, "messages": HELLO})

    assert said.status_code == 200
    assert "x-grip-model" not in said.headers
