from typing import Any

import pytest

from grip.money.pricing import Rates
from grip.services import channel_costs, channels, exposure, models
from grip.services.context import Context


@pytest.fixture
async def wares(context: Context) -> Context:
    """Two channels, of which one is of another group."""
    for name, group in (("one", "default"), ("vip", "vip")):
        draft = channels.Draft(name=name, kind="sandbox", groups=[group])
        await channels.add(context, draft, actor="eve")
    return context


async def _model(context: Context, name: str, **values: Any) -> None:
    await models.add(context, models.Draft(name=name, **{"type": "chat", **values}), actor="eve")


async def _shown(context: Context) -> list[tuple[Any, ...]]:
    keys = ("model", "channel", "unit", "sell", "buy", "margin", "loses")
    found = [exposure.describe(one) for one in await exposure.exposures(context)]
    return [tuple(one[key] for key in keys) for one in found]


async def test_every_unit_is_compared_and_losses_go_first(wares: Context):
    """Prices are dollars per million tokens; one that equals its cost does not lose."""
    sell = Rates(input_nano=2_000_000, output_nano=3_000_000, image_nano=1_000_000_000_000)
    buy = Rates(input_nano=2_000_000, output_nano=3_500_000, image_nano=400_000_000_000)
    await _model(wares, "gpt", sell=sell, buy=buy)

    assert await _shown(wares) == [
        ("gpt", "one", "output", "3", "3.5", "-0.5", True),
        ("gpt", "one", "input", "2", "2", "0", False),
        ("gpt", "one", "per_image", "1", "0.4", "0.6", False),
    ]


async def test_each_channel_has_its_own_cost_where_it_says_so(wares: Context):
    """Else that of the model; a unit that the channel does not name is not known."""
    rates = Rates(input_nano=5, output_nano=5)
    await _model(wares, "gpt", sell=rates, buy=Rates(output_nano=4), groups=["default", "vip"])
    await channel_costs.change(wares, "vip", "gpt", {"input": 6}, actor="eve")
    found = await exposure.exposures(wares)

    assert [(one.channel and one.channel.name, one.unit, one.margin_nano) for one in found] == [
        ("vip", "input", -1),
        ("one", "input", None),
        ("vip", "output", None),
        ("one", "output", 1),
    ]


async def test_cached_tokens_without_a_price_are_compared_at_that_of_input(wares: Context):
    """On the side that does not name it: a discount that the upstream does not give is a loss."""
    sell = Rates(input_nano=10, output_nano=10, cached_input_nano=1)
    buy = Rates(input_nano=8, output_nano=8, cache_write_nano=11)
    await _model(wares, "gpt", sell=sell, buy=buy)
    found = {one.unit: (one.sell_nano, one.buy_nano) for one in await exposure.exposures(wares)}

    assert found["cached_input"] == (1, 8)
    assert found["cache_write"] == (10, 11)
    assert list(found) == ["cached_input", "cache_write", "input", "output"]


async def test_a_unit_that_only_the_channel_takes_money_for_is_given_away(wares: Context):
    """It has no sell price, and loses all that it costs."""
    buy = Rates(output_nano=2, image_nano=3)
    await _model(wares, "draw", type="image", sell=Rates(image_nano=9), buy=buy)
    lost, earned = await exposure.exposures(wares)

    assert (lost.unit, lost.sell_nano, lost.margin_nano, lost.loses) == ("output", None, -2, True)
    assert (earned.unit, earned.margin_nano, earned.loses) == ("per_image", 6, False)


async def test_a_model_that_no_channel_serves_is_listed(wares: Context):
    """For want of its type, of its group, or of a channel that is enabled."""
    await _model(wares, "draw", type="rerank", sell=Rates(input_nano=1))
    await _model(wares, "far", groups=["far"], sell=Rates(request_nano=1))
    await _model(wares, "off", groups=["vip"], sell=Rates(request_nano=1))
    await channels.disable(wares, "vip", actor="eve")
    nothing = (None, None, None, None, None, None)

    assert await _shown(wares) == [("draw", *nothing), ("far", *nothing), ("off", *nothing)]


async def test_a_model_that_only_tasks_serve_is_exposed_on_the_channels_that_carry_them(
    wares: Context,
):
    """Video has no route of its own that answers at once, and is sold all the same."""
    draft = channels.Draft(name="all", kind="openai")
    await channels.add(wares, draft, actor="eve")
    await _model(wares, "film", type="video", sell=Rates(second_nano=1), buy=Rates(second_nano=2))

    lost = ("per_second", "0.000000000001", "0.000000000002", "-0.000000000001", True)
    assert await _shown(wares) == [("film", "all", *lost), ("film", "one", *lost)]


async def test_what_is_not_on_offer_is_no_exposure(wares: Context):
    """Neither a model without a complete price, nor one that is disabled."""
    await _model(wares, "bare")
    await _model(wares, "half", sell=Rates(input_nano=1))
    await _model(wares, "off", enabled=False, sell=Rates(request_nano=1))

    assert await exposure.exposures(wares) == []
