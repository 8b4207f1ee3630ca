"""Pages of `GET /v1/usage`, and what stands where the last page's id should."""

import httpx2
import pytest

from tests.e2e.house import HELLO, Customer, House
from tests.e2e.scripts import polite


def _page(house: House, customer: Customer, after: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {customer.secret}"}
    return house.http.get(f"/v1/usage?after={after}", headers=headers)


def _charged(house: House, customer: Customer, model: str) -> str:
    assert house.post(customer, {"model": model, "messages": HELLO}).status_code == 200
    return house.usage(customer)[0].request_id


@pytest.mark.parametrize("after", ["nobody", "%00", "%ED%A0%80", "%F0%9F%90%88", "x" * 900])
def test_a_page_after_nothing_is_empty(house: House, after: str):
    """Whatever it is called, on both engines."""
    answer = _page(house, house.customer(), after)

    assert (answer.status_code, answer.json()["data"]) == (200, [])


def test_a_page_after_the_call_of_a_stranger_is_empty(house: House):
    """Else it would tell when the stranger called."""
    good = house.sell(polite)
    ana, bob = house.customer(), house.customer()
    own, foreign = _charged(house, ana, good.name), _charged(house, bob, good.name)
    later = _charged(house, ana, good.name)

    assert _page(house, ana, foreign).json()["data"] == []
    assert [row["request_id"] for row in _page(house, ana, later).json()["data"]] == [own]
