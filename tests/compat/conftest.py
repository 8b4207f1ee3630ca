"""A house on SQLite that sells models of every kind, for the tests of clients."""

from collections.abc import Iterator

import pytest

from tests.compat.callers import Callers
from tests.compat.shop import open_shop
from tests.e2e.conftest import house, portal, upstream  # noqa: F401 - fixtures
from tests.e2e.house import House
from tests.e2e.upstream import Door


@pytest.fixture(scope="session")
def doors(house: House) -> dict[str, Door]:  # noqa: F811
    """The upstream of each kind that has one."""
    return open_shop(house)


@pytest.fixture(scope="session")
def callers(house: House) -> Iterator[Callers]:  # noqa: F811
    """The official clients of one rich customer."""
    made = Callers(house, house.customer(credits_=10_000_000))
    yield made
    made.close()
