"""What is kept of an answer under its Idempotency-Key: all of it, or the word that it is lost."""

import threading

import pytest

from grip.money.amounts import NANO
from grip.money.pricing import Rates
from tests.e2e.again import (
    COUNTED,
    KEY,
    STREAM,
    assert_charged_once,
    assert_replayed,
    code,
    hello,
    post,
    when_ended,
)
from tests.e2e.house import House
from tests.e2e.leaver import Leaver
from tests.e2e.scripts import (
    BEGUN,
    DONE,
    REST,
    TEXT,
    USAGE_EVENT,
    after,
    answer,
    chunk,
    event,
    gated,
    polite,
    raw,
    stalls,
    streams,
    whole,
)
from tests.e2e.upstream import Script

MEGABYTE = 1024 * 1024
ONLY_INPUT = Rates(input_nano=NANO // 10, output_nano=0)


@pytest.mark.parametrize("drains", [True, False])
def test_who_hung_up_gets_the_whole_stream_on_coming_back(
    house: House,
    drains: bool,  # noqa: FBT001
):
    """The upstream was read to its end, whatever its channel does otherwise."""
    go_on = threading.Event()
    ana, bob = house.customer(), house.customer()
    good = house.sell(after(BEGUN, go_on, raw(REST)), channel={"drains": drains})
    body = hello(good, **COUNTED)
    leaver = Leaver(house, ana, body, headers={"idempotency-key": KEY})
    leaver.read_until(TEXT[0])
    leaver.leave()
    too_early = post(house, ana, body)
    go_on.set()
    again = when_ended(house, ana, body)
    stayed = post(house, bob, body)

    assert code(too_early) == (409, "idempotency_key_in_use")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == stayed.content
    assert good.calls == [2]
    assert_charged_once(house, ana)


def test_who_hung_up_on_a_whole_answer_gets_it_on_coming_back(house: House):
    """It was carried out to its end, and charged."""
    gate = threading.Event()
    ana, good = house.customer(), house.sell(gated(gate, polite))
    leaver = Leaver(house, ana, hello(good), headers={"idempotency-key": KEY})
    good.door.next()
    leaver.leave()
    gate.set()
    again = when_ended(house, ana, hello(good))

    assert (again.status_code, again.content) == (200, answer())
    assert good.calls == [1]
    assert_charged_once(house, ana)


@pytest.mark.parametrize("end", [stalls(), raw()], ids=["stalls", "dies"])
def test_a_cut_off_answer_is_neither_given_nor_made_again(house: House, end: Script):
    """Its client hung up and was charged for what came; the answer is told to be lost."""
    go_on = threading.Event()
    ana = house.customer()
    good = house.sell(after(BEGUN, go_on, end), channel={"chunk_timeout_ms": 300})
    leaver = Leaver(house, ana, hello(good, **STREAM), headers={"idempotency-key": KEY})
    leaver.read_until(TEXT[0])
    leaver.leave()
    go_on.set()
    told = [when_ended(house, ana, hello(good, **STREAM)) for _ in range(2)]
    (row,) = house.usage(ana)

    assert {code(said) for said in told} == {(409, "idempotency_result_unavailable")}
    assert told[0].json()["error"]["metadata"] == {"request_id": row.request_id}
    assert (row.status, row.estimated) == ("cut", True)
    assert good.calls == [1]
    assert_charged_once(house, ana, row.cost_nano)


@pytest.mark.parametrize("size", [MEGABYTE, MEGABYTE + 1, 8 * MEGABYTE])
def test_an_answer_of_up_to_8_megabytes_is_given_again(house: House, size: int):
    """Small ones are stored with the charge, large ones before it."""
    ana, good = house.customer(), house.sell(whole(_sized(size)))
    first, again = [post(house, ana, hello(good)) for _ in range(2)]

    assert len(first.content) == size
    assert_replayed(first, again)
    assert good.calls == [1]
    assert_charged_once(house, ana)


def test_a_larger_answer_is_neither_given_nor_made_again(house: House):
    """The first client has it; the key stays used."""
    ana, good = house.customer(), house.sell(whole(_sized(8 * MEGABYTE + 1)))
    first, again = [post(house, ana, hello(good)) for _ in range(2)]

    assert first.status_code == 200
    assert code(again) == (409, "idempotency_result_unavailable")
    assert good.calls == [1]
    assert_charged_once(house, ana)


def _sized(size: int) -> bytes:
    return answer(text="x" * (size - len(answer(text=""))))


@pytest.mark.parametrize(("megabytes", "is_kept"), [(3, True), (9, False)])
def test_a_large_stream_is_given_again_up_to_8_megabytes(
    house: House,
    megabytes: int,
    is_kept: bool,  # noqa: FBT001
):
    """A larger one reaches its first client whole, and nobody else."""
    large = [event(chunk("x" * MEGABYTE))] * megabytes
    ana = house.customer()
    good = house.sell(streams([*large, *TEXT, USAGE_EVENT, DONE]), sell=ONLY_INPUT)
    first, again = [post(house, ana, hello(good, **STREAM)) for _ in range(2)]

    assert first.content == b"".join([*large, *TEXT, DONE])
    if is_kept:
        assert_replayed(first, again)
    else:
        assert code(again) == (409, "idempotency_result_unavailable")
    assert good.calls == [1]
    assert_charged_once(house, ana, NANO)
