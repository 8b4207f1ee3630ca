"""Counting tokens for free: who is asked, and when grip's own estimate is given."""

import asyncio
from typing import Any, cast

import pytest

from grip.gateway import counting
from grip.gateway.call import Call, Candidate, Plan
from grip.gateway.upstream import Upstream
from grip.money.pricing import Rates
from grip.providers.port import Answer, ChannelFault, Report, RequestRefused

ESTIMATE = b'{"input_tokens":100}'


class _Channels:
    """Channels by their names, and what each does when it is asked."""

    def __init__(self, **does: Any) -> None:
        self.asked: list[str] = []
        self._does = does

    async def attempt(self, _call: Call, candidate: Candidate) -> Answer:
        self.asked.append(candidate.channel.name)
        does = self._does[candidate.channel.name]
        if isinstance(does, Exception):
            raise does
        if isinstance(does, asyncio.Event):
            await does.wait()
        return Answer(body=does, report=Report(), text="", upstream_id=None)


@pytest.fixture
def planned(plan, model, channel):
    """Make the plan of a call that these channels may serve, one by another model of its offers."""

    def make(*names: str, instead: str | None = None) -> Plan:
        made: Plan = plan(model("gpt"), model("other"))
        candidates = tuple(
            Candidate(
                channel=channel(name),
                offer=made.offers[name == instead],
                upstream_model="m",
                buy=Rates(),
            )
            for name in names
        )
        return Plan(
            caller=made.caller, offers=made.offers, candidates=candidates, catalog_version=1
        )

    return make


async def _count(call: Call, plan: Plan, channels: _Channels) -> bytes:
    return await counting.count(call, plan, cast("Upstream", channels))


async def test_the_first_channel_that_counts_answers(call, planned):
    """Those behind it are not asked."""
    channels = _Channels(a=ChannelFault("status_404"), b=b"17", c=b"18")

    assert await _count(call(), planned("a", "b", "c"), channels) == b"17"
    assert channels.asked == ["a", "b"]


async def test_where_no_channel_counts_grip_estimates(call, planned):
    """As where there is none."""
    assert await _count(call(), planned("a"), _Channels(a=ChannelFault("x"))) == ESTIMATE
    assert await _count(call(), planned(), _Channels()) == ESTIMATE


async def test_another_model_is_not_asked(call, planned):
    """Its tokens are others."""
    channels = _Channels(a=b"17")

    assert await _count(call(), planned("a", instead="a"), channels) == ESTIMATE
    assert channels.asked == []


async def test_a_channel_that_stalls_is_not_waited_for(call, planned, monkeypatch):
    """An estimate is as good then."""
    monkeypatch.setattr(counting, "_PATIENCE_S", 0)
    channels = _Channels(a=asyncio.Event())

    assert await _count(call(), planned("a"), channels) == ESTIMATE


async def test_what_is_wrong_with_the_request_is_told(call, planned):
    """No other channel would like it better."""
    channels = _Channels(a=RequestRefused(400, {"message": "odd"}), b=b"17")
    with pytest.raises(RequestRefused):
        await _count(call(), planned("a", "b"), channels)

    assert channels.asked == ["a"]
