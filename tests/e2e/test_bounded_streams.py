"""Streams that are held for in slices, and end where the money does."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from anyio.from_thread import BlockingPortal

from grip.money.amounts import NANO
from grip.money.estimates import text_tokens
from grip.money.pricing import Rates
from grip.services import keys, members, models
from grip.store.records import UsageRow
from tests.e2e import again, conftest
from tests.e2e.gateway import CONFIG
from tests.e2e.house import FREE, HELLO, Customer, Good, House
from tests.e2e.scripts import (
    DONE,
    LAST_PART,
    STREAM_HEAD,
    after,
    chunk,
    counted,
    endless,
    event,
    part,
    raw,
    sends,
    streams,
)
from tests.e2e.upstream import Upstream

SLICE = 64
ONLY_OUTPUT = Rates(input_nano=0, output_nano=NANO)
"""A token of output is a credit, input is free: a slice is 64 credits."""

SAID = "and so it goes on "
WORDS = event(chunk(SAID))
STOP = event(chunk(finish="stop"))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    portal: BlockingPortal,
    upstream: Upstream,
) -> Iterator[House]:
    """A house with small slices, on each engine in turn; at its end the books must add up."""
    folder = tmp_path_factory.mktemp("bounded")
    config = f"[streams]\nslice_tokens = {SLICE}\n{CONFIG}"
    with (
        conftest._fresh(request, folder, portal) as url,
        conftest._house(url, folder, portal, upstream, config=config) as house,
    ):
        yield house
        house.assert_clean()


def _post(house: House, customer: Customer, good: Good, **more: Any) -> httpx2.Response:
    body = {"model": good.name, "messages": HELLO, "stream": True, **more}
    return house.post(customer, body)


def _chunks(said: httpx2.Response) -> list[dict[str, Any]]:
    """Return the chunks of a stream that ended with `[DONE]`."""
    assert said.status_code == 200, said.content
    *events, done, nothing = said.content.split(b"\n\n")
    assert (done, nothing) == (b"data: [DONE]", b"")
    return [json.loads(data.removeprefix(b"data: ")) for data in events]


def _endings(said: httpx2.Response) -> list[tuple[int, str]]:
    """Return the choices that ended, and why."""
    return [
        (choice["index"], choice["finish_reason"])
        for one in _chunks(said)
        for choice in one["choices"]
        if choice["finish_reason"] is not None
    ]


def _row(house: House, customer: Customer) -> UsageRow:
    """Return the only charge; nothing is held any more."""
    (row,) = house.usage(customer)
    wallet = house.wallet(customer)

    assert (wallet.held, house.holds(customer)) == (0, 0)
    assert wallet.balance >= 0
    return row


def _member_of(house: House, wallet_of: Customer, limit: int) -> Customer:
    """Return a member with a limit, and a key for the wallet."""
    bob = house.customer()
    house.do(members.add, wallet_of.email, bob.email, actor="test")
    house.do(members.set_limit, wallet_of.email, bob.email, limit, actor="test")
    made = house.do(keys.create, wallet_of.email, actor="test", name="bob", member=bob.email)
    return Customer(
        email=wallet_of.email,
        wallet_id=wallet_of.wallet_id,
        key_id=made.key.id,
        secret=made.secret,
        client=house.client(made.secret),
    )


def _poor(house: House, credits_: int, purse: str = "wallet") -> Customer:
    """Return who may spend so much, by their wallet, their key's budget, or their own limit."""
    if purse == "budget":
        return house.customer(budget=credits_)
    if purse == "member limit":
        return _member_of(house, house.customer(tier="team"), credits_)
    return house.customer(credits_=credits_)


@pytest.mark.parametrize("purse", ["wallet", "budget", "member limit"])
def test_a_stream_ends_cleanly_where_the_money_ends(house: House, purse: str):
    """The upstream is stopped, what was held pays for it, and nothing stays held."""
    ana = _poor(house, 200, purse)
    good = house.sell(endless(STREAM_HEAD, part(WORDS)), sell=ONLY_OUTPUT)
    said = _post(house, ana, good, stream_options={"include_usage": True})
    *_, last, told = _chunks(said)
    row = _row(house, ana)

    assert _endings(said) == [(0, "length")]
    assert last["model"] == good.name
    assert (last["id"], last["object"]) == ("chatcmpl-fake", "chat.completion.chunk")
    assert told["choices"] == []
    assert told["usage"]["completion_tokens"] == row.output_tokens
    assert told["usage"]["cost_nano"] == row.cost_nano
    assert good.door.left.wait(30)
    assert (row.status, row.estimated) == ("limited", True)
    assert 180 * NANO < row.cost_nano <= 200 * NANO
    assert (row.hold_credits, row.debt_credits) == (200, 0)


