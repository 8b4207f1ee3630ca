"""Clients that hang up on a stream before its first byte: nobody is served in their place.

An upstream that is stopped has their prompt, which is charged by estimate; one that is drained
tells its own count.
"""

import threading

import pytest

from grip.services import channels
from tests.e2e.again import KEY, assert_charged_once, when_ended
from tests.e2e.conftest import Open
from tests.e2e.cuts import (
    BEFORE_HEADERS,
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
from tests.e2e.house import HELLO, House
from tests.e2e.leaver import Leaver
from tests.e2e.scripts import after, fails, gated, polite, raw, stalls

RETRIED = {"idempotency-key": KEY}


@pytest.mark.parametrize("cut", UNSEEN, ids=name_of)
def test_an_upstream_that_has_not_begun_is_stopped_at_once(house: House, cut: Cut):
    """It is not waited for, and no other channel is asked; the prompt is charged."""
    ana = house.customer()
    good = house.sell(stalls(cut.begun(SILENT)), polite, channel=STOPS)
    hang_up(house, ana, good, cut)

    assert good.doors[0].left.wait(30)
    assert_estimated(charged(house, ana), "")
    assert good.calls == [1, 0]


@pytest.mark.parametrize("cut", UNSEEN, ids=name_of)
def test_the_drain_of_an_upstream_that_does_not_begin_has_an_end(own_house: Open, cut: Cut):
    """Counted from the hang-up; nothing came, and the prompt is charged."""
    with own_house(config="[streams]\ndrain_timeout_s = 0.3\n" + CONFIG) as house:
        ana, good = house.customer(), house.sell(stalls(cut.begun(SILENT)), polite)
        hang_up(house, ana, good, cut)

        assert good.doors[0].left.wait(30)
        assert_estimated(charged(house, ana), "")
        assert good.calls == [1, 0]


@pytest.mark.parametrize("drains", [True, False])
@pytest.mark.parametrize("cut", UNSEEN, ids=name_of)
def test_who_may_come_back_for_the_answer_is_waited_for(
    house: House,
    cut: Cut,
    drains: bool,  # noqa: FBT001
):
    """With an Idempotency-Key the call is carried to its end, whatever the channel does."""
    go_on = threading.Event()
    ana = house.customer()
    script = after(cut.begun(REPORTING), go_on, raw(cut.rest(REPORTING)))
    good = house.sell(script, channel={"drains": drains})
    hang_up(house, ana, good, cut, RETRIED)
    go_on.set()
    again = when_ended(house, ana, {"model": good.name, "messages": HELLO, "stream": True})

    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert good.calls == [1]
    assert_charged_once(house, ana)


@pytest.mark.parametrize("next_drains", [True, False])
def test_nobody_who_left_is_served_by_the_next_channel(
    house: House,
    next_drains: bool,  # noqa: FBT001
):
    """The first one, that was waited for, fails: what would follow is for nobody."""
    go_on = threading.Event()
    ana = house.customer()
    good = house.sell(gated(go_on, fails(500)), polite)
    house.do(channels.change, f"{good.name}-1", {"drains": next_drains}, actor="test")
    hang_up(house, ana, good, BEFORE_HEADERS)
    go_on.set()
    resolve(house, ana)

    assert good.calls == [1, 0]
    house.assert_untouched(ana)


@pytest.mark.parametrize("drains", [True, False])
def test_who_may_come_back_is_served_by_the_next_channel(
    house: House,
    drains: bool,  # noqa: FBT001
):
    """The Idempotency-Key stands for somebody."""
    go_on = threading.Event()
    ana = house.customer()
    good = house.sell(gated(go_on, fails(500)), polite, channel={"drains": drains})
    house.do(channels.change, f"{good.name}-1", {"drains": drains}, actor="test")
    hang_up(house, ana, good, BEFORE_HEADERS, RETRIED)
    go_on.set()
    again = when_ended(house, ana, {"model": good.name, "messages": HELLO, "stream": True})

    assert again.status_code == 200
    assert good.calls == [1, 1]
    assert_charged_once(house, ana)


@pytest.mark.parametrize(("headers", "is_asked"), [({}, False), (RETRIED, True)])
def test_who_left_before_the_upstream_was_asked_is_not_asked_for(
    house: House,
    headers: dict[str, str],
    is_asked: bool,  # noqa: FBT001
):
    """The books were busy meanwhile; an Idempotency-Key may still be come back for."""
    ana, bob = house.customer(), house.customer()
    good, other = house.sell(polite), house.sell(polite)
    body = {"model": good.name, "messages": HELLO, "stream": True}
    house.post(ana, body)
    good.door.next()
    with house._portal.wrap_async_context_manager(busy(house.context, ana.wallet_id)):
        Leaver(house, ana, body, headers=headers).leave()
    house.post(bob, {**body, "model": other.name})  # which is admitted after her
    if is_asked:
        good.door.next()
    resolve(house, ana)

    assert good.calls == [1 + is_asked]
    assert [row.status for row in house.usage(ana)] == ["cut"] * is_asked + ["completed"]


@pytest.mark.parametrize("cut", UNSEEN, ids=name_of)
def test_who_hangs_up_on_an_upstream_that_then_fails_pays_nothing(house: House, cut: Cut):
    """It was waited for, and dies before its first word: the hold is released, whole."""
    go_on = threading.Event()
    ana = house.customer()
    good = house.sell(after(cut.begun(SILENT), go_on, raw()))
    hang_up(house, ana, good, cut)
    go_on.set()
    resolve(house, ana)

    house.assert_untouched(ana)
