"""Calls that are sent again with their Idempotency-Key, and what is to be seen of them."""

import threading
from typing import Any

import httpx2

from grip.money.amounts import NANO
from tests.e2e.house import HELLO, POLITE_NANO, Customer, Good, House

KEY = "order-1"
STREAM = {"stream": True}
COUNTED = {"stream": True, "stream_options": {"include_usage": True}}


def hello(good: Good, **more: Any) -> dict[str, Any]:
    """Return a chat that says hello."""
    return {"model": good.name, "messages": HELLO, **more}


def post(
    house: House,
    customer: Customer,
    body: Any,
    key: str = KEY,
    *,
    path: str = "/v1/chat/completions",
    secret: str | None = None,
) -> httpx2.Response:
    """Post with an Idempotency-Key, bytes as they are or what becomes JSON."""
    headers = {
        "authorization": f"Bearer {secret or customer.secret}",
        "content-type": "application/json",
        "idempotency-key": key,
    }
    if isinstance(body, bytes):
        return house.http.post(path, content=body, headers=headers)
    return house.http.post(path, json=body, headers=headers)


def code(said: httpx2.Response) -> tuple[int, str]:
    """Return the status and the code of an error."""
    return said.status_code, said.json()["error"]["code"]


def when_ended(house: House, customer: Customer, body: Any) -> httpx2.Response:
    """Ask again until the first call has ended."""
    for _ in range(1_000):
        said = post(house, customer, body)
        if said.status_code != 409 or code(said)[1] != "idempotency_key_in_use":
            return said
        threading.Event().wait(0.02)
    raise AssertionError("the first call does not end")


def assert_replayed(first: httpx2.Response, again: httpx2.Response) -> None:
    """The second is the first once more, and says so."""
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    for name in ("content-type", "x-grip-request-id", "x-grip-credits", "x-grip-cost-nano"):
        assert again.headers.get(name) == first.headers.get(name)


def assert_charged_once(house: House, customer: Customer, cost_nano: int = POLITE_NANO) -> None:
    """One row of usage explains what is gone of the wallet, and nothing is held."""
    (row,) = house.usage(customer)
    wallet = house.wallet(customer)

    assert row.cost_nano == cost_nano
    assert (wallet.held, house.holds(customer)) == (0, 0)
    assert (1_000_000 - wallet.balance) * NANO + wallet.carry_nano == cost_nano
