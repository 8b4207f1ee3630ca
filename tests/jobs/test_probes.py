"""Probes of sick channels: who is asked, by whom, how often, and what becomes of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from grip import app as composition
from grip.app import App
from grip.gateway import prober
from grip.gateway.health import Health
from grip.money.pricing import Rates
from grip.providers.port import UpstreamRequest
from grip.services import channels, models
from grip.settings import load
from grip.store.health import Ailment
from grip.transport.port import Reply, Timeouts, TransportFault
from tests.books.conftest import House
from tests.conftest import FakeClock

EVERY_S = 20
ANSWER = msgspec.json.encode(
    {"id": "1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "OK"}}]}
)


class Vendor:
    """A `Transport` to channels that answer with the status they are told, or never."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.status: int | None = 200
        self.was_asked = asyncio.Event()

    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> Reply:
        self.bodies.append(msgspec.json.decode(request.body))
        self.was_asked.set()
        if self.status is None:
            await asyncio.Event().wait()
        if self.status == 200:
            return Reply(status=200, headers={"content-type": "application/json"}, body=ANSWER)
        return Reply(status=self.status or 0, headers={}, body=b'{"error": {"message": "no"}}')

    def open(self, request: UpstreamRequest, timeouts: Timeouts) -> Any:
        raise TransportFault("connect", "nothing streams here")

    async def close(self) -> None: ...


class Worker:
    """One process: its app, and what it asked."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.vendor = Vendor()
        upstream: Any = app.pipeline._upstream
        upstream._transport = self.vendor
        assert app.prober is not None
        self.prober = app.prober
        self.health: Health = self.prober._health

    async def probe(self) -> int:
        """Look once, and share what was found out; return how many requests that took."""
        await self.app.health.run()
        before = len(self.vendor.bodies)
        await self.prober.run()
        await self.app.health.run()
        return len(self.vendor.bodies) - before


@pytest.fixture
async def start(
    house: House, database_url: str, clock: FakeClock
) -> AsyncIterator[Callable[[], Any]]:
    """Starts workers on a house whose one channel serves `gpt` as `gpt-x`."""
    await channels.remove(house.context, "sandbox", actor="test")
    draft = channels.Draft(
        name="one", kind="openai", base_url="http://one.example/v1", model_map={"gpt": "gpt-x"}
    )
    await channels.add(house.context, draft, actor="test")
    environ = {
        "GRIP_DATABASE_URL": database_url,
        "GRIP_HEALTH_PROBE_EVERY_S": str(EVERY_S),
    }
    started: list[App] = []

    async def start() -> Worker:
        started.append(composition.build(load(environ=environ), clock=clock))
        await started[-1].start()
        return Worker(started[-1])

    yield start
    for app in started:
        await app.stop()


async def sicken(worker: Worker, house: House, model: str = "gpt-x") -> None:
    """Make the channel sick with a model, as failures do, and let the others know."""
    channel = await channels.get(house.context, "one")
    now_us = house.clock()
    ailment = Ailment(
        channel_id=channel.id,
        model=model,
        is_sick=True,
        reason="status_503",
        since_us=now_us,
        until_us=now_us + 5_000_000,
        level=0,
        changed_us=now_us,
    )
    worker.health.learn([ailment])
    worker.health.changed[channel.id, model] = ailment
    await worker.app.health.run()


async def ailing(house: House) -> list[str]:
    """Return the models that the channel is sick with."""
    channel = await channels.get(house.context, "one")
    found = (await channels.ailments(house.context)).get(channel.id, [])
    return [ailment.model for ailment in found]


async def test_a_channel_that_answers_again_is_taken_back_without_a_customer(start, house, clock):
    """After as many answers as customers would have to get, each of a few tokens."""
    worker = await start()
    await sicken(worker, house)
    clock.advance(5)

    assert await worker.probe() == 3
    assert await ailing(house) == []
    assert {body["model"] for body in worker.vendor.bodies} == {"gpt-x"}
    assert all(body["max_tokens"] <= 16 for body in worker.vendor.bodies)
    for table in ("usage", "holds", "ledger_transfer"):
        assert await house.rows(table) == []


async def test_who_is_well_or_rests_is_not_asked(start, house, clock):
    """A probe costs the operator money."""
    worker = await start()
    assert await worker.probe() == 0
    await sicken(worker, house)
    clock.advance(4)

    assert await worker.probe() == 0


async def test_one_worker_of_all_asks(start, house, clock):
    """Whoever claims it first; if nothing is heard of it, another one does so later."""
    first, second = await start(), await start()
    await sicken(first, house)
    await second.app.health.run()
    clock.advance(5)
    first.vendor.status = None
    lost = asyncio.create_task(first.prober.run())
    await first.vendor.was_asked.wait()

    assert await second.probe() == 0
    lost.cancel()
    clock.advance(60)
    assert await second.probe() == 3
    assert await ailing(house) == []


async def test_of_all_that_look_at_once_one_asks(start, house, clock):
    """The row in the database decides."""
    workers = [await start() for _ in range(3)]
    await sicken(workers[0], house)
    for worker in workers:
        await worker.app.health.run()
    clock.advance(5)
    await asyncio.gather(*(worker.prober.run() for worker in workers))

    assert sorted(len(worker.vendor.bodies) for worker in workers) == [0, 0, 3]


async def test_one_that_fails_again_rests_longer(start, house, clock):
    """One request found that out; the next is made after its rest, which doubles."""
    worker = await start()
    await sicken(worker, house)
    clock.advance(5)
    worker.vendor.status = 503

    assert await worker.probe() == 1
    clock.advance(9)
    assert await worker.probe() == 0
    clock.advance(1)
    assert await worker.probe() == 1
    assert await ailing(house) == ["gpt-x"]


async def test_one_that_answers_nothing_has_failed(start, house, clock, monkeypatch):
    """Within the time of a turn, whatever the timeouts of the channel are."""
    monkeypatch.setattr(prober, "_TURN_S", 0)
    worker = await start()
    await sicken(worker, house)
    clock.advance(5)
    worker.vendor.status = None
    await worker.probe()
    (ailments,) = (await channels.ailments(house.context)).values()

    assert [ailment.reason for ailment in ailments] == ["timeout"]
    assert ailments[0].until_us == clock() + 10_000_000


async def test_a_refusal_of_the_question_is_an_answer(start, house, clock):
    """As it is for customers' calls."""
    worker = await start()
    await sicken(worker, house)
    clock.advance(5)
    worker.vendor.status = 400

    assert await worker.probe() == 3
    assert await ailing(house) == []


