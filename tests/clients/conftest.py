"""A house for clients that are not part of the suite: `make clients` and `make node` run them."""

from collections.abc import Iterator

import pytest

from tests.compat.shop import open_shop
from tests.e2e.conftest import house, portal, upstream  # noqa: F401 - fixtures
from tests.e2e.house import Customer, House
from tests.e2e.upstream import Door


@pytest.fixture(scope="session")
def doors(house: House) -> dict[str, Door]:  # noqa: F811
    """The upstream of each kind that has one."""
    return open_shop(house)


@pytest.fixture(scope="session")
def customer(house: House, doors: dict[str, Door]) -> Iterator[Customer]:  # noqa: F811
    """Who calls; every call must have been charged or refused by then."""
    made = house.customer(credits_=100_000_000)
    yield made
    assert house.holds(made) == 0
    assert house.usage(made)
