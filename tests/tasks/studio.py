"""A house that sells media over an upstream on loopback, and workers that a test drives itself.

Time stands still until a test moves it: `turn` moves it past whatever is due, and does the step.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from grip import settings as configuration
from grip.gateway.answers import Answers
from grip.gateway.health import Health
from grip.money.amounts import NANO
from grip.money.pricing import Rates
from grip.providers.port import UpstreamRequest
from grip.services import channels, models
from grip.store.books import HotBooks
from grip.store.results import Result
from grip.store.tasks import Task
from grip.tasks.creation import Created
from grip.tasks.desk import Wish
from grip.tasks.patience import PATIENCE, Patience
from grip.tasks.room import TaskRoom
from grip.transport.guarded import GuardedClient
from grip.transport.network import Network
from grip.transport.port import Reply, Timeouts
from tests.books.conftest import UNLIMITED, Customer, House
from tests.conftest import FakeClock
from tests.task_upstream import TaskUpstream

PUBLIC = "https://grip.example.com"
EACH = 40
RATES: Mapping[str, Rates] = {
    "image": Rates(image_nano=EACH * NANO),
    "video": Rates(second_nano=EACH * NANO),
    "audio": Rates(character_nano=EACH * NANO),
}
INPUTS: Mapping[str, dict[str, Any]] = {
    "image": {"prompt": "A cat"},
    "video": {"prompt": "A cat", "seconds": 2},
    "audio": {"input": "A cat"},
}


class Meddled(Network):
    """The network, but for what a test answers itself; it counts what asks for jobs."""

    def __init__(self) -> None:
        super().__init__()
        self.meddle: Callable[[UpstreamRequest], Reply | None] = lambda _: None
        self.looks = 0

    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> Reply:
        """Return the test's answer where it has one, else the network's."""
        self.looks += request.method == "GET"
        found = self.meddle(request)
        return await super().send(request, timeouts) if found is None else found

    def say(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        """Answer this to every look from now on."""
        answer = Reply(status=status, headers={"content-type": content_type}, body=body)
        self.meddle = lambda request: answer if request.method == "GET" else None


class Studio:
    """Customers, models that do as their names say, and any number of workers."""

    def __init__(
        self, house: House, books: HotBooks, clock: FakeClock, upstream: TaskUpstream, folder: Path
    ) -> None:
        self.house = house
        self.books = books
        self.clock = clock
        self.upstream = upstream
        self.network = Meddled()
        self._strangers = GuardedClient()
        found = configuration.load(environ={})
        results = dataclasses.replace(found.results, directory=str(folder))
        self._settings = dataclasses.replace(found, results=results)
        self._models = 0
        self.room = self.open("one")

    def open(self, owner: str, public_url: str = PUBLIC, patience: Patience = PATIENCE) -> TaskRoom:
        """Open the room of another worker, which strangers reach there."""
        server = dataclasses.replace(self._settings.server, public_url=public_url)
        return TaskRoom(
            dataclasses.replace(self._settings, server=server),
            self.house.database,
            books=self.books,
            transport=self.network,
            client=self._strangers,
            health=Health(self.clock),
            answers=Answers(self.house.database, self.clock),
            clock=self.clock,
            new_id=self.house.context.new_id,
            tiers=UNLIMITED,
            tier_groups={},
            owner=owner,
            host="gateway.test",
            patience=patience,
        )

    async def close(self) -> None:
        """Leave no connection open."""
        await self.network.close()
        await self._strangers.close()

    async def sell(
        self,
        *does: str,
        kind: str = "image",
        urls: tuple[str, ...] = (),
        sell: Rates | None = None,
        buy: Rates | None = None,
    ) -> str:
        """Offer a model over channels that behave so, in that order; return its name."""
        self._models += 1
        name = f"model-{self._models}"
        for index, behaviour in enumerate(does):
            draft = channels.Draft(
                name=f"{name}-{index}",
                kind="sandbox",
                groups=[name],
                model_map={name: f"sandbox?{behaviour}"},
                priority=len(does) - index,
            )
            await channels.add(self.house.context, draft, actor="test")
            # No operator may do this: a sandbox calls nobody.
            url = urls[index] if index < len(urls) else self.upstream.url
            await self.house.run(
                f"UPDATE channel SET base_url = '{url}' WHERE name = '{draft.name}'"  # noqa: S608
            )
        good = models.Draft(
            name=name, type=kind, sell=sell or RATES[kind], buy=buy or Rates(), groups=[name]
        )
        await models.add(self.house.context, good, actor="test")
        return name

    async def begin(self, customer: Customer, model: str, kind: str = "image", **wish: Any) -> Task:
        """Begin a task, and move to where it is due."""
        asked = Wish(
            key_hash=customer.hash,
            ip="192.0.2.1",
            endpoint="/tasks",
            model=model,
            input=wish.pop("input", INPUTS[kind]),
            **wish,
        )
        created = await self.room.desk.create(asked, lambda task: task.id.encode())
        assert isinstance(created, Created)
        # PostgreSQL has a clock of its own.
        self.clock.now_us = max(self.clock.now_us, created.task.created_us)
        return created.task

    async def turn(self, room: TaskRoom | None = None, after_s: float = 0) -> int:
        """Do the steps that are due after so long; return how many."""
        self.clock.advance(after_s)
        worker = (room or self.room).worker
        begun = await worker.run()
        await worker.settle()
        return begun

    async def until(self, task: Task, phase: str, *, every_s: float = 2, turns: int = 40) -> Task:
        """Do what is due until the task is in a phase; fail where it never is."""
        found = await self.find(task)
        for _ in range(turns):
            if found.phase == phase:
                return found
            await self.turn(after_s=every_s)
            found = await self.find(task)
        raise AssertionError(f"{found.phase} ({found.fault}), never {phase}")

    async def find(self, task: Task) -> Task:
        """Return a task as it stands."""
        found, _ = await self.room.desk.find(task.id)
        return found

    async def results(self, task: Task) -> list[Result]:
        """Return what a task made."""
        _, made = await self.room.desk.find(task.id)
        return made

    async def assert_refunded(self, customer: Customer, task: Task, code: str) -> None:
        """The task has failed by this code, and all is given back to the last credit."""
        found = await self.find(task)
        assert (found.status, found.error_code, found.credits) == ("failed", code, 0)
        assert found.error_message
        wallet = await self.house.wallet(customer.wallet_id)
        assert (wallet.balance, wallet.held, wallet.carry_nano) == (1_000, 0, 0)
        assert await self.house.rows("usage", wallet_id=customer.wallet_id) == []
