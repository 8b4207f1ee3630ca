"""Channels that fail, stall and recover under a rush of calls, on real books, on each engine."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from grip import app as composition
from grip.app import App
from grip.gateway.call import Call
from grip.providers.json_object import JsonObject
from grip.providers.port import UpstreamRequest
from grip.services import channels
from grip.settings import load
from grip.transport.port import Reply, Timeouts, TransportFault
from grip.web.surfaces import chat
from tests.books.conftest import Customer, House
from tests.conftest import FakeClock

PACE_S = 0.01
AT_A_TIME = 12
ANSWER = msgspec.json.encode(
    {
        "id": "chatcmpl-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
    }
)


class Vendors:
    """A `Transport` to three vendors: one fails at times, one stalls, one is sound."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.are_well = False
        self._chance = random.Random(7)  # noqa: S311 - the same chances each time

    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> Reply:
        name = request.url.partition("//")[2].partition(".")[0]
        self.calls[name] += 1
        status = 200 if self.are_well else self._status(name)
        if status == 200:
            return Reply(status=200, headers={"content-type": "application/json"}, body=ANSWER)
        self.failures[name] += 1
        return Reply(status=status, headers={}, body=b"")

    def open(self, request: UpstreamRequest, timeouts: Timeouts) -> Any:
        raise NotImplementedError

    async def close(self) -> None: ...

    def _status(self, name: str) -> int:
        if name == "stalling":
            self.failures[name] += 1
            raise TransportFault("timeout", "no answer")
        return 500 if name == "failing" and self._chance.random() < 0.3 else 200


class Rush:
    """Calls in dozens, a hundred a second by the gateway's clock."""

    def __init__(self, app: App, vendors: Vendors, clock: FakeClock, ana: Customer) -> None:
        self.app = app
        self.vendors = vendors
        self._clock = clock
        self._ana = ana
        self._number = 0

    async def call(self, times: int) -> Counter[str]:
        """Make so many calls, all of which must be answered; return who was asked how often."""
        before = Counter(self.vendors.calls)
        while times > 0:
            calls = [self._call() for _ in range(min(times, AT_A_TIME))]
            await asyncio.gather(*calls)
            self.pass_s(PACE_S * len(calls))
            await self.app.health.run()
            times -= len(calls)
        return self.vendors.calls - before

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self._clock.advance(seconds)

    async def _call(self) -> None:
        self._number += 1
        done = await self.app.pipeline.complete(self._asked())
        assert done.body == ANSWER

    def _asked(self) -> Call:
        body = {"model": "gpt", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
        return chat.parse(
            JsonObject(msgspec.json.encode(body)),
            request_id=f"req_{self._number}",
            key_hash=self._ana.hash,
            ip="192.0.2.1",
        )


@pytest.fixture
async def rush(house: House, database_url: str, clock: FakeClock) -> AsyncIterator[Rush]:
    """A gateway with three channels of one rank for one model, and a customer."""
    await channels.remove(house.context, "sandbox", actor="test")
    for name in ("failing", "stalling", "sound"):
        url = f"http://{name}.example/v1"
        draft = channels.Draft(name=name, kind="openai", base_url=url)
        await channels.add(house.context, draft, actor="test")
    ana = await house.customer()
    await house.run("UPDATE wallet SET tier = 'enterprise'")
    app = composition.build(load(environ={"GRIP_DATABASE_URL": database_url}), clock=clock)
    vendors = Vendors()
    upstream: Any = app.pipeline._upstream
    upstream._transport = vendors
    await app.start()
    yield Rush(app, vendors, clock, ana)
    await app.drain()
    await app.stop()


async def test_no_client_sees_that_channels_are_sick_and_they_are_left_alone(
    rush: Rush, house: House
):
    """Two thousand calls, each charged once; the sick are asked to see whether they are well."""
    await rush.call(2_000)
    failures = rush.vendors.failures

    assert rush.vendors.calls.total() == 2_000 + failures.total()
    assert 3 <= failures["stalling"] < 30
    assert 5 <= failures["failing"] < 60
    assert len(await house.rows("usage")) == 2_000
    assert await house.rows("holds") == []
    await house.verify()


async def test_the_sick_are_left_alone_within_seconds_and_taken_back_when_they_are_well(
    rush: Rush, house: House
):
    """Known to all, with the reason; when all are well again, they share the calls."""
    await rush.call(200)
    sick = [
        ailment for found in (await channels.ailments(house.context)).values() for ailment in found
    ]
    asked = await rush.call(200)
    rush.vendors.are_well = True
    rush.pass_s(301)
    await rush.call(60)
    shared = await rush.call(240)

    assert {ailment.reason for ailment in sick} >= {"timeout"}
    assert asked["stalling"] < 3
    assert await channels.ailments(house.context) == {}
    assert all(count > 40 for count in shared.values())
    assert len(shared) == 3


async def test_where_all_are_sick_the_least_sick_is_asked_all_the_same(rush: Rush, house: House):
    """Whoever has rested most."""
    for name in ("failing", "sound"):
        await channels.disable(house.context, name, actor="test")
    rush.vendors.are_well = False
    for _ in range(3):
        with pytest.raises(Exception, match="no channel completed"):
            await rush.call(1)
    rush.vendors.are_well = True

    assert (await rush.call(5))["stalling"] == 5
    await house.verify()


async def test_whoever_changes_a_channel_has_it_tried_at_once(rush: Rush, house: House):
    """A new secret may be what was wrong."""
    await rush.call(100)
    assert await channels.ailments(house.context) != {}
    rush.vendors.are_well = True
    for name in ("failing", "stalling"):
        await channels.change(house.context, name, {"weight": 2}, actor="test")
    await rush.app.health.run()
    asked = await rush.call(60)

    assert await channels.ailments(house.context) == {}
    assert len(asked) == 3
