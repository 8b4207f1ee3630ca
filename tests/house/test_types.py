"""Types, kinds and routes agree: what is said to be served can be called."""

import pytest

from grip.app import ADAPTERS
from grip.providers.kinds import KINDS, ROUTES
from grip.providers.task_adapters import TASK_ADAPTERS
from grip.web.routes.metered import SURFACES


def test_every_metered_route_is_of_a_type():
    """The list that tells which types can be called is not behind the routes that there are."""
    metered = {path for path, surface in SURFACES.items() if not surface.free}
    listed = [f"/v1{path}" for paths in ROUTES.values() for path in paths]

    assert sorted(listed) == sorted(metered)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_carries_each_of_its_types(kind):
    """On a route, or as tasks."""
    routed = set(ADAPTERS[kind].paths) if kind in ADAPTERS else set()
    tasks = TASK_ADAPTERS[kind].types if kind in TASK_ADAPTERS else ()
    dumb = [
        type_
        for type_ in KINDS[kind].types
        if not routed & set(ROUTES.get(type_, ())) and type_ not in tasks
    ]

    assert dumb == []


@pytest.mark.parametrize("kind", TASK_ADAPTERS)
def test_who_carries_tasks_of_a_type_may_have_channels_of_it(kind):
    """Else no channel could be told to."""
    assert set(TASK_ADAPTERS[kind].types) <= set(KINDS[kind].types)
