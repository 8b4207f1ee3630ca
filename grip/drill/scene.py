"""What happens to a running gateway: clients call, blows strike, then it is quiet again.

Owns the time of a drill: seconds since its first call, on the clock of the loop.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp

from grip.drill import reading
from grip.drill.blows import Blows
from grip.drill.client import Client
from grip.drill.crowd import Crowd
from grip.drill.engines import Engine
from grip.drill.errors import reason
from grip.drill.notes import Attempt, Gift, Incident
from grip.drill.plan import plan
from grip.drill.server import Server
from grip.drill.shop import Shop
from grip.drill.watch import Watcher
from grip.services.context import Context

HELD_MOST_S: Final = 60
"""How long anything may be held after the last call (contract, money rule 4)."""

_TICK_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What was noted outside the gateway."""

    attempts: tuple[Attempt, ...]
    incidents: tuple[Incident, ...]
    gifts: tuple[Gift, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A gateway, its database and its operator, and whoever watches."""

    engine: Engine
    gateway: Server
    context: Context
    shop: Shop
    watcher: Watcher

    async def play(self, seed: int, seconds: float) -> Notes:
        """Trouble the gateway for so long, then wait until it has nothing left to do.

        A gateway that ends by itself ends the scene. Raises GripError where a blow cannot be
        carried out.
        """
        now = _clock()
        async with _session() as session:
            client = Client(self.gateway.url, session, now)
            crowd = Crowd(client, self.shop, seed)
            blows = Blows(
                server=self.gateway,
                engine=self.engine,
                crowd=crowd,
                context=self.context,
                shop=self.shop,
                now=now,
            )
            try:
                await self._trouble(crowd, blows, seed, seconds, now)
            except BaseExceptionGroup as group:
                raise reason(group) from group
            if self.gateway.status is None:
                await self._calm_down(crowd)
        return Notes(
            attempts=tuple(client.attempts),
            incidents=tuple(blows.incidents),
            gifts=tuple(blows.gifts),
        )

    async def _trouble(
        self, crowd: Crowd, blows: Blows, seed: int, seconds: float, now: Callable[[], float]
    ) -> None:
        planned = plan(seed, seconds, list(self.engine.troubles))
        self._phase("breaking things", seconds)
        async with asyncio.TaskGroup() as group:
            group.create_task(crowd.live())
            striking = group.create_task(blows.strike(planned))
            while now() < seconds and self.gateway.status is None:
                self.watcher.at(now())
                await asyncio.sleep(_TICK_S)
            crowd.stop()
            if self.gateway.status is not None:
                striking.cancel()

    async def _calm_down(self, crowd: Crowd) -> None:
        """Wait for what is still held, ask for every duplicate again, and wait once more."""
        await self._wait()
        self._phase("asking for duplicates again", len(crowd.askable))
        counted = itertools.count(1)
        await crowd.ask_again(lambda: self.watcher.at(next(counted)))
        await self._wait()

    async def _wait(self) -> None:
        self._phase("waiting until nothing is held", HELD_MOST_S)
        await reading.wait_until_nothing_is_held(self.context, HELD_MOST_S, self.watcher.at)

    def _phase(self, what: str, total: float) -> None:
        self.watcher.phase(f"{self.engine.name}: {what}", total)


def _clock() -> Callable[[], float]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    return lambda: loop.time() - began


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session without limits of its own: patience is the clients'."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session
