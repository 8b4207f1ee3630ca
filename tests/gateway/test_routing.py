from collections import Counter
from collections.abc import Iterable
from itertools import cycle, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip import errors
from grip.gateway import routing
from grip.gateway.call import Candidate, Offer, Reach
from grip.money.pricing import Rates
from grip.store.records import Catalog, Channel, Model, ProviderPolicy


def names(found: Iterable[Candidate]) -> list[str]:
    return [candidate.channel.name for candidate in found]


def catalog(*models: Model) -> Catalog:
    return Catalog(
        version=1,
        models={model.name: model for model in models},
        aliases={alias: model.name for model in models for alias in model.aliases},
    )


def tried(
    channels: Iterable[Channel], model: Model, random: routing.Random, **reach: Any
) -> tuple[Candidate, ...]:
    """Return the channels of one model in the order in which they are tried."""
    books = Catalog(version=1, channels=tuple(channels))
    how = Reach(**{"kinds": {"sandbox"}, "attempts": 9, **reach})
    return routing.order(routing.choices(books, [offer(model)], how), how, random, lambda _: 0)


def offer(model: Model) -> Offer:
    assert model.price is not None
    return Offer(model=model, price_id=model.price.id, sell=model.price.sell)


@pytest.mark.parametrize("name", ["gpt", "best"])
def test_a_model_is_found_by_its_name_and_its_aliases(model, caller, name):
    """What the client says is what it may go on saying."""
    gpt = model("gpt", aliases=["best"])

    assert routing.find_model(catalog(gpt, model("other")), caller(), name, "chat") is gpt


@pytest.mark.parametrize("allowed", [{"gpt"}, {"best"}, {"gpt", "other"}])
@pytest.mark.parametrize("name", ["gpt", "best"])
def test_an_allowlist_means_the_model_by_whichever_name(model, caller, allowed, name):
    """A key that may use an alias may use what it leads to."""
    books = catalog(model("gpt", aliases=["best"]), model("other"))
    who = caller(models=frozenset(allowed))

    assert routing.find_model(books, who, name, "chat").name == "gpt"


@pytest.mark.parametrize("allowed", [set(), {"other"}, {"gp"}])
def test_a_model_that_is_not_on_the_allowlist_is_refused(model, caller, allowed):
    """An empty list allows nothing."""
    with pytest.raises(errors.ModelNotAllowed) as refused:
        routing.find_model(catalog(model()), caller(models=frozenset(allowed)), "gpt", "chat")

    assert (refused.value.code, refused.value.param) == ("model_not_allowed", "model")


def test_a_model_that_is_unknown_or_disabled_does_not_exist(model, caller):
    """Also for a key that may not use it."""
    books = catalog(model("off", enabled=False))
    for name in ("off", "gpt", ""):
        with pytest.raises(errors.ModelNotFound, match="does not exist"):
            routing.find_model(books, caller(models=frozenset()), name, "chat")


@pytest.mark.parametrize("sell", [Rates(), Rates(input_nano=1), Rates(output_nano=1)])
def test_a_model_without_a_whole_price_is_refused(model, caller, price, sell):
    """What nobody priced is not free."""
    for unpriced in (model(price=price(sell)), model(price=None)):
        with pytest.raises(errors.ModelNotFound, match="price"):
            routing.find_model(catalog(unpriced), caller(), "gpt", "chat")


def test_free_is_a_price_that_somebody_typed(model, caller, price):
    """Zero on both sides."""
    gpt = model(price=price(Rates(input_nano=0, output_nano=0)))

    assert routing.find_model(catalog(gpt), caller(), "gpt", "chat") is gpt


def test_a_model_is_served_on_the_routes_of_its_type(model, caller):
    """The message says which type it has."""
    with pytest.raises(errors.InvalidRequest, match="type embedding"):
        routing.find_model(catalog(model(type="embedding")), caller(), "gpt", "chat")


