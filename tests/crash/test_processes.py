"""Several processes on the same books: what may be spent and called is counted once for all."""

import contextlib
import os
import queue
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal

from grip.money.amounts import NANO
from grip.money.entries import CRASH_VOID
from grip.money.pricing import Rates
from tests.crash.clients import Ask, Crowd, call
from tests.crash.conftest import Ruin, connected, fresh_ruin
from tests.e2e.house import POLITE_NANO, Customer, Good, House
from tests.e2e.scripts import (
    BEGUN,
    DONE,
    REST,
    TEXT,
    after,
    answer,
    chunk,
    event,
    gated,
    polite,
    raw,
    streams,
    whole,
)
from tests.e2e.upstream import WAIT_S, Exchange

CLIENTS = 50
USED = {"prompt_tokens": 0, "completion_tokens": 250, "total_tokens": 250}

Processes = tuple[Ruin, list[House]]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def three(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    portal: BlockingPortal,
    upstream: Any,
) -> Iterator[Processes]:
    """Three processes on one database, on each engine in turn; at their end the books add up."""
    folder = tmp_path_factory.mktemp("three")
    with fresh_ruin(request, folder, portal, upstream) as ruin:
        with ruin.processes(3) as houses:
            yield ruin, houses
        ruin.assert_verified()


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    """Fifty clients."""
    crowd = Crowd(CLIENTS)
    yield crowd
    crowd.close()


def spends_250(exchange: Exchange) -> None:
    """Report 250 output tokens, of the 300 that were held."""
    if exchange.request.json.get("stream"):
        streams([*TEXT, event(chunk(choices=False, usage=USED)), DONE])(exchange)
    else:
        whole(answer(usage=USED))(exchange)


def asks(
    houses: list[House], customer: Customer, good: Good, count: int, **terms: Any
) -> list[Ask]:
    """Return so many calls, to the processes in turn."""
    return [
        Ask(
            url=houses[number % len(houses)].gateway.url,
            secret=customer.secret,
            model=good.name,
            **terms,
        )
        for number in range(count)
    ]


BY_CLIENT = (("max_tokens", 300),)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "terms",
    [(1_000, 1, BY_CLIENT), (1_000, 1, ()), (10**9, 10**6, BY_CLIENT)],
    ids=["max_tokens", "max_output", "rich"],
)
def test_a_wallet_for_three_calls_pays_for_three_of_fifty(
    three: Processes, crowd: Crowd, terms: tuple[int, int, Any], *, stream: bool
):
    """Each may cost three tenths of it: the upstream hears of three, whoever asks where."""
    _, houses = three
    credits_, token, limits = terms
    house, gate = houses[0], threading.Event()
    ana = house.customer(credits_=credits_)
    rates = Rates(input_nano=0, output_nano=token * NANO)
    good = house.sell(gated(gate, spends_250), sell=rates, max_output=300)
    crowd.send(asks(houses, ana, good, CLIENTS, stream=stream, limits=limits))
    refused = [crowd.next().code for _ in range(CLIENTS - 3)]
    for _ in range(3):
        good.door.next()
    calls, during = good.calls, house.wallet(ana)
    gate.set()
    answered = [crowd.next() for _ in range(3)]
    rows, wallet = house.usage(ana), house.wallet(ana)

    assert refused == ["insufficient_credits"] * (CLIENTS - 3)
    assert calls == good.calls == [3]
    assert (during.balance, during.held) == (credits_, 900 * token)
    assert all(seen.in_full for seen in answered)
    assert [row.balance_after for row in rows] == [credits_ - n * 250 * token for n in (3, 2, 1)]
    assert (wallet.balance, wallet.held, wallet.debt) == (credits_ - 750 * token, 0, 0)
    house.assert_clean()


def test_a_rich_wallet_holds_for_every_call(three: Processes, crowd: Crowd):
    """Holds add up: there is no bypass for the rich."""
    _, houses = three
    house, gate = houses[0], threading.Event()
    ana = house.customer(credits_=10**9)
    rates = Rates(input_nano=0, output_nano=NANO)
    good = house.sell(gated(gate, spends_250), sell=rates)
    crowd.send(asks(houses, ana, good, CLIENTS, limits=BY_CLIENT))
    for _ in range(CLIENTS):
        good.door.next()
    during = house.wallet(ana)
    gate.set()
    seen = crowd.wait()
    wallet = house.wallet(ana)

    assert (during.balance, during.held) == (10**9, 300 * CLIENTS)
    assert all(one.in_full for one in seen)
    assert (wallet.balance, wallet.held) == (10**9 - 250 * CLIENTS, 0)
    house.assert_clean()


def test_a_rate_is_one_for_four_processes(ruin: Ruin, crowd: Crowd):
    """Of 1,000 calls within seconds, a key with 100 in a minute gets exactly 100 through."""
    with ruin.processes(4) as houses:
        house = houses[0]
        ana, good = house.customer(rpm=100), house.sell(polite)
        crowd.send(asks(houses, ana, good, 1_000))
        codes = Counter(seen.code for seen in crowd.wait())
        rows = house.usage(ana)
        times = [row.created_us for row in rows]

        assert codes == {None: 100, "rate_limit_exceeded": 900}
        assert good.calls == [100]
        assert len(rows) == 100
        assert max(times) - min(times) < 60 * 1_000_000
        house.assert_clean()


def test_a_worker_that_slept_too_long_charges_nothing_and_goes_on(ruin: Ruin, crowd: Crowd):
    """Its stream ends without `[DONE]`, since its hold was given back; new calls are served."""
    go_on = threading.Event()
    peers: queue.Queue[Any] = queue.Queue()

    def stalls(exchange: Exchange) -> None:
        peers.put(exchange.peer)
        after(BEGUN, go_on, raw(REST))(exchange)

    with ruin.processes(2, dead_after_s=2) as houses, contextlib.ExitStack() as wakes:
        wakes.callback(go_on.set)
        house = houses[0]
        ana, good = house.customer(), house.sell(stalls)
        crowd.send(asks(houses, ana, good, 1, stream=True))
        sleeper = connected(house.gateway, peers.get(timeout=WAIT_S)[1])
        ruin.put_to_sleep(sleeper)
        wakes.callback(os.kill, sleeper, signal.SIGCONT)
        ruin.wait_resolved()
        wakes.close()
        (seen,) = crowd.wait()
        (row,) = house.usage(ana)

        assert (seen.status, seen.in_full) == (200, False)
        assert (row.status, row.cost_nano) == (CRASH_VOID, 0)
        assert TEXT[0] in seen.body
        assert b'"code":"service_unavailable"' in seen.body
        assert DONE not in seen.body
        good.door.script = polite
        assert all(call(ask).in_full for ask in asks(houses, ana, good, 8))
        assert [row.cost_nano for row in house.usage(ana)] == [POLITE_NANO] * 8 + [0]
        house.assert_clean()
