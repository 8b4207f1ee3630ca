from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip import errors
from grip.gateway import admission, metering
from grip.gateway.call import Call, Plan
from grip.money.amounts import MAX_CREDITS, NANO
from grip.money.entries import Admit
from grip.money.pricing import Rates
from grip.providers.port import Report
from grip.store.books import HotBooks
from grip.store.records import Caller

RATES = Rates(input_nano=3, output_nano=5, request_nano=7)


def ask(call: Call, plan: Plan, slice_tokens: int = 1024) -> Admit:
    """Return what is asked of the books for a call."""
    return admission.entry(call, plan, "boot_1", admission.held_output(call, plan, slice_tokens))


@pytest.mark.parametrize(
    ("facts", "ceilings", "used"),
    [
        ({}, {}, (150, 4096)),
        ({}, {"max_output": 9_000}, (150, 9_000)),
        ({"output_limit": 10}, {}, (150, 10)),
        ({"output_limit": 10}, {"max_output": 9_000}, (150, 10)),
        ({"output_limit": 10_000}, {"max_output": 9_000}, (150, 9_000)),
        ({"output_limit": 10, "choices": 4}, {}, (150, 40)),
        ({"choices": 4}, {}, (150, 16_384)),
        ({"output_limit": 10_000, "choices": 2}, {"max_output": 9_000}, (150, 18_000)),
        ({}, {"max_input": 120}, (120, 4096)),
        ({}, {"max_input": 120_000}, (150, 4096)),
        ({"has_output": False}, {"max_output": 9_000}, (150, 0)),
        ({"has_output": False, "output_limit": 5, "choices": 3}, {}, (150, 0)),
    ],
)
def test_a_hold_is_the_most_that_the_call_can_use(call, plan_at, facts, ceilings, used):
    """The client's limit, else the model's ceiling, else 4,096 tokens, for every choice."""
    input_tokens, output_tokens = used
    entry = ask(call(**facts), plan_at(RATES, **ceilings))

    assert entry.estimate_nano == input_tokens * 3 + output_tokens * 5 + 7
    assert entry.amount == 1
    assert entry.tokens == 100 + output_tokens


def test_an_admission_says_what_it_rests_on(call, plan):
    """The books compare versions and tier, and know whose it is."""
    entry = ask(call(), plan())

    assert (entry.request_id, entry.wallet_id, entry.key_id, entry.member_id) == (
        *("req_1", "wal_1", "key_1", "mem_1"),
    )
    assert (entry.catalog_version, entry.key_version, entry.tier) == (7, 3, "free")
    assert (entry.model, entry.endpoint, entry.ip, entry.boot_id) == (
        *("gpt", "/chat/completions", "192.0.2.1", "boot_1"),
    )


def test_input_is_held_at_its_dearest_price(call, plan_at):
    """Nobody knows before what will be written to a cache."""
    rates = Rates(input_nano=3, output_nano=0, cached_input_nano=1, cache_write_nano=4)
    entry = ask(call(), plan_at(rates))

    assert entry.estimate_nano == 150 * 4


def test_a_hold_covers_the_dearest_model_that_may_serve(call, plan, model, price):
    """Each with its own ceilings; the books know the call by the model that was named."""
    cheap = model("cheap", price=price(Rates(input_nano=1, output_nano=1)), max_output=9_000)
    dear = model("dear", price=price(Rates(input_nano=3, output_nano=5)), max_output=100)
    entry = ask(call(), plan(cheap, dear))

    assert entry.estimate_nano == 150 * 3 + 9_000 * 5
    assert entry.tokens == 100 + 9_000
    assert entry.model == "cheap"


def test_a_hold_is_rounded_up_to_whole_credits(call, plan_at):
    """A free call holds none."""
    for request_nano, amount in ((0, 0), (1, 1), (NANO, 1), (NANO + 1, 2)):
        rates = Rates(request_nano=request_nano)
        entry = ask(call(), plan_at(rates))
        assert (entry.estimate_nano, entry.amount) == (request_nano, amount)


def test_a_call_dearer_than_any_may_be_is_refused(call, plan_at):
    """What the books cannot count is not held."""
    chosen = plan_at(Rates(input_nano=0, output_nano=MAX_CREDITS))
    entry = ask(call(output_limit=NANO), chosen)
    assert entry.amount == MAX_CREDITS

    with pytest.raises(errors.InvalidRequest, match="max_tokens"):
        ask(call(output_limit=NANO + 1), chosen)


@given(
    st.builds(
        Report,
        input_tokens=st.integers(0, 150),
        output_tokens=st.integers(0, 40),
        cached_input_tokens=st.integers(0, 200),
    )
)
def test_a_call_within_its_bounds_costs_no_more_than_its_hold(call, plan_at, candidate_at, report):
    """Whatever the upstream reports within them."""
    chosen, asked = plan_at(RATES), call(output_limit=10, choices=4)
    measured = metering.measure(asked, candidate_at(RATES), report, str)

    assert measured.cost_nano <= ask(asked, chosen).estimate_nano


class Books:
    """Books that know one caller."""

    def __init__(self, caller: Caller | None) -> None:
        self.known = caller
        self.asked: list[tuple[str, bool]] = []

    async def caller(self, key_hash: str, *, fresh: bool = False) -> Caller | None:
        self.asked.append((key_hash, fresh))
        return self.known


async def test_who_holds_a_live_key_is_known(caller, clock):
    """How fresh the answer must be is handed on."""
    books = Books(caller(expires_us=clock.now_us + 1))
    found = await admission.identify(cast("HotBooks", books), clock, "hash", fresh=True)

    assert found is books.known
    assert books.asked == [("hash", True)]


@pytest.mark.parametrize(
    ("facts", "words"),
    [(None, "not valid"), ({"usable": False}, "not valid"), ({"expires_us": 0}, "expired")],
)
async def test_a_key_that_is_unknown_ended_or_expired_is_refused(caller, clock, facts, words):
    """The expiry is the moment from which it is refused."""
    if facts and "expires_us" in facts:
        facts = {"expires_us": clock.now_us}
    books = Books(None if facts is None else caller(**facts))

    with pytest.raises(errors.InvalidApiKey, match=words):
        await admission.identify(cast("HotBooks", books), clock, "hash", fresh=False)