def test_visible_are_the_models_that_can_be_called(model, caller, price):
    """By name; the others would be refused."""
    books = catalog(
        model("b", aliases=["best"]),
        model("a"),
        model("off", enabled=False),
        model("bare", price=None),
        model("half", price=price(Rates(input_nano=1))),
    )

    assert [found.name for found in routing.visible(books, caller())] == ["a", "b"]
    allowed = caller(models=frozenset({"best", "off"}))
    assert [found.name for found in routing.visible(books, allowed)] == ["b"]


@pytest.mark.parametrize(
    ("groups", "allowed", "found"),
    [
        (["default"], (None, None), ["plain"]),
        (["default", "fast"], (None, None), ["fast", "plain"]),
        (["default", "fast"], (frozenset({"fast"}), None), ["fast"]),
        (["default", "fast"], (None, frozenset({"default"})), ["plain"]),
        (["default", "fast"], (frozenset({"fast"}), frozenset({"default"})), []),
        (["default"], (frozenset({"fast"}), None), []),
        (["other"], (None, None), []),
    ],
)
def test_a_channel_serves_where_model_key_and_tier_agree_on_a_group(
    model, channel, groups, allowed, found
):
    """The model names groups; key and tier may narrow them, never widen."""
    channels = (channel("plain"), channel("fast", groups=["fast"]))
    chosen = tried(channels, model(groups=groups), lambda: 0.5, allowed=allowed)

    assert sorted(names(chosen)) == found


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ({"allow_kinds": {"anthropic"}}, ["claude"]),
        ({"allow_kinds": {"gemini"}}, []),
        ({"deny_kinds": {"anthropic"}}, ["both", "plain"]),
        ({"deny_groups": {"fast"}}, ["claude", "plain"]),
        ({"deny_groups": {"default"}}, []),
        ({"allow_kinds": {"sandbox"}, "deny_groups": {"fast"}}, ["plain"]),
    ],
)
def test_a_wallet_may_leave_out_kinds_and_groups(model, channel, policy, found):
    """A channel of one denied group is out, whatever other groups it is in."""
    channels = (
        channel("plain"),
        channel("both", groups=["default", "fast"]),
        channel("claude", kind="anthropic"),
    )
    providers = ProviderPolicy(**{name: frozenset(words) for name, words in policy.items()})
    kinds = {"sandbox", "anthropic"}
    chosen = tried(channels, model(), lambda: 0.5, providers=providers, kinds=kinds)

    assert sorted(names(chosen)) == found


def test_a_channel_serves_the_types_it_says(model, channel):
    """A channel for images answers no chat."""
    channels = (channel("pictures", types=["image"]), channel("both", types=["image", "chat"]))

    assert names(tried(channels, model(), lambda: 0.5)) == ["both"]


def test_a_channel_may_call_the_model_something_else(model, channel):
    """By the model's own name, whichever alias the client used."""
    channels = (channel("a", model_map={"gpt": "gpt-4o", "other": "x"}), channel("b"))
    found = tried(channels, model(aliases=["best"]), cycle([0.9, 0.1]).__next__)

    assert [candidate.upstream_model for candidate in found] == ["gpt-4o", "gpt"]


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4))
def test_a_higher_priority_goes_first_whatever_chance_says(model, channel, chances):
    """Chance orders only equals, and every eligible channel is tried in its turn."""
    channels = [
        channel("low", priority=-1, weight=1_000),
        channel("high", priority=5),
        channel("even", priority=5, weight=9),
        channel("middle"),
    ]
    found = names(tried(channels, model(), iter(chances).__next__))

    assert sorted(found[:2]) == ["even", "high"]
    assert found[2:] == ["middle", "low"]


def test_equals_are_drawn_in_proportion_to_their_weights(model, channel):
    """Over a grid of all chances, the first are as many as their weight says."""
    channels = (channel("one", weight=1), channel("three", weight=3))
    steps = [(step + 0.5) / 100 for step in range(100)]
    first = Counter(
        names(tried(channels, model(), iter(pair).__next__))[0]
        for pair in ((a, b) for a in steps for b in steps)
    )

    assert 7_400 <= first["three"] <= 7_600


