"""The order of a drill of tasks: a stage, workers that are killed, quiet, and the evidence."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grip.drill import kinds, shop
from grip.drill.engines import Engine
from grip.drill.errors import reason
from grip.drill.media import reading
from grip.drill.media.crew import Crew
from grip.drill.media.evidence import Evidence
from grip.drill.media.stage import Stage, furnish
from grip.drill.media.upstream import Upstream, upstream
from grip.drill.plan import kills
from grip.drill.shop import RICH
from grip.drill.surroundings import CONFIG, environ
from grip.drill.watch import Watcher
from grip.services import ledger
from grip.services.context import Context
from grip.tasks.patience import Patience

_NAP_OVER_S: Final = 1
"""How much longer than a lease a worker is put to sleep."""

_FOUND_WITHIN_S: Final = 4
"""How long a submission is looked for once its worker, which slept just before it, has sent it."""


def _patience_of(lease_s: int) -> Patience:
    """Return what the workers have of it: as much as those that serve customers would take hours.

    No lost submission is given up while a worker may be asleep that sends it when it wakes.
    """
    found_s = lease_s + _NAP_OVER_S + _FOUND_WITHIN_S
    lifetimes_s = {"image": 600, "audio": found_s + 2, "video": 3600}
    return Patience(lease_s=lease_s, ambiguous_s=found_s, lifetimes_s=lifetimes_s)


_PATIENCE: Final = _patience_of(5)
_HURRY: Final = _patience_of(2)
_HURRIED_S: Final = 10
"""Whoever drills for less than this has less patience still."""

ENDED_MOST_S: Final = 600
"""How long it may take until all tasks are over, once nobody is killed any more."""

_BEGIN_OVER: Final = 0.8
"""In which part of the time tasks are begun, so that some are young when the last worker dies."""

_NAP_EVERY: Final = 3
"""Every so many blows do not kill: they put to sleep."""

_LOOK_EVERY_S: Final = 0.5
_RESULTS: Final = "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """How many tasks, for how long their workers are killed, and how many of these there are.

    It happens in `folder`, on the scratch database of `engine`.
    """

    tasks: int
    seconds: float
    workers: int
    seed: int
    operators: Mapping[str, str]
    folder: Path
    engine: Engine
    watcher: Watcher

    async def play(self) -> Evidence:
        """Carry it out; raises DrillImpossible where it cannot be."""
        self._phase("opening a gateway", 1)
        async with upstream(self.seed) as asked:
            config = self.folder / "grip.toml"
            config.write_text(_config(self.folder, asked.url))
            own = {"GRIP_DATABASE_URL": self.engine.url}
            async with shop.office(config, own) as context:
                opened = await furnish(context, asked.url, self._patience)
                async with opened as desk, self._crew() as crew:
                    stage = Stage(desk, asked.url, self.seed)
                    return await self._play(asked, context, stage, crew)

    @property
    def _patience(self) -> Patience:
        return _HURRY if self.seconds < _HURRIED_S else _PATIENCE

    @asynccontextmanager
    async def _crew(self) -> AsyncIterator[Crew]:
        surroundings = environ(self.operators, self.engine.url)
        crew = Crew(self.folder, surroundings, self._patience, self.workers)
        try:
            await crew.start()
            yield crew
        finally:
            await crew.end()

    async def _play(self, asked: Upstream, context: Context, stage: Stage, crew: Crew) -> Evidence:
        watch = reading.Watch(context)
        self._phase("killing workers", self.seconds)
        struck = await self._trouble(stage, crew, watch)
        self._phase("waiting until all tasks are over", self.tasks)
        await self._wait(watch)
        statuses = await crew.stop()
        self._phase("checking the books", ledger.CHECKS)
        checked = itertools.count(1)
        books = await reading.read(context, lambda: self.watcher.at(next(checked)))
        await watch.look()
        return Evidence(
            begun=tuple(stage.begun),
            posts=tuple(asked.posts),
            heard=asked.heard,
            given=RICH,
            books=books,
            files=await reading.files(self.folder / _RESULTS, context.clock()),
            changed=frozenset(watch.changed),
            errors=tuple(reading.errors_in(crew.logs)),
            statuses=tuple(statuses),
            kills=struck[kinds.KILLED],
            naps=struck[kinds.SLEPT],
        )

    async def _trouble(self, stage: Stage, crew: Crew, watch: reading.Watch) -> Counter[str]:
        """Begin tasks and strike workers; return how often, by the kind of blow."""
        struck: Counter[str] = Counter()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(stage.begin(self.tasks, self.seconds * _BEGIN_OVER))
                async for number, victims in self._blows(crew, watch):
                    for pid in victims:
                        if number % _NAP_EVERY:
                            struck[kinds.KILLED] += await crew.replace(pid)
                        else:
                            struck[kinds.SLEPT] += 1
                            group.create_task(crew.nap(pid, self._patience.lease_s + _NAP_OVER_S))
        except BaseExceptionGroup as failures:
            raise reason(failures) from failures
        return struck

    async def _blows(
        self, crew: Crew, watch: reading.Watch
    ) -> AsyncIterator[tuple[int, Sequence[int]]]:
        """Yield whom each blow meets at its time; the first one meets somebody, however late."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, blow in enumerate(kills(self.seed), 1):
            at_s = min(blow.at_s, self.seconds)
            await asyncio.sleep(max(0.0, at_s - (loop.time() - began)))
            self.watcher.at(at_s)
            await watch.look()
            if blow.at_s >= self.seconds and number > 1:
                return
            yield number, blow.victims(crew.at_work())

    async def _wait(self, watch: reading.Watch) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + ENDED_MOST_S
        while (ended := await watch.look()) < self.tasks and loop.time() < until:
            self.watcher.at(ended)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _phase(self, what: str, total: float) -> None:
        self.watcher.phase(f"{self.engine.name}: {what}", total)


def _config(folder: Path, url: str) -> str:
    place = url.removeprefix("http://")
    return (
        f'{CONFIG}\n[results]\ndirectory = "{folder / _RESULTS}"\n'
        f'\n[callbacks]\nallow = ["{place}"]\n'
    )