def test_openais_client_reads_the_end_of_a_stream_without_money(house: House):
    """As of any answer that came to its length."""
    ana = house.customer(credits_=100)
    good = house.sell(endless(STREAM_HEAD, part(WORDS)), sell=ONLY_OUTPUT)
    *_, last, told = ana.client.chat.completions.create(
        model=good.name, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )

    assert [choice.finish_reason for choice in last.choices] == ["length"]
    assert told.usage is not None
    assert told.usage.completion_tokens == _row(house, ana).output_tokens


def test_every_choice_is_told_its_length(house: House):
    """Each has a slice of its own; usage that nobody asked for is not told."""
    ana = house.customer(credits_=300)
    said = {"choices": [{"index": 1, "delta": {"content": SAID}, "finish_reason": None}]}
    good = house.sell(
        endless(STREAM_HEAD, part(event(json.dumps(said).encode()))), sell=ONLY_OUTPUT
    )
    answer = _post(house, ana, good, n=3)

    assert _endings(answer) == [(0, "length"), (1, "length"), (2, "length")]
    assert "usage" not in _chunks(answer)[-1]
    assert _row(house, ana).hold_credits == 300


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one burst"])
@pytest.mark.parametrize("text", ["x", " extraordinary"])
@pytest.mark.parametrize("credits_", [SLICE, 2 * SLICE, 2 * SLICE + 10, 4 * SLICE - 1])
def test_a_stream_ends_exactly_at_its_last_credit(
    house: House,
    credits_: int,
    text: str,
    at_once: bool,  # noqa: FBT001
):
    """Where the upstream counts as it goes: after whole slices, and after a part of the last."""
    events = [*(counted(tokens, text) for tokens in range(1, 301)), STOP, DONE]
    burst = sends(STREAM_HEAD + b"".join(map(part, events)) + LAST_PART)
    ana = house.customer(credits_=credits_)
    good = house.sell(burst if at_once else streams(events), sell=ONLY_OUTPUT)
    said = _post(house, ana, good)
    row = _row(house, ana)

    assert said.content.startswith(b"".join(events[:credits_]))
    assert len(_chunks(said)) == credits_ + 1
    assert _endings(said) == [(0, "length")]
    assert (row.status, row.estimated, row.output_tokens) == ("limited", False, credits_)
    assert (row.cost_nano, row.hold_credits, row.debt_credits) == (credits_ * NANO, credits_, 0)
    assert house.wallet(ana).balance == 0


@pytest.mark.parametrize(
    "words",
    [WORDS, WORDS.replace(b"\n", b"\r\n"), WORDS.replace(b"data: ", b"id: 7\ndata:")],
    ids=["usual", "crlf", "more lines"],
)
def test_in_a_flood_little_more_passes_than_is_paid_for(house: House, words: bytes):
    """Of a hundred kilobytes at once: what stands in the next four, and not much less than all."""
    ana = house.customer(credits_=200)
    good = house.sell(endless(STREAM_HEAD, part(words * 600)), sell=ONLY_OUTPUT)
    said = _post(house, ana, good)
    row = _row(house, ana)
    passed = said.content.count(words)
    in_four_kilobytes = 4096 // len(words) + 1

    assert 180 * NANO < row.cost_nano <= 200 * NANO
    assert text_tokens(SAID * (passed - in_four_kilobytes)) <= 200


@pytest.mark.parametrize("early", [counted(1), counted(1, None)], ids=["with text", "alone"])
def test_a_count_at_the_beginning_is_not_what_a_stream_without_money_pays(
    house: House, early: bytes
):
    """It pays for what flowed after it, and is told so."""
    ana = house.customer(credits_=200)
    good = house.sell(endless(STREAM_HEAD + part(early), part(WORDS)), sell=ONLY_OUTPUT)
    said = _post(house, ana, good, stream_options={"include_usage": True})
    row = _row(house, ana)

    assert _endings(said) == [(0, "length")]
    assert _chunks(said)[-1]["usage"]["completion_tokens"] == row.output_tokens
    assert (row.status, row.estimated) == ("limited", True)
    assert 180 * NANO < row.cost_nano <= 200 * NANO


