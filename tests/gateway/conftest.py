"""Models, channels, callers and calls, of which a test names only what it is about."""

from collections.abc import Callable
from typing import Any

import pytest

from grip.gateway.call import Call, Candidate, Offer, Plan
from grip.money.pricing import Rates
from grip.providers.json_object import JsonObject
from grip.store.records import Caller, Channel, Model, Price

Make = Callable[..., Any]


@pytest.fixture(scope="session")
def price() -> Make:
    """Make a price version."""

    def make(sell: Rates, buy: Rates | None = None) -> Price:
        return Price(
            id="price_1",
            model="gpt",
            version=1,
            valid_from_us=1,
            actor="test",
            sell=sell,
            buy=buy or Rates(),
        )

    return make


@pytest.fixture(scope="session")
def model(price: Make) -> Make:
    """Make a model for chat with a price."""

    def make(name: str = "gpt", **facts: Any) -> Model:
        usual: dict[str, Any] = {
            "type": "chat",
            "enabled": True,
            "max_input": None,
            "max_output": None,
            "reasoning": False,
            "groups": ["default"],
            "aliases": [],
            "fallbacks": [],
            "created_us": 1,
            "price": price(Rates(input_nano=1, output_nano=2)),
        }
        return Model(name=name, **{**usual, **facts})

    return make


@pytest.fixture(scope="session")
def channel() -> Make:
    """Make a channel of the group `default` for chat."""

    def make(name: str, **facts: Any) -> Channel:
        usual: dict[str, Any] = {
            "kind": "sandbox",
            "base_url": "http://localhost",
            "secret": None,
            "groups": ["default"],
            "types": ["chat"],
            "model_map": {},
            "priority": 0,
            "weight": 1,
            "region": "",
            "enabled": True,
            "connect_timeout_ms": None,
            "first_byte_timeout_ms": None,
            "chunk_timeout_ms": None,
            "total_timeout_ms": None,
            "drains": True,
            "created_us": 1,
        }
        return Channel(id=f"ch_{name}", name=name, **{**usual, **facts})

    return make


@pytest.fixture(scope="session")
def caller() -> Make:
    """Make a caller who may use everything."""

    def make(**facts: Any) -> Caller:
        usual: dict[str, Any] = {
            "key_id": "key_1",
            "key_name": "main",
            "key_version": 3,
            "wallet_id": "wal_1",
            "member_id": "mem_1",
            "account_id": "acct_1",
            "is_owner": True,
            "tier": "free",
            "models": None,
            "groups": None,
            "providers": None,
            "content_logging": None,
            "expires_us": None,
            "usable": True,
        }
        return Caller(**{**usual, **facts})

    return make


@pytest.fixture(scope="session")
def call() -> Make:
    """Make a chat call of 100 input tokens, 150 at the most."""

    def make(**facts: Any) -> Call:
        usual: dict[str, Any] = {
            "request_id": "req_1",
            "key_hash": "0" * 64,
            "ip": "192.0.2.1",
            "path": "/chat/completions",
            "type": "chat",
            "body": JsonObject(b"{}"),
            "model": "gpt",
            "input_tokens": 100,
            "input_bound": 150,
        }
        return Call(**{**usual, **facts})

    return make


@pytest.fixture(scope="session")
def plan(caller: Make, model: Make) -> Make:
    """Make the plan of a call to a model, or to several of which the first is named."""

    def make(*models: Model, **facts: Any) -> Plan:
        usual: dict[str, Any] = {
            "caller": caller(),
            "offers": tuple(
                Offer(model=chosen, price_id=chosen.price.id, sell=chosen.price.sell)
                for chosen in models or (model(),)
                if chosen.price is not None
            ),
            "candidates": (),
            "catalog_version": 7,
        }
        return Plan(**{**usual, **facts})

    return make


@pytest.fixture(scope="session")
def plan_at(plan: Make, model: Make, price: Make) -> Make:
    """Make the plan of a call at these rates, to a model with these ceilings."""

    def make(sell: Rates, buy: Rates | None = None, **ceilings: int) -> Plan:
        made: Plan = plan(model(price=price(sell, buy), **ceilings))
        return made

    return make


@pytest.fixture(scope="session")
def candidate_at(channel: Make, model: Make, price: Make) -> Make:
    """Make a channel that serves at these rates, and takes those."""

    def make(sell: Rates, buy: Rates | None = None) -> Candidate:
        chosen = model(price=price(sell, buy))
        return Candidate(
            channel=channel("a"),
            offer=Offer(model=chosen, price_id=chosen.price.id, sell=sell),
            upstream_model=chosen.name,
            buy=buy or Rates(),
        )

    return make
