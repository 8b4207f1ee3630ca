"""Which workers live, and what becomes of the calls of one that does not.

A hold names its worker's boot, and has no time to live of its own: a call may take as long as it
takes. A boot counts heartbeats; it is dead when the count has stood still for long enough in the
monotonic time of whoever watches, so that no two clocks are compared, and only while the database
took heartbeats and told them. Dead is for good: a worker that comes back gets a boot of its own,
and what it held before is resolved already.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from grip.clock import Clock
from grip.money.entries import CRASH_ESTIMATED, CRASH_VOID, Facts, Settle, Settled
from grip.money.pricing import Usage, cost_nano
from grip.store import boots
from grip.store.books import HotBooks
from grip.store.boots import Orphan
from grip.store.engine import Connection, Database

BEAT_EVERY_S: Final = 5
DEAD_AFTER_S: Final = 15
_STEP_MAX_S: Final = 2 * BEAT_EVERY_S
_BATCH: Final = 200
_REMEMBERED_US: Final = 30 * 24 * 3600 * 1_000_000

log = structlog.get_logger(__name__)


class Boot:
    """This run of the process, under an id that its holds name."""

    def __init__(
        self,
        database: Database,
        *,
        boot_id: str,
        new_id: Callable[[], str],
        clock: Clock,
        host: str,
        region: str,
    ) -> None:
        self.id = boot_id
        self._database = database
        self._new_id = new_id
        self._clock = clock
        self._host = host
        self._region = region
        self._renewing = asyncio.Lock()

    async def start(self, *, succeeds: Sequence[str] = ()) -> None:
        """Register; the boots that this one `succeeds` were seen to be gone."""
        async with self._database.write() as connection:
            for gone in succeeds:
                await boots.end(connection, gone, boots.DEAD, self._clock())
            await self._register(connection, self.id)

    async def beat(self) -> None:
        """Count a heartbeat; begin a new boot where others have given this one up."""
        boot_id = self.id
        async with self._database.write() as connection:
            is_living = await boots.beat(connection, boot_id)
        if not is_living:
            await self._begin_anew(boot_id)

    async def renew(self) -> None:
        """Begin a new boot where this one was given up, and is not to hold anything any more."""
        boot_id = self.id
        async with self._database.read() as connection:
            is_given_up = boot_id not in await boots.living(connection)
        if is_given_up:
            await self._begin_anew(boot_id)

    async def stop(self) -> None:
        """Say that all calls of this boot are in the books."""
        async with self._database.write() as connection:
            await boots.end(connection, self.id, boots.STOPPED, self._clock())

    async def _begin_anew(self, given_up: str) -> None:
        """Take the place of the boot that was `given_up`, once, however many have noticed.

        The id changes when it is in the books: of a boot that is not, nobody could see the end.
        """
        async with self._renewing:
            if self.id != given_up:
                return
            log.error("boot.was_given_up", boot_id=given_up)
            fresh = self._new_id()
            async with self._database.write() as connection:
                await self._register(connection, fresh)
            self.id = fresh

    async def _register(self, connection: Connection, boot_id: str) -> None:
        await boots.register(
            connection, boot_id, host=self._host, region=self._region, now_us=self._clock()
        )


class Watch:
    """Tells from looks at all heartbeats which of them have stood still for too long."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}
        self._looked_s: float | None = None

    def look(self, living: dict[str, int], now_s: float) -> list[tuple[str, int]]:
        """Return the boots that have stood still, with the count at which they did.

        A look that comes late counts as one in time: whoever watches may have slept as well.
        """
        step_s = 0.0 if self._looked_s is None else min(now_s - self._looked_s, _STEP_MAX_S)
        self._looked_s = now_s
        before, self._seen = self._seen, {}
        for boot_id, beats in living.items():
            seen, still_s = before.get(boot_id, (None, 0.0))
            self._seen[boot_id] = (beats, still_s + step_s if seen == beats else 0.0)
        return [
            (boot_id, beats)
            for boot_id, (beats, still_s) in self._seen.items()
            if still_s >= DEAD_AFTER_S
        ]

    def miss(self) -> None:
        """Begin anew: while the database took or told no heartbeats, none could be missed."""
        self._seen.clear()
        self._looked_s = None


