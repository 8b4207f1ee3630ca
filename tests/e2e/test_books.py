"""What many calls leave in the books."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import openai

from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.services import models
from tests.e2e.conftest import Open
from tests.e2e.gateway import command
from tests.e2e.house import HELLO, Customer, House
from tests.e2e.scripts import answer, gated, polite, whole


def test_200_calls_of_a_fiftieth_of_a_credit_draw_4(house: House):
    """$0.00002 each; every nano-credit is in the log or in the carry."""
    ana, good = (
        house.customer(),
        house.sell(polite, sell=Rates(input_nano=10**6, output_nano=2 * 10**6)),
    )
    with ThreadPoolExecutor(8) as pool:
        heads = list(
            pool.map(
                lambda _: (
                    ana.client.chat.completions.with_raw_response.create(
                        model=good.name, messages=HELLO
                    ).headers
                ),
                range(200),
            )
        )
    rows = house.usage(ana)
    wallet = house.wallet(ana)

    assert {head["x-grip-cost-nano"] for head in heads} == {"20000000"}
    assert sum(int(head["x-grip-credits"]) for head in heads) == 4
    assert sum(row.cost_nano for row in rows) == 4 * NANO
    assert (wallet.balance, wallet.held, wallet.carry_nano) == (1_000_000 - 4, 0, 0)
    house.assert_clean()


def test_the_command_line_verifies_the_books_while_they_are_used(
    own_house: Open, own_url: str, tmp_path: Path
):
    """And shows the wallet and the calls as the gateway does."""
    with own_house() as house:
        ana, good = house.customer(), house.sell(polite)
        for _ in range(5):
            ana.client.chat.completions.create(model=good.name, messages=HELLO)
        verified, shown, listed = (
            command(own_url, tmp_path, *words, "--json")
            for words in (
                ("ledger", "verify"),
                ("wallet", "show", ana.email),
                ("usage", "list", "--wallet", ana.email),
            )
        )

    assert (verified.returncode, verified.stderr) == (0, "")
    assert json.loads(verified.stdout)["ok"]
    assert json.loads(shown.stdout)["balance"] == 1_000_000 - 30
    assert [row["cost_nano"] for row in json.loads(listed.stdout)] == [6 * NANO] * 5


def test_a_command_holds_for_every_call_after_it(own_house: Open, own_url: str, tmp_path: Path):
    """A revoked key and a new price, by the command line in another process."""
    with own_house() as house:
        ana, good = house.customer(), house.sell(polite)
        client = ana.client.chat.completions.with_raw_response
        client.create(model=good.name, messages=HELLO)
        command(own_url, tmp_path, "models", "set", good.name, "--output", "20000")
        dearer = client.create(model=good.name, messages=HELLO).headers
        command(own_url, tmp_path, "keys", "revoke", ana.key_id)
        refused = house.post(ana, {"model": good.name, "messages": HELLO})

    assert dearer["x-grip-credits"] == str(1 + 5 * 20)
    assert refused.status_code == 401


def test_a_call_under_way_keeps_the_price_that_it_was_admitted_at(house: House):
    """The next one pays the new price."""
    gate = threading.Event()
    ana, good = house.customer(), house.sell(gated(gate, polite))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(_whole, house, ana, good.name)
        good.door.next()
        house.do(models.change, good.name, {}, sell={"output": 7 * NANO}, actor="test")
        gate.set()
        assert call.result().status_code == 200
    _whole(house, ana, good.name)

    assert [row.cost_nano for row in house.usage(ana)] == [36 * NANO, 6 * NANO]


def _whole(house: House, customer: Customer, model: str) -> Any:
    return house.post(customer, {"model": model, "messages": HELLO})


def test_a_wallet_is_never_promised_twice(house: House):
    """Of 50 calls that may cost 300 each, 1,000 credits let three through at a time."""
    gate = threading.Event()
    ana = house.customer(credits_=1000)
    used = {"prompt_tokens": 0, "completion_tokens": 250, "total_tokens": 250}
    good = house.sell(
        gated(gate, whole(answer(usage=used))), sell=Rates(input_nano=0, output_nano=NANO)
    )

    def call() -> str | None:
        try:
            ana.client.chat.completions.create(model=good.name, messages=HELLO, max_tokens=300)
        except openai.APIStatusError as error:
            return error.code
        return None

    with ThreadPoolExecutor(50) as pool:
        calls = [pool.submit(call) for _ in range(50)]
        refused = [done.result() for _, done in zip(range(47), as_completed(calls), strict=False)]
        for _ in range(3):
            good.door.next()
        during = house.wallet(ana)
        upstream_calls = good.calls
        gate.set()

    assert refused == ["insufficient_credits"] * 47
    assert upstream_calls == [3]
    assert (during.balance, during.held, during.available) == (1000, 900, 100)
    after = house.wallet(ana)
    assert (after.balance, after.held, after.debt) == (250, 0, 0)
    assert [row.balance_after for row in house.usage(ana)] == [250, 500, 750]


def test_a_budget_is_never_promised_twice(house: House):
    """Nor is a key's budget, with more in the wallet than it may spend."""
    gate = threading.Event()
    ana = house.customer(budget=1000)
    good = house.sell(gated(gate, polite), sell=Rates(input_nano=0, output_nano=NANO))

    def call() -> str | None:
        try:
            ana.client.chat.completions.create(model=good.name, messages=HELLO, max_tokens=300)
        except openai.APIStatusError as error:
            return error.code
        return None

    with ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(call) for _ in range(10)]
        refused = [done.result() for _, done in zip(range(7), as_completed(calls), strict=False)]
        gate.set()

    assert refused == ["api_key_budget_exhausted"] * 7
    assert good.calls == [3]


def test_a_wallets_rate_holds_under_a_rush(house: House):
    """Three requests in any second, of 20 at once: whoever is let in was let in by its turn."""
    ana, good = house.customer(tier="free"), house.sell(polite)
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: _whole(house, ana, good.name).status_code, range(20)))
    admitted = sorted(row.created_us for row in house.usage(ana))

    assert set(statuses) == {200, 429}
    assert len(admitted) == statuses.count(200) == good.calls[0]


def test_a_hold_is_what_the_call_may_cost(house: House):
    """By the client's limit, the model's ceiling, or 4,096 tokens; times its choices."""
    price = Rates(input_nano=0, output_nano=NANO)
    capped: dict[str, Any] = {"max_output": 100}
    for limits, terms, expected in (
        ({}, {}, 4096),
        ({}, capped, 100),
        ({"max_tokens": 50}, {}, 50),
        ({"max_tokens": 500}, capped, 100),
        ({"max_completion_tokens": 70, "max_tokens": 50}, {}, 70),
        ({"max_tokens": 50, "n": 3}, {}, 150),
    ):
        ana, good = house.customer(credits_=0), house.sell(polite, sell=price, **terms)
        body = {"model": good.name, "messages": HELLO, **limits}
        error = house.post(ana, body).json()["error"]
        assert error["metadata"] == {"required": expected, "available": 0, "held": 0}