def test_an_answer_that_ends_with_the_money_is_finished(house: House):
    """It needed no more than there was."""
    ana = house.customer(credits_=SLICE)
    events = [*map(counted, range(1, SLICE + 1)), STOP, DONE]
    said = _post(house, ana, house.sell(streams(events), sell=ONLY_OUTPUT))

    assert said.content == b"".join(events)
    assert (_row(house, ana).status, house.wallet(ana).balance) == ("completed", 0)


@pytest.mark.parametrize(
    "end",
    [
        [STOP, counted(500, None)],
        [counted(500, "!").replace(b'"finish_reason": null', b'"finish_reason": "stop"')],
    ],
    ids=["apart", "with the last word"],
)
def test_a_report_above_the_hold_is_charged_in_full(house: House, end: list[bytes]):
    """It is proof: from the balance, then from debt; and a finished answer is no shorter for it."""
    ana = house.customer(credits_=100)
    good = house.sell(streams([WORDS, *end, DONE]), sell=ONLY_OUTPUT)
    said = _post(house, ana, good)
    row, wallet = _row(house, ana), house.wallet(ana)

    assert _endings(said) == [(0, "stop")]
    assert (row.status, row.estimated, row.cost_nano) == ("completed", False, 500 * NANO)
    assert (wallet.balance, wallet.debt, row.debt_credits) == (0, 400, 400)


def test_a_finished_stream_pays_what_it_used_of_its_slices(house: House):
    """The rest of them goes back."""
    ana = house.customer(credits_=1_000)
    good = house.sell(streams([*map(counted, range(1, 151)), STOP, DONE]), sell=ONLY_OUTPUT)
    said = _post(house, ana, good)
    row = _row(house, ana)

    assert _endings(said) == [(0, "stop")]
    assert (row.status, row.cost_nano, row.credits) == ("completed", 150 * NANO, 150)
    assert 150 <= row.hold_credits <= 4 * SLICE
    assert house.wallet(ana).balance == 850


@pytest.mark.parametrize(
    ("body", "terms", "held"),
    [
        ({}, {}, SLICE),
        ({"n": 2}, {}, 2 * SLICE),
        ({}, {"max_output": 40}, 40),
        ({"max_tokens": 500}, {}, 500),
        ({"max_completion_tokens": 500, "n": 2}, {"max_output": 400}, 800),
        ({"max_tokens": 10}, {}, 10),
        ({}, {"reasoning": True, "max_output": 300}, 300),
        ({"reasoning_effort": "low"}, {"max_output": 300}, 300),
        ({"reasoning_effort": "low"}, {}, 4096),
    ],
)
def test_a_stream_holds_a_slice_or_all_that_it_may_cost(
    house: House, body: dict[str, Any], terms: dict[str, Any], held: int
):
    """All where the client sets a limit, and where thoughts cannot be counted as they come."""
    go_on = threading.Event()
    ana, poor = house.customer(credits_=held), house.customer(credits_=held - 1)
    begun = STREAM_HEAD + part(event(chunk("x")))
    rest = b"".join(map(part, [STOP, counted(1, None), DONE])) + LAST_PART
    good = house.sell(after(begun, go_on, raw(rest)), sell=ONLY_OUTPUT, **terms)
    refused = _post(house, poor, good, **body)
    with house.streaming(
        ana, {"model": good.name, "messages": HELLO, "stream": True, **body}
    ) as said:
        next(said.iter_raw())
        during = house.wallet(ana)
        go_on.set()

    assert (refused.status_code, refused.json()["error"]["metadata"]["required"]) == (402, held)
    assert (during.balance, during.held) == (held, held)


