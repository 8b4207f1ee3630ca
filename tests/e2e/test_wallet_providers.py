"""What a wallet says about its providers, as its customers meet it."""

from typing import Any

from grip.services import wallet_providers
from tests.e2e.conftest import Open
from tests.e2e.house import HELLO, Customer, House
from tests.e2e.scripts import polite


def _bind(house: House, who: Customer, **words: Any) -> None:
    policy = wallet_providers.policy(**words)
    house.do(wallet_providers.set_providers, who.wallet_id, policy, actor="test", reason="test")


def _statuses(house: House, who: Customer, model: str) -> set[int]:
    """Ask over a connection each, so that every worker gets some."""
    found = set()
    for _ in range(16):
        with house.fresh_http() as http:
            said = http.post(
                "/v1/chat/completions",
                json={"model": model, "messages": HELLO},
                headers={"authorization": f"Bearer {who.secret}"},
            )
            found.add(said.status_code)
    return found


def test_a_policy_holds_for_the_next_request_on_every_worker(own_house: Open):
    """Both remember the caller before, and neither serves or refuses by what it remembers."""
    with own_house("--workers", "2") as house:
        ana, good = house.customer(), house.sell(polite)

        assert _statuses(house, ana, good.name) == {200}
        _bind(house, ana, deny_kinds=["openai"])
        assert _statuses(house, ana, good.name) == {503}
        _bind(house, ana)
        assert _statuses(house, ana, good.name) == {200}
        assert (len(house.usage(ana)), house.holds(ana)) == (32, 0)


def test_a_policy_picks_the_channels_of_one_wallet(house: House):
    """A group is left out for one customer, and serves the others."""
    good, other = house.sell(polite), house.sell(polite)
    ana, bob = house.customer(), house.customer()
    _bind(house, ana, deny_groups=[other.name])

    body = {"model": other.name, "messages": HELLO}
    refused = house.post(ana, body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service_unavailable")
    assert "policy on providers" in refused.json()["error"]["message"]
    assert house.post(bob, body).status_code == 200
    assert house.post(ana, {"model": good.name, "messages": HELLO}).status_code == 200
    assert other.calls == [1]


def test_a_customer_sees_the_policy_of_their_wallet(house: House):
    """With the keys of `wallet show`."""
    ana = house.customer()
    _bind(house, ana, allow_kinds=["openai", "azure"])
    headers = {"authorization": f"Bearer {ana.secret}"}

    assert house.http.get("/v1/wallet", headers=headers).json()["providers"] == {
        "allow_groups": None,
        "deny_groups": [],
        "allow_kinds": ["azure", "openai"],
        "deny_kinds": [],
    }