def test_the_order_of_equals_is_a_draw_of_all_of_them(model, channel):
    """With even weights the larger chance goes first, so every order can come up."""
    channels = [channel(name) for name in "abc"]
    orders = {
        tuple(names(tried(channels, model(), iter(chances).__next__)))
        for chances in permutations((0.1, 0.5, 0.9))
    }

    assert orders == set(permutations("abc"))


def test_a_lone_channel_is_no_matter_of_chance(model, channel):
    """Nothing is drawn."""
    found = tried([channel("a")], model(), iter(()).__next__)

    assert names(found) == ["a"]


def test_a_channel_of_a_kind_that_cannot_answer_on_the_route_is_left_out(channel, model):
    """Whatever types it says it serves."""
    channels = (channel("a", kind="gemini"), channel("b", kind="openai"))

    assert names(tried(channels, model(), lambda: 0.5, kinds={"openai"})) == ["b"]


def test_so_many_channels_of_a_model_are_tried_and_then_its_fallbacks(channel, model):
    """Each model has its own attempts."""
    books = Catalog(
        version=1,
        channels=tuple(channel(name, groups=[name[0]]) for name in ("a1", "a2", "a3", "b1")),
    )
    wanted = [offer(model("big", groups=["a"])), offer(model("small", groups=["b"]))]
    reach = Reach(kinds={"sandbox"}, attempts=2)
    chances = cycle([0.9, 0.5, 0.1]).__next__
    found = routing.order(routing.choices(books, wanted, reach), reach, chances, lambda _: 0)

    assert names(found) == ["a1", "a2", "b1"]
    assert [candidate.offer.model.name for candidate in found] == ["big", "big", "small"]


def test_a_channel_costs_what_it_says_else_what_the_model_does(channel, model, price):
    """By the model that it serves as."""
    usual, own = Rates(input_nano=5), Rates(input_nano=3)
    gpt = model(price=price(Rates(input_nano=9), usual))
    books = Catalog(version=1, channels=(channel("a"), channel("b")), costs={("ch_b", "gpt"): own})
    reach = Reach(kinds={"sandbox"}, attempts=2)
    (found,) = routing.choices(books, [offer(gpt)], reach).eligible

    assert {candidate.channel.name: candidate.buy for candidate in found} == {"a": usual, "b": own}


def test_a_model_is_offered_with_its_fallbacks_in_their_order(caller, model):
    """The operator's order; those that are gone, disabled or without a price are left out."""
    books = catalog(model("a"), model("b"), model("off", enabled=False), model("free", price=None))
    named = model("gpt", fallbacks=["b", "gone", "off", "free", "a"])

    assert [found.model.name for found in routing.offers(books, caller(), named)] == [
        *("gpt", "b", "a"),
    ]


def test_a_fallback_widens_no_allowlist(caller, model):
    """A key that may not use a model is not served by it either."""
    books = catalog(model("a", aliases=["cheap"]), model("b"))
    named = model("gpt", fallbacks=["b", "a"])
    offered = routing.offers(books, caller(models=frozenset({"gpt", "cheap"})), named)

    assert [found.model.name for found in offered] == ["gpt", "a"]


def test_a_model_without_a_price_is_not_offered(caller, model):
    """It is refused before dispatch."""
    with pytest.raises(errors.ModelNotFound, match="no price"):
        routing.offers(catalog(), caller(), model(price=None))


def test_the_sick_come_last_and_the_one_that_has_rested_most_first(channel, model):
    """Also after the fallback, which is well."""
    books = Catalog(
        version=1,
        channels=tuple(channel(name, groups=[name[0]]) for name in ("a1", "a2", "a3", "b1")),
    )
    wanted = [offer(model("big", groups=["a"])), offer(model("small", groups=["b"]))]
    reach = Reach(kinds={"sandbox"}, attempts=3)
    rests = {"ch_a1": 9, "ch_a3": 5}
    found = routing.order(
        routing.choices(books, wanted, reach), reach, lambda: 0.5, lambda key: rests.get(key[0], 0)
    )

    assert names(found) == ["a2", "b1", "a3", "a1"]