@pytest.mark.parametrize(
    ("sell", "cost_nano"), [(FREE, 0), (Rates(input_nano=NANO // 10, output_nano=0), NANO)]
)
def test_free_output_is_never_limited(house: House, sell: Rates, cost_nano: int):
    """However long, on an empty wallet or the last credits."""
    ana = house.customer(credits_=cost_nano and 100)
    good = house.sell(streams([*[WORDS] * 500, STOP, counted(5_000, None), DONE]), sell=sell)
    said = _post(house, ana, good)

    assert _endings(said) == [(0, "stop")]
    assert (_row(house, ana).status, _row(house, ana).cost_nano) == ("completed", cost_nano)


def test_a_price_change_in_mid_stream_changes_nothing_for_the_stream(house: House):
    """It grows and ends at the price that it was admitted at; the next one pays the new price."""
    go_on = threading.Event()
    ana = house.customer(credits_=150)
    rest = b"".join(map(part, [*map(counted, range(2, 101)), STOP, DONE])) + LAST_PART
    good = house.sell(after(STREAM_HEAD + part(counted(1)), go_on, raw(rest)), sell=ONLY_OUTPUT)
    with house.streaming(ana, {"model": good.name, "messages": HELLO, "stream": True}) as said:
        flowing = said.iter_raw()
        next(flowing)
        house.do(models.change, good.name, {}, sell={"output": 7 * NANO}, actor="test")
        go_on.set()
        assert b"".join(flowing).endswith(DONE)
    row = _row(house, ana)
    refused = _post(house, ana, good)

    assert (row.status, row.cost_nano) == ("completed", 100 * NANO)
    assert refused.json()["error"]["metadata"] == {
        "required": 7 * SLICE,
        "available": 50,
        "held": 0,
    }


def test_streams_of_one_wallet_never_spend_more_than_it_has(house: House):
    """Each takes what is left; together they end at its last credit."""
    go_on = threading.Event()
    ana = house.customer(credits_=4 * SLICE + 30)
    begun = STREAM_HEAD + part(WORDS)
    good = house.sell(after(begun, go_on, endless(b"", part(WORDS))), sell=ONLY_OUTPUT)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(_post, house, ana, good) for _ in range(4)]
        for _ in range(4):
            good.door.next()
        go_on.set()
        said = [call.result() for call in calls]
    rows, wallet = house.usage(ana), house.wallet(ana)

    assert [_endings(one) for one in said] == [[(0, "length")]] * 4
    assert {row.status for row in rows} == {"limited"}
    assert sum(row.hold_credits for row in rows) == 4 * SLICE + 30
    assert (wallet.debt, wallet.held, house.holds(ana)) == (0, 0, 0)


def test_an_answer_within_its_limit_is_not_cut_by_an_estimate(house: House):
    """The upstream counts 40 tokens where grip would guess 46, and there is money for 40."""
    ana = house.customer(credits_=40)
    events = [
        *[event(chunk("there "))] * 40,
        event(chunk(finish="length")),
        counted(40, None),
        DONE,
    ]
    good = house.sell(streams(events), sell=ONLY_OUTPUT)
    said = _post(house, ana, good, max_tokens=40)
    row = _row(house, ana)

    assert said.content == b"".join([*events[:-2], DONE])
    assert (row.status, row.estimated, row.cost_nano) == ("completed", False, 40 * NANO)


def test_a_stream_holds_no_more_than_its_client_allows(house: House):
    """An upstream that goes on regardless is stopped; the rest of the wallet is not touched."""
    ana = house.customer(credits_=2_000)
    good = house.sell(endless(STREAM_HEAD, part(WORDS)), sell=ONLY_OUTPUT)
    said = _post(house, ana, good, max_tokens=40)
    row = _row(house, ana)

    assert _endings(said) == [(0, "length")]
    assert good.door.left.wait(30)
    assert (row.status, row.hold_credits, row.cost_nano) == ("limited", 40, 40 * NANO)


def test_a_stream_without_money_is_given_again_as_it_ended(house: House):
    """Under its Idempotency-Key, without more of it."""
    ana = house.customer(credits_=100)
    good = house.sell(endless(STREAM_HEAD, part(WORDS)), sell=ONLY_OUTPUT)
    first, second = [again.post(house, ana, again.hello(good, **again.COUNTED)) for _ in range(2)]

    again.assert_replayed(first, second)
    assert _endings(second) == [(0, "length")]
    assert good.calls == [1]
    assert _row(house, ana).status == "limited"
