import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from grip.errors import Conflict, InvalidRequest, NotFound
from grip.money.pricing import Rates
from grip.services import models
from grip.services.audit import list_audit
from grip.services.context import Context
from grip.services.models import Draft
from grip.store import catalog
from grip.store.tables import price

TWO_USD = 2_000_000
"""Nano-credits a token, at $2 a million."""


async def _versions(context: Context, name: str) -> list[tuple[int, int | None, int]]:
    query = sa.select(price.c.version, price.c.input_nano, price.c.valid_from_us)
    async with context.database.read() as connection:
        found = await connection.execute(query.where(price.c.model == name).order_by(price.c.seq))
        return [(row[0], row[1], row[2]) for row in found]


async def test_a_model_is_in_the_catalog_once_it_is_added(context: Context):
    """With its aliases, its price in force, and a newer version of the catalog."""
    async with context.database.read() as connection:
        before = await catalog.load(connection)
    draft = Draft(name="gpt", type="chat", aliases=["z", "a"], sell=Rates(input_nano=TWO_USD))
    added = await models.add(context, draft, actor="eve")
    async with context.database.read() as connection:
        after = await catalog.load(connection)

    assert after.version > before.version
    assert after.find("a") == after.find("gpt") == added
    assert added.aliases == ["a", "z"]
    assert added.price is not None
    assert (added.price.version, added.price.sell.input_nano) == (1, TWO_USD)
    assert added.price.id.startswith("price_")


async def test_a_new_price_holds_from_now_on_and_the_old_one_stays(context: Context, clock):
    """Versions count up, and none is ever changed."""
    draft = Draft(name="gpt", type="chat", sell=Rates(input_nano=1, output_nano=5))
    await models.add(context, draft, actor="eve")
    first_us = clock()
    clock.advance(60)
    dearer = await models.change(context, "gpt", {}, sell={"input": 2}, actor="eve")

    assert dearer.price is not None
    assert dearer.price.sell == Rates(input_nano=2, output_nano=5)
    assert await _versions(context, "gpt") == [(1, 1, first_us), (2, 2, clock())]
    assert (await models.get(context, "gpt")).price == dearer.price


async def test_the_same_price_again_makes_no_version(context: Context):
    """Nor does a change of anything else."""
    await models.add(context, Draft(name="gpt", type="chat", sell=Rates(input_nano=1)), actor="eve")
    await models.change(context, "gpt", {"max_output": 9}, sell={"input": 1}, actor="eve")
    await models.disable(context, "gpt", actor="eve")

    assert len(await _versions(context, "gpt")) == 1


async def test_buy_and_sell_prices_change_apart(context: Context):
    """What the operator pays is no price for customers."""
    cost_only = Draft(name="gpt", type="chat", buy=Rates(input_nano=1))
    added = await models.add(context, cost_only, actor="eve")
    sold = await models.change(context, "gpt", {}, sell={"input": 3, "output": 3}, actor="eve")
    free = await models.change(context, "gpt", {}, sell={"input": 0, "output": 0}, actor="eve")
    gone = await models.change(
        context,
        "gpt",
        {},
        sell={"input": None, "output": None},
        buy={"input": None},
        actor="eve",
    )

    assert [models.describe(model)["priced"] for model in (added, sold, free, gone)] == [
        False,
        True,
        True,
        False,
    ]
    assert models.buy_of(free) == Rates(input_nano=1)
    assert gone.price is not None
    assert gone.price.version == 4


async def test_a_model_that_comes_back_has_no_old_price(context: Context):
    """Its versions go on; unpriced stays unpriced until somebody types a price."""
    priced = Draft(name="gpt", type="chat", sell=Rates(input_nano=1), aliases=["a"])
    await models.add(context, priced, actor="eve")
    await models.remove(context, "a", actor="eve")
    back = await models.add(context, Draft(name="gpt", type="chat"), actor="eve")
    again = await models.change(context, "gpt", {}, sell={"input": 7}, actor="eve")

    assert not models.sell_of(back).named
    assert models.sell_of(again) == Rates(input_nano=7)
    assert [version for version, *_ in await _versions(context, "gpt")] == [1, 2, 3]
    assert (await models.get(context, "gpt")).aliases == []


async def test_names_and_aliases_are_unique_together(context: Context):
    """Whatever a client types means one model."""
    await models.add(context, Draft(name="one", type="chat", aliases=["uno"]), actor="eve")
    for draft in (
        Draft(name="one", type="chat"),
        Draft(name="uno", type="chat"),
        Draft(name="two", type="chat", aliases=["one"]),
        Draft(name="two", type="chat", aliases=["uno"]),
    ):
        with pytest.raises(Conflict, match="'one'"):
            await models.add(context, draft, actor="eve")
    await models.add(context, Draft(name="two", type="chat"), actor="eve")
    with pytest.raises(Conflict, match="'one'"):
        await models.change(context, "two", {"aliases": ["uno"]}, actor="eve")

    assert len(await models.list_models(context)) == 2