class Janitor:
    """Finds dead boots and resolves what they left; any number may do so at the same time."""

    def __init__(
        self,
        database: Database,
        books: HotBooks,
        *,
        boot: Boot,
        clock: Clock,
        monotonic: Callable[[], float],
        verdict: str,
    ) -> None:
        self._database = database
        self._books = books
        self._boot = boot
        self._clock = clock
        self._monotonic = monotonic
        self._verdict = verdict
        self._watch = Watch()

    async def forget(self) -> int:
        """Delete the boots that ended a month ago; return how many."""
        async with self._database.write() as connection:
            return await boots.forget(connection, self._clock() - _REMEMBERED_US)

    async def run(self) -> int:
        """Look at the heartbeats, and resolve the holds of ended boots; return how many.

        Whoever looks must have beaten just now: where nobody can, nobody is dead.
        """
        try:
            await self._boot.beat()
            async with self._database.read() as connection:
                living = await boots.living(connection)
        except BaseException:
            self._watch.miss()
            raise
        for boot_id, beats in self._watch.look(living, self._monotonic()):
            await self._give_up(boot_id, beats)
        return await self._resolve()

    async def _give_up(self, boot_id: str, beats: int) -> None:
        async with self._database.write() as connection:
            ended = await boots.end(connection, boot_id, boots.DEAD, self._clock(), beats=beats)
        if ended:
            log.error("boot.dead", boot_id=boot_id, beats=beats)

    async def _resolve(self) -> int:
        resolved = 0
        while True:
            async with self._database.read() as connection:
                found = await boots.orphans(connection, _BATCH)
            resolved += sum(await asyncio.gather(*map(self._judge, found)))
            if len(found) < _BATCH:
                return resolved

    async def _judge(self, orphan: Orphan) -> bool:
        """Charge the verdict; return whether it was this one that did."""
        entry = verdict(orphan, self._verdict)
        outcome = await self._books.submit(entry)
        if not isinstance(outcome, Settled):
            return False
        log.warning(
            "call.orphaned",
            request_id=orphan.request_id,
            verdict=entry.facts.status,
            cost_nano=outcome.cost_nano,
        )
        return True


def verdict(orphan: Orphan, chosen: str) -> Settle:
    """Return what to ask of the books for a call whose process died.

    What became of it nobody knows. `crash_void` charges nothing. `estimated` charges the input,
    which the upstream got, and nothing for an answer that nobody is known to have seen.
    """
    is_void = chosen == CRASH_VOID or orphan.sell is None or orphan.buy is None
    used = Usage(requests=0) if is_void else Usage(input_tokens=orphan.input_tokens)
    facts = Facts(
        key_name=orphan.key_name,
        endpoint=orphan.endpoint,
        model=orphan.model,
        provider="",
        channel_id="",
        channel="",
        upstream_model="",
        upstream_id=None,
        ip=orphan.ip,
        region=orphan.region,
        status=CRASH_VOID if is_void else CRASH_ESTIMATED,
        estimated=not is_void,
        price_id=orphan.price_id,
        input_tokens=used.input_tokens,
        output_tokens=0,
        cached_input_tokens=0,
        cache_write_tokens=0,
        images=0,
        seconds=0,
        characters=0,
        buy_cost_nano=cost_nano(orphan.buy, used) if orphan.buy and orphan.buy.named else None,
        attempts=0,
        latency_ms=0,
        first_byte_ms=0,
    )
    return Settle(
        request_id=orphan.request_id,
        cost_nano=0 if orphan.sell is None else cost_nano(orphan.sell, used),
        proven=False,
        tokens=used.tokens,
        facts=facts,
    )
