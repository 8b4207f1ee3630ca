"""What is remembered of routes, and for how long."""

import pytest

from grip import errors
from grip.gateway.routes import Routes
from grip.store.records import Catalog, ProviderPolicy


def _routes() -> Routes:
    kinds = {"/chat/completions": {"sandbox", "anthropic"}, "/responses": {"openai"}}
    return Routes(lambda path: kinds[path], {}, "", 3)


def _catalog(model, *channels) -> Catalog:
    return Catalog(version=1, models={model.name: model}, channels=channels)


def test_a_route_is_looked_up_once_for_each_state_of_the_catalog(call, caller, model, channel):
    """A new snapshot is another state, whatever is in it."""
    routes = _routes()
    books, later = (_catalog(model(), channel("a")) for _ in range(2))
    first = routes.find(books, caller(), call())

    assert routes.find(books, caller(key_id="key_2"), call(request_id="req_2")) is first
    assert routes.find(later, caller(), call()) is not first


@pytest.mark.parametrize(
    "who",
    [
        {"models": frozenset({"gpt"})},
        {"groups": frozenset({"default"})},
        {"tier": "pro"},
        {"providers": ProviderPolicy(deny_kinds=frozenset({"openai"}))},
    ],
)
def test_callers_who_may_do_different_things_have_routes_of_their_own(
    call, caller, model, channel, who
):
    """What one may use is nothing to another."""
    routes = _routes()
    books = _catalog(model(), channel("a"))
    first = routes.find(books, caller(), call())

    assert routes.find(books, caller(**who), call()) is not first


def test_what_is_refused_is_not_remembered(call, caller, model, channel):
    """Names come from clients, and there are many that nobody knows."""
    routes = _routes()
    books = _catalog(model(), channel("a"))
    for _ in range(2):
        with pytest.raises(errors.ModelNotFound):
            routes.find(books, caller(), call(model="nothing"))

    assert routes._known == {}


def test_a_model_whose_channels_cannot_answer_on_a_route_is_refused_there(
    call, caller, model, channel
):
    """It is the client's to take another route; where there is no channel at all, it is not."""
    routes = _routes()
    served = _catalog(model(), channel("a", kind="anthropic"))
    bare = _catalog(model())

    with pytest.raises(errors.InvalidRequest, match=r"not served on /v1/responses"):
        routes.find(served, caller(), call(path="/responses"))
    assert routes.find(bare, caller(), call(path="/responses"))[0].eligible == ((),)


_NOT_HERE = ProviderPolicy(deny_kinds=frozenset({"sandbox"}))
_ELSEWHERE = ProviderPolicy(allow_groups=frozenset({"x"}))


@pytest.mark.parametrize(
    "bound",
    [
        ({"groups": frozenset({"x"})}, "the groups of this API key allow"),
        ({"tier": "bound"}, "the groups of its wallet's tier allow"),
        ({"providers": _ELSEWHERE}, "the wallet's policy on providers allow"),
        (
            {"tier": "bound", "providers": _NOT_HERE},
            "the groups of its wallet's tier and the wallet's policy on providers allow",
        ),
    ],
)
def test_a_model_that_a_caller_s_bounds_leave_no_channel_is_refused_by_name(
    call, caller, model, channel, bound
):
    """It is no passing trouble: the same call fails for as long as they hold."""
    who, why = bound
    tiers = {"bound": frozenset({"y"})}
    routes = Routes(lambda _: {"sandbox"}, tiers, "", 3)
    books = _catalog(model(), channel("a"))

    with pytest.raises(errors.ServiceUnavailable, match=f"no channel that {why}") as refused:
        routes.find(books, caller(**who), call())
    assert refused.value.param == "model"
    assert routes.find(books, caller(), call())[0].eligible != ((),)


def test_a_fallback_serves_where_the_policy_leaves_the_named_model_nothing(
    call, caller, model, channel
):
    """The operator named it for just that."""
    routes = _routes()
    gpt, other = model(fallbacks=["other"]), model("other", groups=["far"])
    books = Catalog(
        version=1,
        models={"gpt": gpt, "other": other},
        channels=(channel("a"), channel("b", kind="anthropic", groups=["far"])),
    )
    who = caller(providers=ProviderPolicy(deny_kinds=frozenset({"sandbox"})))

    assert [one.model.name for one in routes.find(books, who, call())[0].offers] == ["other"]
