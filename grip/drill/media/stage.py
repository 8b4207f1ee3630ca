"""What the tasks of a drill begin on: a desk on the scratch database, customers, and models.

Refuses to do any task: workers do.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from grip import app, errors
from grip.app import App
from grip.drill import shop
from grip.drill.media import wares
from grip.drill.media.upstream import HEARD
from grip.drill.media.wares import WARES, Ware
from grip.drill.shop import ACTOR, Purse
from grip.ids import key_hash
from grip.services import channels, models
from grip.services.context import Context
from grip.store import catalog
from grip.store import channels as channel_rows
from grip.store.tasks import Task
from grip.tasks.creation import Created
from grip.tasks.desk import Desk, Wish
from grip.tasks.patience import Patience

_PURSES: Final = 3
_NOBODY: Final = "http://127.0.0.1:9"
"""Where nobody listens."""

_CALLS_BACK_EVERY: Final = 3
_AT_ONCE: Final = 8
_AGAIN_S: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A task that was begun; `mark` is what its upstream knows it by."""

    number: int
    id: str
    mark: str
    ware: Ware
    wallet_id: str
    calls_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """A desk, and who comes to it."""

    desk: Desk
    purses: list[Purse]


class Stage:
    """Begins tasks; `begun` are those that were, in their order."""

    def __init__(self, front: Front, url: str, seed: int) -> None:
        self.begun: list[Begun] = []
        self._desk = front.desk
        self._purses = front.purses
        self._url = url
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._random = random.Random(f"{seed}/wares")  # noqa: S311 - no secret

    async def begin(self, count: int, over_s: float) -> None:
        """Begin so many tasks, spread over a time, of every ware alike."""
        goods = list(itertools.islice(itertools.cycle(WARES), count))
        self._random.shuffle(goods)
        async with asyncio.TaskGroup() as group:
            for number, ware in enumerate(goods):
                group.create_task(self._begin(number, ware))
                await asyncio.sleep(over_s / count)

    async def _begin(self, number: int, ware: Ware) -> None:
        purse = self._purses[number % len(self._purses)]
        calls_back = number % _CALLS_BACK_EVERY == 0
        wish = Wish(
            key_hash=key_hash(purse.secret),
            ip="192.0.2.1",
            endpoint="/tasks",
            model=_name(ware),
            input=ware.wish,
            callback_url=self._url + HEARD if calls_back else None,
            idem_key=f"drill-{number}",
            fingerprint="drill",
        )
        async with self._limit:
            task_id, mark = await self._insist(wish)
        begun = Begun(
            number=number,
            id=task_id,
            mark=mark,
            ware=ware,
            wallet_id=purse.wallet_id,
            calls_back=calls_back,
        )
        self.begun.append(begun)
        if ware.is_stopped:
            await self._stop(begun)

    async def _insist(self, wish: Wish) -> tuple[str, str]:
        """Begin a task, asking again where the database is away; return its id and its mark."""
        while True:
            try:
                created = await self._desk.create(wish, _shown)
            except errors.DatabaseUnavailable:
                await asyncio.sleep(_AGAIN_S)
                continue
            said = _shown(created.task) if isinstance(created, Created) else created.body
            task_id, mark = said.decode().split()
            return task_id, mark

    async def _stop(self, begun: Begun) -> None:
        """Cancel a task as its customer does: again, as long as it is being handed over."""
        while True:
            await asyncio.sleep(_AGAIN_S)
            try:
                await self._desk.cancel(begun.id)
            except (errors.Conflict, errors.DatabaseUnavailable):
                continue
            return


async def furnish(
    context: Context, url: str, patience: Patience
) -> AbstractAsyncContextManager[Front]:
    """Make customers and models, whose upstream is at `url`; return the desk to be opened."""
    purses = [await shop.customer(context, f"media{number}") for number in range(_PURSES)]
    for ware in WARES:
        await _sell(context, ware, url)
    return _opened(app.build(context.settings, patience=patience), purses)


@asynccontextmanager
async def _opened(gateway: App, purses: list[Purse]) -> AsyncIterator[Front]:
    await gateway.books.start()
    try:
        yield Front(desk=gateway.tasks.desk, purses=purses)
    finally:
        await gateway.books.stop()
        gateway.beside.close()
        await gateway.transport.close()
        await gateway.strangers.close()
        await gateway.tasks.store.close()
        await gateway.context.database.close()


async def _sell(context: Context, ware: Ware, url: str) -> None:
    name = _name(ware)
    for index, does in enumerate(ware.does):
        draft = channels.Draft(
            name=f"{name}-{index}",
            kind="sandbox",
            groups=[name],
            model_map={name: does or "drill"},
            priority=len(ware.does) - index,
        )
        added = await channels.add(context, draft, actor=ACTOR)
        # No command does this: the sandbox of a gateway calls nobody.
        led = replace(added, base_url=_NOBODY if does == wares.NOWHERE else url)
        async with context.database.write() as connection:
            await catalog.bump(connection)
            await channel_rows.update(connection, led)
    model = models.Draft(name=name, type=ware.kind, groups=[name], sell=wares.RATES[ware.kind])
    await models.add(context, model, actor=ACTOR)


def _shown(task: Task) -> bytes:
    return f"{task.id} {task.correlation_id}".encode()


def _name(ware: Ware) -> str:
    return f"ware-{WARES.index(ware)}"