def test_a_model_that_no_channel_serves_is_offered_with_none(channel, model):
    """The call is turned away by whoever finds nobody to ask."""
    reach = Reach(kinds={"sandbox"}, attempts=3)
    found = routing.choices(Catalog(version=1), [offer(model())], reach)

    assert [offered.model.name for offered in found.offers] == ["gpt"]
    assert routing.order(found, reach, lambda: 0.5, lambda _: 0) == ()


def test_a_fallback_that_no_channel_serves_does_not_raise_the_hold(channel, model):
    """It could not serve the call."""
    books = Catalog(version=1, channels=(channel("a"),))
    wanted = [offer(model("gpt")), offer(model("dear", groups=["other"]))]
    found = routing.choices(books, wanted, Reach(kinds={"sandbox"}, attempts=3))

    assert [offered.model.name for offered in found.offers] == ["gpt"]


GROUPS = st.frozensets(st.sampled_from("abc"))


@given(
    groups=st.tuples(GROUPS, GROUPS),
    allowed=st.tuples(st.none() | GROUPS, st.none() | GROUPS),
    what=st.tuples(st.sampled_from(["openai", "sandbox"]), st.sampled_from(["chat", "image"])),
)
def test_a_channel_is_told_why_not_exactly_where_it_is_not_eligible(
    model, channel, groups, allowed, what
):
    """What people are told is what was done, whatever the groups."""
    sold = model(groups=sorted(groups[0]))
    one = channel("a", groups=sorted(groups[1]), kind=what[0], types=[what[1]])
    reach = Reach(allowed=allowed, kinds={"sandbox"}, attempts=3)
    found = routing.choices(Catalog(version=1, channels=(one,)), [offer(sold)], reach)

    assert any(found.eligible) == (routing.why_not_channel(sold, one, reach) == [])


def test_each_reason_against_a_channel_has_its_word(model, channel):
    """The key's groups are judged before the tier's, and only where the model's leave any."""
    sold = model(groups=["a", "b"])
    reach = Reach(allowed=(frozenset("a"), frozenset("b")), kinds={"openai"}, attempts=3)

    def why(**facts: Any) -> list[str]:
        return routing.why_not_channel(sold, channel("one", **facts), reach)

    assert why(groups=["c"]) == ["model_groups", "route"]
    assert why(groups=["b"], kind="openai") == ["key_groups"]
    assert why(groups=["a", "b"], kind="openai") == ["tier_groups"]
    assert why(groups=["b"], enabled=False, types=["image"]) == [
        "disabled",
        "type",
        "route",
        "key_groups",
    ]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, []),
        ({"enabled": False}, ["disabled"]),
        ({"price": None}, ["price"]),
        ({"name": "other"}, ["key_models"]),
    ],
)
def test_a_fallback_is_told_why_not_exactly_where_it_is_not_offered(model, caller, facts, why):
    """The same rules as for the offers of a call."""
    who = caller(models=frozenset({"gpt", "named"}))
    fallback = model(**facts)
    named = model("named", fallbacks=[fallback.name])
    offered = routing.offers(catalog(named, fallback), who, named)

    assert routing.why_not_offered(who, fallback) == why
    assert (len(offered) == 2) == (why == [])
    assert routing.why_not_offered(who, None) == ["unknown"]


def test_what_a_wallets_policy_leaves_out_is_told_as_its_own(model, channel):
    """By a group or a kind that it denies, or since no group that it allows is left."""
    sold = model(groups=["a", "b"])
    policy = ProviderPolicy(deny_groups=frozenset("b"), deny_kinds=frozenset({"openai"}))
    reach = Reach(
        allowed=(None, None, frozenset("b")),
        providers=policy,
        kinds={"openai", "sandbox"},
        attempts=3,
    )

    def why(*groups: str, kind: str = "sandbox") -> list[str]:
        one = channel("one", groups=list(groups), kind=kind)
        return routing.why_not_channel(sold, one, reach)

    assert why("a", "b") == ["wallet_providers"]
    assert why("a") == ["wallet_groups"]
    assert why("a", kind="openai") == ["wallet_providers", "wallet_groups"]
