"""Clients that hang up: they pay once, for what was generated, and nothing stays held.

Each point at which a stream can be cut, on upstreams that are read to their end for their own
count, and on those that are stopped.
"""

import threading
from typing import Any

import pytest

from grip.money.amounts import NANO
from grip.money.estimates import text_tokens
from tests.e2e.conftest import Open
from tests.e2e.cuts import (
    AFTER_CHUNK_1,
    AFTER_THE_TEXT,
    AFTER_USAGE,
    FLOWING,
    MID,
    REPORTING,
    SILENT,
    STOPS,
    UNSEEN,
    Cut,
    assert_estimated,
    busy,
    charged,
    hang_up,
    name_of,
    resolve,
)
from tests.e2e.gateway import CONFIG
from tests.e2e.house import HELLO, POLITE_NANO, House
from tests.e2e.leaver import Leaver
from tests.e2e.scripts import (
    DONE,
    LAST_PART,
    TEXT,
    WORDS,
    ZERO,
    after,
    chunk,
    event,
    gated,
    part,
    polite,
    raw,
    stalls,
)
from tests.e2e.upstream import Script


@pytest.mark.parametrize("cut", [*UNSEEN, *FLOWING, AFTER_USAGE], ids=name_of)
def test_an_upstream_that_is_drained_tells_what_is_charged(house: House, cut: Cut):
    """Its own count, of all that it generated."""
    go_on = threading.Event()
    ana = house.customer()
    good = house.sell(after(cut.begun(REPORTING), go_on, raw(cut.rest(REPORTING))))
    hang_up(house, ana, good, cut)
    go_on.set()
    row = charged(house, ana)

    assert (row.status, row.estimated, row.cost_nano) == ("cut", False, POLITE_NANO)
    assert good.calls == [1]


@pytest.mark.parametrize("cut", [*UNSEEN, *FLOWING], ids=name_of)
def test_an_upstream_that_is_drained_and_tells_nothing_is_estimated(house: House, cut: Cut):
    """By the prompt, and by all that it generated."""
    go_on = threading.Event()
    ana = house.customer()
    good = house.sell(after(cut.begun(SILENT), go_on, raw(cut.rest(SILENT))))
    hang_up(house, ana, good, cut)
    go_on.set()

    assert_estimated(charged(house, ana), "".join(WORDS))


@pytest.mark.parametrize("cut", FLOWING, ids=name_of)
def test_an_upstream_that_dies_after_the_hang_up_is_estimated(house: House, cut: Cut):
    """By what it had generated; never nothing."""
    go_on = threading.Event()
    ana, good = house.customer(), house.sell(after(cut.begun(REPORTING), go_on, raw()))
    hang_up(house, ana, good, cut)
    go_on.set()

    assert_estimated(charged(house, ana), "".join(WORDS[: cut.events]))


@pytest.mark.parametrize("cut", FLOWING, ids=name_of)
def test_an_upstream_that_is_stopped_is_estimated(house: House, cut: Cut):
    """By what it had generated until its connection was closed, at once."""
    ana = house.customer()
    good = house.sell(stalls(cut.begun(REPORTING)), channel=STOPS)
    hang_up(house, ana, good, cut)

    assert good.door.left.wait(30)
    assert_estimated(charged(house, ana), "".join(WORDS[: cut.events]))


def test_an_upstream_that_is_stopped_after_its_count_is_charged_by_it(house: House):
    """The report was there: nothing is left to be estimated."""
    ana = house.customer()
    good = house.sell(stalls(AFTER_USAGE.begun(REPORTING)), channel=STOPS)
    hang_up(house, ana, good, AFTER_USAGE)
    assert good.door.left.wait(30)
    row = charged(house, ana)

    assert (row.status, row.estimated, row.cost_nano) == ("cut", False, POLITE_NANO)


@pytest.mark.parametrize("drains", [True, False])
@pytest.mark.parametrize("reports", [True, False])
def test_who_hangs_up_before_the_last_word_is_charged_for_it_all(
    house: House,
    drains: bool,  # noqa: FBT001
    reports: bool,  # noqa: FBT001
):
    """The upstream has ended; only the charge is awaited, while the books are busy."""
    go_on = threading.Event()
    events = REPORTING if reports else SILENT
    ana = house.customer()
    script = after(AFTER_CHUNK_1.begun(events), go_on, raw(AFTER_CHUNK_1.rest(events)))
    good = house.sell(script, channel={"drains": drains})
    leaver = Leaver(house, ana, {"model": good.name, "messages": HELLO, "stream": True})
    leaver.read_until(TEXT[0])
    with house._portal.wrap_async_context_manager(busy(house.context, ana.wallet_id)):
        go_on.set()
        leaver.read_until(TEXT[-1])
        leaver.leave()
    row = charged(house, ana)

    assert row.status in ("completed", "cut")
    assert row.estimated == (not reports)
    if reports:
        assert row.cost_nano == POLITE_NANO
    else:
        assert row.output_tokens == text_tokens("".join(WORDS))


