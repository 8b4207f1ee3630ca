"""Types, kinds and routes agree: what is said to be served can be called."""

import pytest

from grip.app import ADAPTERS
from grip.providers.kinds import KINDS, ROUTES
from grip.web.routes.metered import SURFACES


def test_every_metered_route_is_of_a_type():
    """The list that tells which types can be called is not behind the routes that there are."""
    metered = {path for path, surface in SURFACES.items() if not surface.free}
    listed = [f"/v1{path}" for paths in ROUTES.values() for path in paths]

    assert sorted(listed) == sorted(metered)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_answers_on_a_route_of_each_of_its_types(kind):
    """Where the type has routes at all: a channel that is shown as able is."""
    dumb = [
        type_
        for type_ in KINDS[kind].types
        if type_ in ROUTES and not set(ADAPTERS[kind].paths) & set(ROUTES[type_])
    ]

    assert dumb == []
