"""How calls went, written down beside the books: about once a second, and never in a call's way.

The request path hands over a record and goes on. Records wait in bounds; what does not fit, and
what the database does not take, is lost, counted, and told to the log. Encoding and compressing
are done in a thread. Refuses to raise anything, and to try anything twice.
"""

import asyncio
import contextlib
import hashlib
import time
from collections import deque
from typing import Final

import msgspec
import structlog

from grip import errors
from grip.clock import Clock
from grip.gateway import tracing
from grip.gateway.call import Call, Measured, Plan, Route, Ticket
from grip.gateway.content import MARGIN_BYTES, Keeper
from grip.gateway.streams import Relay
from grip.gateway.tracing import Ended
from grip.metrics import Counter
from grip.money.entries import COMPLETED
from grip.providers.port import Answer, RequestRefused
from grip.store.aside import Aside
from grip.store.detail_writers import DetailRow, DetailWriter, RouteRow
from grip.store.details import Side
from grip.store.records import Caller
from grip.store.traces import FAILED, LEFT, REFUSED, written

EVERY_S: Final = 1.0
TELL_EVERY_S: Final = 10.0
STOP_WITHIN_S: Final = 5.0
"""How long a stop waits for what is not written yet."""

MAX_ROWS: Final = 10_000
MAX_BYTES: Final = 32 * 1024 * 1024
"""What waits at the most; refusals, which anybody can make many of, have half of it."""

_SLICE_ROWS: Final = 64
_SLICE_BYTES: Final = 512 * 1024
"""What is written in one transaction, and not waited with: objects that live on grow cold."""

_ROW_BYTES: Final = 2_000
"""What a record weighs beside its content, roughly."""

_ID_LETTERS: Final = 20
_MOST_SEEN: Final = 10_000

_SEEN_US: Final = 3600 * 1_000_000
"""How long a route is taken for written: then it is marked as seen again."""

log = structlog.get_logger(__name__)


class ContentTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of content: whether untold keys log it, how much of a side, and what not."""

    logging: bool = True
    max_bytes: int = 65_536
    redact: tuple[str, ...] = ()


class Seen(msgspec.Struct):
    """How far an admission came: whom and what it had found when it was refused."""

    caller: Caller | None = None
    plan: Plan | None = None


class Details:
    """Takes records of calls that have ended, and writes them; `counted` are those it lost."""

    def __init__(
        self,
        writer: DetailWriter,
        aside: Aside,
        clock: Clock,
        terms: ContentTerms,
        counted: Counter | None = None,
    ) -> None:
        self._writer = writer
        self._aside = aside
        self._clock = clock
        self._terms = terms
        self._keeper = Keeper(terms.max_bytes, terms.redact)
        self._waiting: deque[Ended] = deque()
        self._bytes = 0
        self._counted = counted or Counter(())
        self._dropped = 0
        self._lost = 0
        self._trouble = ""
        self._told_at = time.monotonic()
        self._seen: dict[str, int] = {}
        self._is_stopping = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many records are to be written."""
        return len(self._waiting)

    def logs(self, caller: Caller) -> bool:
        """Return whether the content of this caller's calls is kept."""
        chosen = caller.content_logging
        return self._terms.logging if chosen is None else chosen

    def stream_bytes(self, caller: Caller) -> int:
        """Return how much of a stream is to be seen by its relay; 0 where its text is, or nothing.

        Patterns do not match across the events of a stream, so that its text is kept for them.
        """
        if self._terms.redact or not self.logs(caller):
            return 0
        return self._terms.max_bytes + MARGIN_BYTES

    def completed(self, call: Call, ticket: Ticket, answer: Answer, measured: Measured) -> None:
        """Take the record of a call whose answer was whole and is charged."""
        body = answer.body
        size = _ROW_BYTES + len(call.body.raw) + len(body)
        if self._has_room(size):
            caller = ticket.plan.caller
            logs = self.logs(caller)
            record = Ended(
                call,
                caller,
                ticket.plan,
                ticket,
                COMPLETED,
                time.monotonic(),
                size,
                logs,
                answer.report,
                measured,
                answer.upstream_id,
                body if logs else None,
            )
            self._add(record)

    def failed(self, call: Call, ticket: Ticket, error: BaseException) -> None:
        """Take the record of a call that was admitted and not charged."""
        record = self._record(call, ticket, tracing.outcome(error, FAILED))
        record.failure = tracing.failure(error)
        self._offer(record)

    def streamed(
        self,
        call: Call,
        relay: Relay,
        *,
        measured: Measured | None = None,
        error: errors.GripError | RequestRefused | None = None,
    ) -> None:
        """Take the record of a stream; without what it `measured`, it was not charged."""
        outcome = LEFT if relay.client_left else FAILED
        if measured is not None:
            outcome = relay.status
        elif error is not None:
            outcome = tracing.outcome(error, outcome)
        record = self._record(call, relay.ticket, outcome)
        record.grown_nano = relay.grown_nano
        record.report = relay.report
        record.measured = measured
        record.upstream_id = relay.upstream_id
        if error is not None:
            record.failure = tracing.failure(error)
        if record.keeps_content and relay.stream is not None:
            self._hear(record, relay)
        self._offer(record)

    def refused(self, call: Call, seen: Seen, error: errors.GripError) -> None:
        """Take the record of a call that was not admitted; its content is not kept.

        Anybody with a key can make many of these: they have half of the room.
        """
        caller = seen.caller
        size = _ROW_BYTES + len(call.body.raw)
        if caller is None or not self._has_room(size, share=2):
            return
        now = time.monotonic()
        record = Ended(call, caller, seen.plan, None, REFUSED, now, size, keeps_content=False)
        record.failure = tracing.failure(error)
        self._add(record)

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what waits, within bounds; the rest is lost, and the log says so."""
        self._is_stopping = True
        self._wake.set()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                if self._task is not None:
                    await self._task
                await self._writer.close()
        except TimeoutError:
            self._lost += len(self._waiting)
            self._trouble = "the gateway stopped before they were written"
        self._tell()
        self._aside.end()

    def _record(self, call: Call, ticket: Ticket, outcome: str) -> Ended:
        caller = ticket.plan.caller
        size = _ROW_BYTES + len(call.body.raw)
        now = time.monotonic()
        logs = self.logs(caller)
        return Ended(call, caller, ticket.plan, ticket, outcome, now, size, logs)

    def _hear(self, record: Ended, relay: Relay) -> None:
        """Add what the client got of a stream: its text, where patterns are to find something."""
        if self._terms.redact:
            text = relay.text()
            record.response = text
            record.size += len(text)
        else:
            record.response = relay.seen
            record.response_bytes = relay.seen_bytes
            record.size += min(relay.seen_bytes, self._terms.max_bytes)

    def _offer(self, record: Ended) -> None:
        if self._has_room(record.size):
            self._add(record)

    def _has_room(self, size: int, *, share: int = 1) -> bool:
        """Return whether a record fits into its share of the room; count it where it does not."""
        if len(self._waiting) * share < MAX_ROWS and (self._bytes + size) * share <= MAX_BYTES:
            return True
        self._dropped += 1
        self._tell_at_times()
        return False

    def _add(self, record: Ended) -> None:
        self._waiting.append(record)
        self._bytes += record.size
        if len(self._waiting) >= _SLICE_ROWS or self._bytes >= _SLICE_BYTES:
            self._wake.set()

    async def _run(self) -> None:
        while not self._is_stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._wake.wait()
            self._wake.clear()
            await self._write_all()
            self._tell_at_times()
        await self._write_all()

    async def _write_all(self) -> None:
        """Write all that waits now, slice by slice; what cannot be written is lost."""
        for _ in range(len(self._waiting)):
            if not (records := self._slice()):
                return
            try:
                await self._try(records)
            except BaseException:
                self._lost += len(records)
                raise

    async def _try(self, records: list[Ended]) -> None:
        try:
            await self._write(records)
        except errors.DatabaseUnavailable as error:
            self._lost += len(records)
            self._trouble = error.detail or error.message
        except Exception as error:
            # Whatever is wrong with one of them, the others are to be written.
            if len(records) > 1:
                for record in records:
                    await self._try([record])
                return
            self._lost += 1
            self._trouble = repr(error)
            log.exception("details.broken", request_id=records[0].call.request_id)

    def _slice(self) -> list[Ended]:
        records: list[Ended] = []
        size = 0
        while self._waiting and len(records) < _SLICE_ROWS and size < _SLICE_BYTES:
            record = self._waiting.popleft()
            records.append(record)
            size += record.size
        self._bytes -= size
        return records

    async def _write(self, records: list[Ended]) -> None:
        rows, routes = await self._aside.do(lambda: self._prepare(records))
        await self._writer.write(rows, routes)
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()
        self._seen.update((row.id, row.seen_us) for row in routes)

    def _prepare(self, records: list[Ended]) -> tuple[list[DetailRow], list[RouteRow]]:
        """Return the rows of records, and those of the routes that they are the first to name."""
        now_us = self._clock()
        made_of = {id(made): made for record in records if (made := _route(record)) is not None}
        found = [self._told(made, now_us) for made in made_of.values()]
        routes = {row.id: row for row in found if row is not None}
        return [self._row(record, now_us) for record in records], list(routes.values())

    def _told(self, made_of: Route, now_us: int) -> RouteRow | None:
        """Return what is to be written of a route; None where that was done a while ago."""
        if made_of.told is not None and now_us - self._seen.get(made_of.told, 0) < _SEEN_US:
            return None
        told = written(tracing.route(made_of))
        made_of.told = hashlib.sha256(told.encode()).hexdigest()[:_ID_LETTERS]
        if now_us - self._seen.get(made_of.told, 0) < _SEEN_US:
            return None
        return RouteRow(id=made_of.told, seen_us=now_us, told=told)

    def _row(self, record: Ended, now_us: int) -> DetailRow:
        call, caller, made_of = record.call, record.caller, _route(record)
        ago_us = int((time.monotonic() - call.started) * 1_000_000)
        told = tracing.trace(record, self._keeper.redacted, logs_content=self.logs(caller))
        return DetailRow(
            call.request_id,
            now_us - ago_us,
            caller.wallet_id,
            caller.key_id,
            None if made_of is None else made_of.told,
            written(told),
            *(self._keeper.side(call.body.raw) if record.keeps_content else Side()),
            *self._response(record),
        )

    def _response(self, record: Ended) -> Side:
        kept = record.response
        if kept is None:
            return Side()
        if isinstance(kept, str):
            kept = kept.encode(errors="replace")
        elif isinstance(kept, list):
            kept = b"".join(kept)
        return self._keeper.side(kept, record.response_bytes)

    def _tell_at_times(self) -> None:
        if time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._tell()

    def _tell(self) -> None:
        """Say how many were lost since the last time, and why."""
        self._told_at = time.monotonic()
        self._counted.add((), self._dropped + self._lost)
        if self._dropped or self._lost:
            log.warning(
                "details.lost",
                dropped=self._dropped,
                unwritten=self._lost,
                error=self._trouble or "more calls ended than could be written",
            )
        self._dropped = self._lost = 0
        self._trouble = ""


def _route(record: Ended) -> Route | None:
    return None if record.plan is None else record.plan.route
