"""Asks sick channels whether they are well, before a customer's call has to find out.

Only what is sick and has rested is asked, by one worker of all: whoever moves the end of its rest
in the database. It takes as many answers as it would take of customers' calls, and the first
failure ends the turn. Refuses to charge anybody, and to ask for what costs more than a few tokens.
"""

import asyncio
from typing import Final

import structlog

from grip import errors
from grip.clock import Clock
from grip.gateway import probe
from grip.gateway.call import Candidate
from grip.gateway.health import TRIALS, Health, key_of
from grip.gateway.upstream import RequestRefused, Upstream
from grip.store import health as store
from grip.store.books import HotBooks
from grip.store.engine import Database
from grip.store.health import Ailment

_AT_ONCE: Final = 8
"""So many are asked in one turn at the most; the others have the next one."""

_TURN_S: Final = 60
"""How long one of them may take for all of its answers; it has failed then."""

log = structlog.get_logger(__name__)


class Prober:
    """Asks those that one process knows to be sick, whenever it is told to."""

    def __init__(
        self,
        *,
        database: Database,
        books: HotBooks,
        upstream: Upstream,
        health: Health,
        clock: Clock,
        every_s: float,
    ) -> None:
        self.every_s = every_s
        self._database = database
        self._books = books
        self._upstream = upstream
        self._health = health
        self._clock = clock

    async def run(self) -> None:
        """Ask what has rested and nobody else asks; raises DatabaseUnavailable."""
        rested = self._health.rested()
        if not rested:
            return
        catalog = await self._books.catalog(fresh=True)
        claimed: list[Candidate] = []
        for ailment in rested:
            candidate = probe.find(catalog, ailment.channel_id, ailment.model)
            if candidate is not None and await self._claim(ailment):
                claimed.append(candidate)
            if len(claimed) == _AT_ONCE:
                break
        async with asyncio.TaskGroup() as turn:
            for candidate in claimed:
                turn.create_task(self._ask(candidate))

    async def _claim(self, ailment: Ailment) -> bool:
        now_us = self._clock()
        until_us = now_us + int(max(_TURN_S, self.every_s) * 1_000_000)
        async with self._database.write() as connection:
            return await store.claim(connection, ailment, now_us=now_us, until_us=until_us)

    async def _ask(self, candidate: Candidate) -> None:
        """Ask until it counts as well, or fails once; its health hears of each."""
        try:
            async with asyncio.timeout(_TURN_S):
                for _ in range(TRIALS):
                    if self._health.is_sick(key_of(candidate)):
                        await self._ask_once(candidate)
        except TimeoutError:
            self._health.failed(candidate, "timeout")
        except errors.GripError as error:
            log.info("channel.still_sick", channel=candidate.channel.name, error=str(error))
        else:
            log.info(
                "channel.well_again",
                channel=candidate.channel.name,
                model=candidate.upstream_model,
            )

    async def _ask_once(self, candidate: Candidate) -> None:
        call = probe.smallest_call(candidate.offer.model)
        try:
            await self._upstream.complete(call, (candidate,))
        except RequestRefused as refused:
            # It does not like the question, which is an answer.
            log.debug("channel.refused_probe", error=str(refused))
