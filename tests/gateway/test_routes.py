"""What is remembered of routes, and for how long."""

import pytest

from grip import errors
from grip.gateway.routes import Routes
from grip.store.records import Catalog


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
    "who", [{"groups": frozenset({"x"})}, {"models": frozenset({"gpt"})}, {"tier": "pro"}]
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