@pytest.mark.parametrize("drains", [True, False])
def test_a_count_of_zero_is_a_count(
    house: House,
    drains: bool,  # noqa: FBT001
):
    """Whoever hung up pays nothing, on a row of its own, where the upstream says so."""
    go_on = threading.Event()
    events = [*TEXT, event(chunk(choices=False, usage=ZERO)), DONE]
    ana = house.customer()
    good = house.sell(
        after(AFTER_USAGE.begun(events), go_on, raw(AFTER_USAGE.rest(events))),
        channel={"drains": drains},
    )
    hang_up(house, ana, good, AFTER_USAGE)
    go_on.set()
    row = charged(house, ana)

    assert (row.status, row.estimated, row.cost_nano) == ("cut", False, 0)
    assert (row.input_tokens, row.output_tokens) == (0, 0)


@pytest.mark.parametrize("drains", [True, False])
def test_a_count_that_more_text_follows_is_not_the_last_word(
    house: House,
    drains: bool,  # noqa: FBT001
):
    """Some upstreams begin with one: what came after it is charged as well."""
    go_on = threading.Event()
    early = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}
    events = [event(chunk(WORDS[0], usage=early)), *TEXT[1:]]
    ana = house.customer()
    good = house.sell(after(AFTER_THE_TEXT.begun(events), go_on, raw()), channel={"drains": drains})
    hang_up(house, ana, good, AFTER_THE_TEXT)
    go_on.set()

    assert_estimated(charged(house, ana), "".join(WORDS))


@pytest.mark.parametrize("used", [None, 500])
def test_nobody_who_hung_up_pays_more_than_the_hold_without_proof(house: House, used: int | None):
    """Of an upstream that passes the client's limit: the hold, unless it reports what it used."""
    go_on = threading.Event()
    usage = {"prompt_tokens": 10, "completion_tokens": used, "total_tokens": 510}
    end = [
        event(chunk(finish="stop")),
        *([event(chunk(choices=False, usage=usage))] if used else []),
    ]
    rest = [*[event(chunk(" and so on"))] * 20, *end, DONE]
    ana = house.customer()
    good = house.sell(
        after(MID.begun(TEXT), go_on, raw(b"".join(map(part, rest)) + LAST_PART)),
    )
    hang_up(house, ana, good, MID, max_tokens=2)
    go_on.set()
    row = charged(house, ana)

    assert (row.status, row.estimated) == ("cut", used is None)
    if used is None:
        assert row.output_tokens > 20
        assert 2 * NANO < row.cost_nano <= row.hold_credits * NANO
    else:
        assert row.cost_nano == 501 * NANO


def test_who_hangs_up_twice_pays_twice_and_nobody_else_does(house: House):
    """Each stream is a call of its own; who stays beside them pays for theirs."""
    go_on = threading.Event()
    ana, bob = house.customer(), house.customer()
    good = house.sell(after(MID.begun(REPORTING), go_on, raw(MID.rest(REPORTING))))
    for _ in range(2):
        hang_up(house, ana, good, MID)
    go_on.set()
    stayed = house.post(bob, {"model": good.name, "messages": HELLO, "stream": True})
    resolve(house, ana)

    assert stayed.content == b"".join([*TEXT, DONE])
    assert [row.cost_nano for row in house.usage(ana)] == [POLITE_NANO] * 2
    assert [row.status for row in house.usage(bob)] == ["completed"]


def test_a_whole_answer_that_nobody_waits_for_is_charged(house: House):
    """The upstream generated it all; the call is charged once."""
    gate = threading.Event()
    ana, good = house.customer(), house.sell(gated(gate, polite))
    leaver = Leaver(house, ana, {"model": good.name, "messages": HELLO})
    good.door.next()
    leaver.leave()
    gate.set()
    row = charged(house, ana)

    assert (row.cost_nano, row.estimated) == (POLITE_NANO, False)


@pytest.mark.parametrize(
    ("script", "config", "channel"),
    [
        (stalls(MID.begun(TEXT)), "", {"chunk_timeout_ms": 300}),
        (stalls(MID.begun(TEXT)), "[streams]\ndrain_timeout_s = 0.3\n", {}),
    ],
    ids=["its own time is over", "the drain's time is over"],
)
def test_a_drain_has_an_end(own_house: Open, script: Script, config: str, channel: dict[str, Any]):
    """An upstream that stalls is left, and what it generated is estimated."""
    with own_house(config=config + CONFIG) as house:
        ana, good = house.customer(), house.sell(script, channel=channel)
        hang_up(house, ana, good, MID)
        assert good.door.left.wait(30)
        row = charged(house, ana)

    assert_estimated(row, "".join(WORDS[:2]))


def test_a_gateway_that_stops_puts_what_is_drained_into_the_books(own_house: Open):
    """Its stop waits for the upstream's count."""
    go_on = threading.Event()
    with own_house() as house:
        ana = house.customer()
        good = house.sell(after(MID.begun(REPORTING), go_on, raw(MID.rest(REPORTING))))
        hang_up(house, ana, good, MID)
        go_on.set()
        assert house.gateway.stop() == 0
        row = charged(house, ana)

    assert (row.status, row.estimated, row.cost_nano) == ("cut", False, POLITE_NANO)