@pytest.mark.parametrize("model", ["gone", "paint"])
async def test_what_cannot_be_asked_for_a_few_tokens_is_left_to_customers(
    start, house, clock, model
):
    """A model that is not for sale any more, and one of pictures."""
    draft = models.Draft(name="paint", type="image", sell=Rates(image_nano=1))
    await models.add(house.context, draft, actor="test")
    worker = await start()
    await sicken(worker, house, model)
    clock.advance(5)

    assert await worker.probe() == 0
    assert await ailing(house) == [model]


async def test_a_channel_that_is_off_is_not_asked(start, house, clock):
    """Whoever disabled it wants no request to go there."""
    worker = await start()
    await channels.disable(house.context, "one", actor="test")
    await sicken(worker, house)
    clock.advance(5)

    assert await worker.probe() == 0


async def test_of_many_a_few_are_asked_in_one_turn(start, house, clock, monkeypatch):
    """The others have the next one."""
    monkeypatch.setattr(prober, "_AT_ONCE", 2)
    worker = await start()
    for number in range(3):
        draft = models.Draft(
            name=f"m{number}", type="chat", sell=Rates(input_nano=1, output_nano=1)
        )
        await models.add(house.context, draft, actor="test")
        await sicken(worker, house, f"m{number}")
    clock.advance(5)

    assert [await worker.probe() for _ in range(3)] == [6, 3, 0]


def test_nobody_is_asked_unless_the_operator_wants_it(database_url):
    """They pay for it."""
    assert composition.build(load(environ={"GRIP_DATABASE_URL": database_url})).prober is None
