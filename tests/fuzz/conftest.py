"""A gateway in the process of the tests, for each file of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.fuzz.inside import Inside, open_inside


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    """A loop beside the tests."""
    with start_blocking_portal("asyncio", {"use_uvloop": True}) as portal:
        yield portal


@pytest.fixture(scope="module")
def inside(
    portal: BlockingPortal, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Inside]:
    """A running gateway; at its end nothing is held, and the books add up."""
    inside = open_inside(portal, sqlite_template, tmp_path_factory.mktemp("inside"))
    yield inside
    inside.stop()


@pytest.fixture(autouse=True)
def nothing_held(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test that calls the gateway, no hold is left."""
    yield
    if "inside" in request.fixturenames:
        assert request.getfixturevalue("inside").held() == 0
