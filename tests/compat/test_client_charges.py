"""What the official clients are charged, on each kind of channel and each engine."""

from collections.abc import Mapping
from typing import Any

import anthropic
import openai
import pytest

from grip.money.amounts import NANO
from tests.compat.callers import Callers
from tests.compat.chat_rows import CHAT
from tests.compat.messages_rows import MESSAGES
from tests.compat.mind import CACHED_TOKENS, INPUT_TOKENS, WRITTEN_TOKENS
from tests.compat.rows import Row, Surface
from tests.compat.shop import SPEECHES, name
from tests.e2e.house import House
from tests.e2e.upstream import Door

OUTPUT_TOKENS = 8
FRESH_NANO = (INPUT_TOKENS * 10 + OUTPUT_TOKENS * 20) * NANO
CACHED_NANO = FRESH_NANO - CACHED_TOKENS * 9 * NANO
WRITTEN_NANO = FRESH_NANO + WRITTEN_TOKENS * 2 * NANO
EITHER = pytest.mark.parametrize("surface", [CHAT, MESSAGES], ids=["chat", "messages"])
BOTH_WAYS = pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])


def _row(text: str, **more: Any) -> Row:
    return Row(name=text, asks={"messages": [{"role": "user", "content": text}]}, **more)


@EITHER
@BOTH_WAYS
@pytest.mark.parametrize("kind", SPEECHES)
def test_the_upstreams_own_count_is_charged(
    house: House,
    callers: Callers,
    doors: Mapping[str, Door],
    surface: Surface,
    kind: str,
    *,
    streams: bool,
):
    """Cached tokens at their own price, whichever wire counts them."""
    told = callers.call(surface, _row("[cached] Say hello", streams=streams), name(kind))
    row = house.usage(callers.customer)[0]

    assert told.error is None
    assert (row.cost_nano, row.status, row.estimated) == (CACHED_NANO, "completed", False)
    assert (row.model, row.provider) == (name(kind), kind)
    assert (row.input_tokens, row.cached_input_tokens) == (INPUT_TOKENS, CACHED_TOKENS)
    assert row.output_tokens == OUTPUT_TOKENS
    assert house.holds(callers.customer) == 0


@EITHER
@BOTH_WAYS
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_tokens_that_a_cache_took_are_charged_as_such(
    house: House,
    callers: Callers,
    doors: Mapping[str, Door],
    surface: Surface,
    kind: str,
    *,
    streams: bool,
):
    """By either client, on the wires that tell them."""
    callers.call(surface, _row("[written] Say hello", streams=streams), name(kind))
    row = house.usage(callers.customer)[0]

    assert (row.cost_nano, row.cache_write_tokens) == (WRITTEN_NANO, WRITTEN_TOKENS)


@EITHER
@BOTH_WAYS
def test_the_sandbox_charges_too(
    house: House,
    callers: Callers,
    doors: Mapping[str, Door],
    surface: Surface,
    *,
    streams: bool,
):
    """So that what a client costs can be tried without an upstream."""
    callers.call(surface, _row("Say hello", streams=streams), name("sandbox"))
    row = house.usage(callers.customer)[0]

    assert (row.model, row.output_tokens, row.estimated) == (name("sandbox"), 8, False)
    assert row.cost_nano == (row.input_tokens * 10 + 8 * 20) * NANO


@BOTH_WAYS
@pytest.mark.parametrize("kind", SPEECHES)
def test_a_refusal_of_the_upstream_costs_nothing(
    house: House, callers: Callers, doors: Mapping[str, Door], kind: str, *, streams: bool
):
    """And is raised by both clients as a bad request, with the upstream's words."""
    before = house.usage(callers.customer)
    asked: Any = {"model": name(kind), "stream": streams}
    asked["messages"] = [{"role": "user", "content": "[too long]"}]
    with pytest.raises(openai.BadRequestError, match="too long"):
        callers.openai.chat.completions.create(**asked)
    with pytest.raises(anthropic.BadRequestError, match="too long"):
        callers.anthropic.messages.create(**asked, max_tokens=10)

    assert house.usage(callers.customer) == before
    assert house.holds(callers.customer) == 0
