"""Clients that hang up in mid-stream: they pay once, for what was generated."""

import threading

import httpx2
import pytest

from grip.money.amounts import NANO
from grip.store.records import UsageRow
from tests.e2e.conftest import Open
from tests.e2e.house import HELLO, POLITE_NANO, Customer, Good, House
from tests.e2e.scripts import (
    DONE,
    LAST_PART,
    STREAM_HEAD,
    TEXT,
    USAGE_EVENT,
    after,
    gated,
    part,
    polite,
    raw,
    stalls,
)

BEGUN = STREAM_HEAD + part(TEXT[0])
REST = b"".join(map(part, [*TEXT[1:], USAGE_EVENT, DONE])) + LAST_PART


WHOLE = {"stream": False}


def _hang_up(house: House, customer: Customer, good: Good) -> None:
    """Read the first event, then leave."""
    body = {"model": good.name, "messages": HELLO, "stream": True}
    with house.streaming(customer, body) as answer:
        assert next(answer.iter_raw()) == TEXT[0]
    for _ in range(3):  # an answer to what came later: the gateway has seen the hang-up
        house.http.get("/healthz")


def _stop(house: House) -> None:
    """A gateway that has stopped has put everything into the books."""
    assert house.gateway.stop() == 0


def _charged(house: House, customer: Customer) -> UsageRow:
    (row,) = house.usage(customer)
    wallet = house.wallet(customer)

    assert (wallet.held, house.holds(customer)) == (0, 0)
    assert 1_000_000 * NANO - wallet.balance * NANO + wallet.carry_nano == row.cost_nano
    return row


def test_who_hangs_up_is_charged_what_the_upstream_reports(own_house: Open):
    """The upstream is read on for its report, while the client has long gone."""
    go_on = threading.Event()
    with own_house() as house:
        ana, good = house.customer(), house.sell(after(BEGUN, go_on, raw(REST)))
        _hang_up(house, ana, good)
        go_on.set()
        _stop(house)
        row = _charged(house, ana)

    assert (row.status, row.estimated, row.cost_nano) == ("cut", False, POLITE_NANO)


def test_who_hangs_up_on_an_upstream_that_dies_pays_an_estimate(own_house: Open):
    """For what had been generated; never nothing."""
    go_on = threading.Event()
    with own_house() as house:
        ana, good = house.customer(), house.sell(after(BEGUN, go_on, raw()))
        _hang_up(house, ana, good)
        go_on.set()
        _stop(house)
        row = _charged(house, ana)

    assert (row.status, row.estimated) == ("cut", True)
    assert 0 < row.cost_nano < POLITE_NANO


def test_who_hangs_up_on_an_upstream_that_stalls_pays_an_estimate(own_house: Open):
    """The upstream is left when its time between two chunks is over."""
    with own_house() as house:
        ana = house.customer()
        good = house.sell(stalls(BEGUN), channel={"chunk_timeout_ms": 300})
        _hang_up(house, ana, good)
        assert good.door.left.wait(30)
        _stop(house)
        row = _charged(house, ana)

    assert (row.status, row.estimated) == ("cut", True)
    assert row.cost_nano > 0


def test_who_hangs_up_before_the_first_event_is_charged_once_or_not_at_all(own_house: Open):
    """Nothing is left held, whichever it is."""
    gate = threading.Event()
    with own_house() as house:
        ana, good = house.customer(), house.sell(after(b"", gate, raw(STREAM_HEAD + REST)))
        caller = threading.Thread(target=_give_up, args=(house, ana, good))
        caller.start()
        good.door.next()
        caller.join()
        gate.set()
        _stop(house)

        assert house.holds(ana) == 0
        assert len(house.usage(ana)) <= 1


def _give_up(house: House, customer: Customer, good: Good, *, stream: bool = True) -> None:
    body = {"model": good.name, "messages": HELLO, "stream": stream}
    with pytest.raises(httpx2.ReadTimeout):
        house.http.post(
            "/v1/chat/completions",
            json=body,
            headers={"authorization": f"Bearer {customer.secret}"},
            timeout=0.5,
        )


def test_who_hangs_up_on_a_whole_answer_pays_for_it(own_house: Open):
    """The upstream generated it all; the call is charged once."""
    gate = threading.Event()
    with own_house() as house:
        ana = house.customer()
        good = house.sell(gated(gate, polite))
        caller = threading.Thread(target=_give_up, args=(house, ana, good), kwargs=WHOLE)
        caller.start()
        good.door.next()
        caller.join()
        gate.set()
        _stop(house)
        row = _charged(house, ana)

    assert row.cost_nano == POLITE_NANO
