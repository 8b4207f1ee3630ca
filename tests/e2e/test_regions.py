"""Where the gateway can be reached."""

from tests.e2e.conftest import Open
from tests.e2e.gateway import CONFIG
from tests.e2e.house import House

REGIONS = """
[server]
region = "jp-tokyo"
[regions.jp-tokyo]
endpoint = "https://jp-tokyo.example"
[regions.global]
endpoint = "https://api.example"
"""


def test_the_regions_of_the_configuration_are_listed_with_the_one_that_answers(own_house: Open):
    """By name, without a key."""
    with own_house(config=REGIONS + CONFIG) as house:
        told = house.http.get("/v1/regions")

    assert told.status_code == 200
    assert "x-grip-request-id" in told.headers
    assert told.json() == {
        "object": "list",
        "data": [
            {"id": "global", "endpoint": "https://api.example", "answers": False},
            {"id": "jp-tokyo", "endpoint": "https://jp-tokyo.example", "answers": True},
        ],
        "region": "jp-tokyo",
    }


def test_a_gateway_without_regions_lists_none(house: House):
    """It is the only one."""
    assert house.http.get("/v1/regions").json() == {"object": "list", "data": [], "region": None}