async def test_aliases_are_replaced_whole(context: Context):
    """One that is given up can be taken by another model."""
    await models.add(context, Draft(name="one", type="chat", aliases=["a", "b"]), actor="eve")
    await models.change(context, "a", {"aliases": ["b", "c"]}, actor="eve")
    await models.add(context, Draft(name="two", type="chat", aliases=["a"]), actor="eve")

    assert (await models.get(context, "a")).name == "two"
    assert (await models.get(context, "one")).aliases == ["b", "c"]


async def test_a_fallback_is_another_model_of_the_same_type(context: Context):
    """It is kept by its own name, in the order given."""
    await models.add(context, Draft(name="one", type="chat", aliases=["uno"]), actor="eve")
    await models.add(context, Draft(name="two", type="chat"), actor="eve")
    await models.add(context, Draft(name="vectors", type="embedding"), actor="eve")
    added = await models.add(
        context, Draft(name="three", type="chat", fallbacks=["two", "uno"]), actor="eve"
    )

    assert added.fallbacks == ["two", "one"]
    for wrong in (["nobody"], ["three"], ["vectors"], ["one", "uno"]):
        with pytest.raises(InvalidRequest, match=r"^fallback: "):
            await models.change(context, "three", {"fallbacks": wrong}, actor="eve")
    with pytest.raises(Conflict, match="three"):
        await models.change(context, "one", {"type": "rerank"}, actor="eve")


async def test_a_model_that_others_fall_back_to_cannot_be_removed(context: Context):
    """The message names them; once they let go of it, it can."""
    await models.add(context, Draft(name="one", type="chat"), actor="eve")
    await models.add(context, Draft(name="two", type="chat", fallbacks=["one"]), actor="eve")
    with pytest.raises(Conflict, match="two"):
        await models.remove(context, "one", actor="eve")
    await models.change(context, "two", {"fallbacks": []}, actor="eve")
    await models.remove(context, "one", actor="eve")

    assert [model.name for model in await models.list_models(context)] == ["two"]
    with pytest.raises(NotFound, match="one"):
        await models.get(context, "one")


async def test_every_change_leaves_a_row_with_prices_in_dollars(context: Context):
    """What differs, before and after; nothing where nothing changed."""
    await models.add(
        context, Draft(name="gpt", type="chat", sell=Rates(input_nano=TWO_USD)), actor="eve"
    )
    await models.change(
        context, "gpt", {}, sell={"input": 2 * TWO_USD}, actor="bob", reason="dearer"
    )
    await models.disable(context, "gpt", actor="eve")
    await models.disable(context, "gpt", actor="eve")
    await models.enable(context, "gpt", actor="eve")
    await models.remove(context, "gpt", actor="eve")
    rows: list[Any] = [*await list_audit(context, subject="gpt")]

    assert [row.action for row in rows] == [
        "model.remove",
        "model.enable",
        "model.disable",
        "model.set",
        "model.add",
    ]
    assert (rows[3].actor, rows[3].reason) == ("bob", "dearer")
    assert rows[3].before["input"] == "2"
    assert rows[3].after["input"] == "4"
    assert "output" not in rows[4].after
    assert rows[0].after is None


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("type", {"type": "smell"}),
        ("group", {"groups": []}),
        ("group", {"groups": ["a", "a"]}),
        ("alias", {"aliases": ["a", "a"]}),
        ("alias", {"aliases": ["a b"]}),
        ("alias", {"aliases": ["gpt"]}),
        ("max-input", {"max_input": 0}),
        ("max-output", {"max_output": -1}),
    ],
)
async def test_what_a_model_cannot_be_is_refused_by_name(
    context: Context, param: str, fields: dict[str, object]
):
    """Nothing is written."""
    added = await models.add(context, Draft(name="gpt", type="chat"), actor="eve")
    with pytest.raises(InvalidRequest, match=f"^{param}: ") as refused:
        await models.change(context, "gpt", fields, actor="eve")

    assert refused.value.param == param
    assert await models.get(context, "gpt") == added


@pytest.mark.parametrize("name", ["", "two words", "a,b", "-a", "x" * 201])
async def test_a_name_is_one_word_without_commas(context: Context, name: str):
    """Lists of models have commas between them."""
    with pytest.raises(InvalidRequest, match=r"^model: "):
        await models.add(context, Draft(name=name, type="chat"), actor="eve")


@pytest.mark.parametrize("name", ["gpt-5.1", "org/model:free", "modèle@2"])
async def test_names_of_the_trade_are_taken(context: Context, name: str):
    """Slashes, colons and dots are common in them."""
    assert (await models.add(context, Draft(name=name, type="chat"), actor="eve")).name == name


async def test_prices_changed_at_once_are_versions_one_after_the_other(context: Context):
    """Each sees what the one before it left."""
    await models.add(context, Draft(name="gpt", type="chat"), actor="eve")
    await asyncio.gather(
        models.change(context, "gpt", {}, sell={"input": 1}, actor="eve"),
        models.change(context, "gpt", {}, sell={"output": 2}, actor="eve"),
        models.change(context, "gpt", {}, buy={"input": 3}, actor="eve"),
    )
    model = await models.get(context, "gpt")

    assert models.sell_of(model) == Rates(input_nano=1, output_nano=2)
    assert models.buy_of(model) == Rates(input_nano=3)
    assert [version for version, *_ in await _versions(context, "gpt")] == [1, 2, 3]
