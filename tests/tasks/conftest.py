"""A shop with an image model, and tasks that begin and end in its books."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from grip import failpoints
from grip.clock import system_clock
from grip.metrics import Counts
from grip.money.amounts import NANO
from grip.money.pricing import UNITS, Rates, Usage
from grip.services import models
from grip.store import tasks
from grip.store.books import HotBooks
from grip.store.engine import Connection, Database
from grip.store.results import Result
from grip.store.tasks import Task
from grip.tasks.creation import Created, Creator, Order
from grip.tasks.ending import Endings, Verdict
from tests.books.conftest import UNLIMITED, Customer, House
from tests.conftest import FakeClock
from tests.task_upstream import task_upstream
from tests.tasks.hook_stage import Stage
from tests.tasks.studio import Studio
from tests.tasks.vendors import Fal, Replicate

EACH_NANO = 40 * NANO + 7
FAILED = Verdict(code="upstream_failed", message="the upstream failed")


class Shop:
    """A house that sells pictures as tasks."""

    def __init__(self, house: House, books: HotBooks) -> None:
        self.house = house
        self.told: list[str] = []
        self.counts = Counts()
        self.creator = Creator(
            database=house.database,
            books=books,
            clock=house.clock,
            new_id=house.context.new_id,
            tiers=UNLIMITED,
            tier_groups={},
            kinds=lambda _: ("sandbox",),
            region="",
        )
        self.endings = Endings(
            house.database,
            clock=house.clock,
            new_id=house.context.new_id,
            region="eu",
            outbox=self._tell,
            counts=self.counts,
        )

    async def prepare(self) -> None:
        draft = models.Draft(name="draw", type="image", sell=Rates(image_nano=EACH_NANO))
        await models.add(self.house.context, draft, actor="test")

    async def begin(self, customer: Customer, images: int = 1, **order: Any) -> Created:
        asked = Order(
            key_hash=customer.hash,
            ip="192.0.2.1",
            endpoint="/tasks",
            model="draw",
            type="image",
            input={"prompt": "A cat", "n": images},
            most=Usage(images=images),
            deadline_us=600_000_000,
            units=UNITS["image"],
            **order,
        )
        return await self.creator.create(asked, lambda task: task.id.encode())

    async def held(self, task: Task, phase: str = "fetching") -> Task:
        """Claim a task as a worker does, and bring it to where it may end."""
        async with self.house.database.write() as connection:
            locked = await tasks.lock(connection, task.id)
            assert locked is not None
            taken = await tasks.take(connection, locked, "worker", 1 << 60)
            assert await tasks.change(connection, taken, [taken.phase], {"phase": phase})
        return taken

    async def find(self, task: Task) -> Task:
        async with self.house.database.read() as connection:
            found = await tasks.find(connection, task.id)
        assert found is not None
        return found

    async def _tell(self, connection: Connection, task: Task, made: tuple[Result, ...]) -> None:
        assert connection.in_transaction()
        assert isinstance(made, tuple)
        self.told.append(f"{task.id}:{task.status}")


@pytest.fixture
def clock() -> FakeClock:
    """A clock at the database's own time."""
    return FakeClock(system_clock())


@pytest.fixture
async def shop(database: Database, clock: FakeClock) -> AsyncIterator[Shop]:
    """A shop on each engine in turn; at its end the books must add up."""
    house = House(database, clock)
    await house.prepare()
    shop = Shop(house, await house.open())
    await shop.prepare()
    yield shop
    await house.verify()
    await house.close()


@pytest.fixture
async def studio(database: Database, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Studio]:
    """A studio on each engine in turn; at its end the books must add up."""
    house = House(database, clock)
    await house.prepare()
    with task_upstream() as upstream:
        studio = Studio(house, await house.open(), clock, upstream, tmp_path / "results")
        yield studio
        await studio.close()
    await house.verify()
    await house.close()


@pytest.fixture
async def stage(request: pytest.FixtureRequest, studio: Studio) -> AsyncIterator[Stage]:
    """A stage on each engine in turn, each with a vendor unless the test names it."""
    usual = Fal if studio.house.database.is_sqlite else Replicate
    stage = Stage(studio, getattr(request, "param", usual)(studio.clock))
    await stage.prepare()
    yield stage
    failpoints.disarm()
