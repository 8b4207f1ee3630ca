"""How much of a stream passes for the money that is held for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grip.gateway.allowance import Allowance
from grip.money.estimates import text_tokens

SLICE = 64
NANO = 10
"""What a token costs."""

FRAME = b'data: {"id":"c","choices":[{"delta":{"content":""}}]}\n\n'
PROSE = "It was a dark and stormy night; the rain fell in torrents, except at occasional times. "

texts = st.lists(st.one_of(st.text(min_size=1, max_size=40), st.sampled_from([" a", "7", "0A"])))
grants = st.lists(st.integers(0, SLICE * NANO), max_size=8)


@dataclass
class Purse:
    """Grants what it was told to, at most what was asked for, and then nothing."""

    grants: list[int]
    asked: list[int] = field(default_factory=list)
    turns: int = 1

    async def ask(self, nano: int) -> int:
        self.asked.append(nano)
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return min(self.grants.pop(0), nano) if self.grants else 0


def opened(
    ask: Callable[[int], Awaitable[int]], covered: int = SLICE, slice_nano: int = SLICE * NANO
) -> Allowance:
    """Return the allowance of a stream that holds a slice."""
    return Allowance(
        covered=covered,
        slice_tokens=SLICE,
        slice_nano=slice_nano,
        ask=ask,
        spawn=asyncio.create_task,
    )


async def passed(allowance: Allowance, events: Iterable[str], *, unread: bool = False) -> list[str]:
    """Return the events that passed before the money ended, as a relay does it."""
    allowance.read_with(lambda data: data.replace(FRAME, b"").decode())
    through: list[str] = []
    for text in events:
        if allowance.is_used_up and not await allowance.extend():
            break
        if unread and through:
            allowance.add_unread(FRAME + text.encode(), 1)
        else:
            allowance.add(text, len(FRAME) + len(text.encode()))
        through.append(text)
    return through


def covered(allowance: Allowance, at_first: int = SLICE) -> int:
    """Return the tokens that are paid for by now."""
    return at_first + allowance.grown_nano // NANO


@given(texts, grants, st.booleans(), st.integers(0, 3))
def test_never_more_than_a_slice_and_an_event_passes_unpaid(
    events: list[str],
    granted: list[int],
    unread: bool,  # noqa: FBT001
    turns: int,
):
    """Of any text, cut in any way, whatever is granted; and nobody waits for ever."""

    async def run() -> None:
        purse = Purse(list(granted), turns=turns)
        allowance = opened(purse.ask)
        through = await passed(allowance, events * 8, unread=unread)
        beyond = text_tokens("".join(through)) - covered(allowance)
        last = text_tokens(through[-1]) if through else 0

        assert allowance.text() == "".join(through)
        assert beyond < SLICE + last
        assert sum(granted) >= allowance.grown_nano
        assert len(purse.asked) <= len(granted) + 1

    asyncio.run(asyncio.wait_for(run(), 30))


@pytest.mark.parametrize("unread", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, 40])
async def test_of_prose_a_few_tokens_pass_unpaid(
    unread: bool,  # noqa: FBT001
    size: int,
):
    """In words or in lumps: those of the event that crosses the line, and two more."""
    prose = PROSE * 40
    events = [prose[at : at + size] for at in range(0, len(prose), size)]
    purse = Purse([SLICE * NANO] * 4 + [15 * NANO])
    allowance = opened(purse.ask)
    through = await passed(allowance, events, unread=unread)
    tokens = text_tokens("".join(through))

    assert covered(allowance) == 5 * SLICE + 15
    assert -0.15 * covered(allowance) < tokens - covered(allowance) <= text_tokens(through[-1]) + 2


async def test_the_next_slice_is_asked_for_at_three_quarters_of_the_last():
    """While the stream flows on: once for each, however many came before."""
    purse = Purse([SLICE * NANO] * 10)
    allowance = opened(purse.ask)
    asked_at: list[int] = []
    for tokens in range(1, 5 * SLICE):
        allowance.report(tokens)
        await asyncio.sleep(0)
        if len(purse.asked) > len(asked_at):
            asked_at.append(tokens)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert not allowance.is_used_up
    assert asked_at == [slices * SLICE + SLICE * 3 // 4 for slices in range(5)]
    assert purse.asked == [SLICE * NANO] * 5


async def test_less_than_a_slice_is_used_to_three_quarters_as_well():
    """Of a model whose longest answer is short."""
    purse = Purse([SLICE * NANO])
    allowance = opened(purse.ask, covered=12)
    for tokens in range(1, 9):
        allowance.report(tokens)
        await asyncio.sleep(0)
    assert purse.asked == []
    allowance.report(9)
    await asyncio.sleep(0)

    assert purse.asked == [SLICE * NANO]


async def test_the_upstreams_own_count_is_what_counts():
    """Where it tells one as it goes: for what came before it, of which nothing is counted twice."""
    allowance = opened(Purse([]).ask)
    for tokens in range(1, SLICE):
        allowance.add(" extraordinary", 200)
        allowance.report(tokens)
        assert not allowance.is_used_up
    allowance.add(" extraordinary", 200)
    allowance.report(SLICE)

    assert allowance.is_used_up


@pytest.mark.parametrize("told", [0, 1])
async def test_a_count_that_stands_still_does_not_hide_what_flows(told: int):
    """Some upstreams say the same in each event, and the truth at the end."""
    allowance = opened(Purse([]).ask)
    through = 0
    while not allowance.is_used_up:
        allowance.add(PROSE, 200)
        allowance.report(told)
        through += 1

    assert through * text_tokens(PROSE) < SLICE + 2 * text_tokens(PROSE)


async def test_one_large_event_is_paid_for_at_once():
    """Not slice by slice: each would be a transaction."""
    purse = Purse([10**9])
    allowance = opened(purse.ask)
    tokens = text_tokens(PROSE * 1000)
    (event,) = await passed(allowance, [PROSE * 1000])

    assert event
    assert await allowance.extend()
    assert len(purse.asked) <= 2
    assert tokens < covered(allowance) <= tokens + 2 * SLICE


async def test_a_part_of_a_slice_is_used_to_its_end():
    """What was granted of it, in whole tokens; then nothing more is asked for."""
    purse = Purse([SLICE * NANO, 10 * NANO + NANO - 1, SLICE * NANO])
    allowance = opened(purse.ask)
    tokens = 0
    while not allowance.is_used_up or await allowance.extend():
        tokens += 1
        allowance.report(tokens)

    assert tokens == 2 * SLICE + 10
    assert len(purse.asked) == 2
    assert not await allowance.extend()


async def test_what_costs_nothing_is_never_used_up():
    """And nothing is asked for."""
    purse = Purse([])
    allowance = opened(purse.ask, slice_nano=0)
    through = await passed(allowance, [PROSE] * 1000)
    allowance.report(10**6)

    assert (len(through), purse.asked, allowance.is_used_up) == (1000, [], False)
    assert allowance.text() == PROSE * 1000


async def test_texts_keep_their_order_whoever_has_read_them():
    """Those that went through unread stand where they came."""
    allowance = opened(Purse([]).ask, covered=10**6)
    allowance.read_with(bytes.decode)
    allowance.add("a", 1)
    allowance.add_unread(b"b", 1)
    allowance.add("c", 1)
    allowance.report(7)
    allowance.add_unread(b"d", 1)

    assert allowance.text() == "abcd"


async def test_a_failure_of_asking_is_raised_to_who_waits():
    """And it may be asked again."""
    answers: list[Any] = [OSError("the database is away"), SLICE * NANO]

    async def ask(_nano: int) -> int:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return int(answer)

    allowance = opened(ask)
    allowance.report(SLICE)
    with pytest.raises(OSError, match="away"):
        await allowance.extend()

    assert await allowance.extend()
    assert covered(allowance) == 2 * SLICE
