"""The order of things: admission, routing, upstream, metering, settlement.

Two short transactions around the upstream call, and none open during it. Whatever happens to a
call, its hold is resolved once: by a settlement, by a release, or by the books themselves where
nobody waits for the admission any more.
"""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from typing import Any, Final, TypeVar

import msgspec
import structlog

from grip import errors, failpoints
from grip.clock import Clock
from grip.gateway import admission, counting, metering, routing, settlement
from grip.gateway.allowance import Allowance
from grip.gateway.answers import Answers
from grip.gateway.boots import Boot
from grip.gateway.call import Call, Candidate, Completed, Measured, Plan, Ticket
from grip.gateway.details import Seen
from grip.gateway.health import Health
from grip.gateway.observing import Observer
from grip.gateway.routes import Routes
from grip.gateway.streams import Relay, Sink, StreamTerms
from grip.gateway.upstream import Served, Upstream
from grip.money.entries import COMPLETED, Admitted, Answer, Grow, Grown, Settle, Settled
from grip.providers.port import ChannelFault, RequestRefused
from grip.store.books import HotBooks
from grip.store.idempotency import StoredAnswer
from grip.store.records import Caller

_ADMISSIONS: Final = 5
"""How often an admission that was overtaken by a change is tried again."""

_DRAIN_S: Final = 20
"""How long a stop waits for what still has to be put into the books."""

_STOPPED: Final = "the gateway is being stopped; nothing was charged, retry in a moment"

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Pipeline:
    """Carries calls from their admission to their settlement."""

    def __init__(
        self,
        *,
        books: HotBooks,
        upstream: Upstream,
        clock: Clock,
        random: routing.Random,
        tier_groups: Mapping[str, frozenset[str] | None],
        region: str,
        attempts: int,
        health: Health,
        boot: Boot,
        answers: Answers,
        observer: Observer,
        streams: StreamTerms,
    ) -> None:
        self.books = books
        self._upstream = upstream
        self._clock = clock
        self._random = random
        self._region = region
        self._routes = Routes(upstream.kinds, tier_groups, region, attempts)
        self._health = health
        self._boot = boot
        self._answers = answers
        self._observer = observer
        self._streams = streams
        self._tasks: set[asyncio.Task[Any]] = set()

    async def identify(self, key_hash: str) -> Caller:
        """Return who calls, for what costs nothing; raises InvalidApiKey."""
        return await admission.identify(self.books, self._clock, key_hash, fresh=True)

    async def greet(self, key_hash: str) -> None:
        """Raise InvalidApiKey for a stranger, before anything of what they sent is looked at."""
        try:
            await admission.identify(self.books, self._clock, key_hash, fresh=False)
        except errors.InvalidApiKey:
            await self.identify(key_hash)

    async def recall(self, call: Call) -> StoredAnswer | None:
        """Return the answer to the first call with this Idempotency-Key; None where this is it.

        Raises InvalidApiKey, or why the call can be neither answered again nor carried out.
        """
        caller = await self.identify(call.key_hash)
        return await self._answers.recall(call, caller.key_id)

    async def complete(self, call: Call) -> Completed:
        """Run a call whose answer is whole; it is charged when this returns.

        Raises GripError or RequestRefused, and then nothing is held or charged.
        """
        ticket = await self._admit(call)
        try:
            failpoints.hit("call.before_upstream")
            served = await self._upstream.complete(call, ticket.plan.candidates)
            failpoints.hit("call.after_upstream")
            call.first_byte_ms = call.elapsed_ms()
            answer = None
            if call.idem_key is not None:
                kind, body = served.answer.content_type, served.answer.body
                answer = await self._answers.keep(call, kind, body)
            measured = _measured(call, served)
            settled = await self._settle(
                call, self._completed(call, ticket, served, measured, answer)
            )
        except (errors.GripError, RequestRefused) as error:
            error.standings = ticket.standings
            await self._let_go(call)
            self._observer.failed(call, ticket, error)
            raise
        except BaseException as error:
            await asyncio.shield(self._spawn(settlement.release_surely(self.books, call)))
            self._observer.failed(call, ticket, error)
            raise
        failpoints.hit("call.before_end")
        self._observer.completed(call, ticket, served.answer, measured)
        return Completed(
            body=served.answer.body,
            content_type=served.answer.content_type,
            admitted=ticket.admitted,
            settled=settled,
            fallback=ticket.fallback(served.candidate),
        )

    async def stream(self, call: Call, sink: Sink) -> None:
        """Run a call whose answer streams into `sink`; its end comes after the charge.

        Raises GripError or RequestRefused as long as nothing has gone to the client; after that,
        the stream itself says what happened.
        """
        sink.listen()
        ticket = await self._admit(call)
        relay = self._relay(call, ticket, sink)
        try:
            failpoints.hit("call.before_upstream")
            await relay.run(self._upstream.open(call, ticket.plan.candidates, relay.wants))
        except ChannelFault as fault:
            await self._break_off(call, relay, fault)
        except (errors.GripError, RequestRefused) as error:
            error.standings = ticket.standings
            await self._let_go(call)
            self._observer.streamed(call, relay, error=error)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._spawn(self._abandon(call, relay)))
            raise
        except BaseException as error:
            await self._let_go(call)
            self._observer.failed(call, ticket, error)
            raise
        else:
            await self._finish(call, relay)

    async def count(self, call: Call) -> bytes:
        """Return the answer to how many tokens a call has; it is free, and nothing is held.

        Raises GripError or RequestRefused.
        """
        caller = await self.identify(call.key_hash)
        plan = await self._plan(call, caller, fresh=True)
        return await counting.count(call, plan, self._upstream)

    async def drain(self) -> None:
        """Wait, within bounds, for what still has to be put into the books."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_DRAIN_S)
            for task in late:
                task.cancel()

    async def _admit(self, call: Call) -> Ticket:
        """Hold the cost of the call, on what is true now.

        What is remembered of caller and catalog may be out of date: a refusal is only given on a
        fresh look, and the books themselves recognise an admission that rests on an old one.
        """
        call.created_s = self._clock() // 1_000_000
        seen = Seen()
        try:
            ticket = await self._hold(call, seen)
        except errors.GripError as error:
            if seen.plan is None and seen.caller is not None:
                seen.plan = self._routes.refused(seen.caller, call)
            self._observer.refused(call, seen, error)
            raise
        self._observer.admitted(call)
        return ticket

    async def _hold(self, call: Call, seen: Seen) -> Ticket:
        fresh = False
        for _ in range(_ADMISSIONS):
            try:
                caller = await admission.identify(
                    self.books, self._clock, call.key_hash, fresh=fresh
                )
                seen.caller = caller
                seen.plan = plan = await self._plan(call, caller, fresh=fresh)
                held_tokens = admission.held_output(call, plan, self._streams.slice_tokens)
                entry = admission.entry(call, plan, self._boot.id, held_tokens)
            except errors.DatabaseUnavailable:
                raise
            except errors.GripError:
                if fresh:
                    raise
                fresh = True
                continue
            outcome = await self.books.submit(entry)
            if isinstance(outcome, Admitted):
                return Ticket(
                    plan=plan,
                    admitted=outcome,
                    held_nano=entry.estimate_nano,
                    held_tokens=held_tokens,
                )
            fresh = True
            await self._boot.renew()
        raise errors.ServiceUnavailable(
            "prices or keys are changing at the moment; retry in a second", retry_after_s=1
        )

    async def _plan(self, call: Call, caller: Caller, *, fresh: bool) -> Plan:
        catalog = await self.books.catalog(fresh=fresh)
        found, route = self._routes.find(catalog, caller, call)
        return Plan(
            caller=caller,
            offers=found.offers,
            candidates=routing.order(found, route.reach, self._random, self._health.rest_us),
            catalog_version=catalog.version,
            route=route,
            sick=self._health.sick(found.eligible),
        )

    def _relay(self, call: Call, ticket: Ticket, sink: Sink) -> Relay:
        if call.ending is None:
            raise errors.GripError("this route has no way to end a stream")
        tokens = self._streams.slice_tokens * call.choices
        covered = ticket.held_tokens
        if call.output_limit is not None:
            # The upstream ends where the client said; an estimate must stop only one that does not.
            covered += covered + tokens

        async def ask(nano: int) -> int:
            if call.output_limit is not None:
                return 0
            grown = await self.books.submit(Grow(request_id=call.request_id, estimate_nano=nano))
            return grown.estimate_nano if isinstance(grown, Grown) else 0

        return Relay(
            call,
            ticket,
            sink,
            ending=call.ending,
            allowance=Allowance(
                covered=covered,
                slice_tokens=tokens,
                slice_nano=admission.output_nano(ticket.plan, tokens),
                ask=ask,
                spawn=self._spawn,
            ),
            drain_s=self._streams.drain_s,
            seen_most=self._observer.stream_bytes(ticket.plan.caller),
        )

    def _completed(
        self, call: Call, ticket: Ticket, served: Served, measured: Measured, kept: Answer | None
    ) -> Settle:
        return settlement.entry(
            call,
            ticket,
            served.candidate,
            measured,
            status=COMPLETED,
            attempts=served.attempts,
            upstream_id=served.answer.upstream_id,
            region=self._region,
            answer=kept,
        )

    async def _settle(self, call: Call, entry: Settle) -> Settled:
        """Charge, and know that it is charged: who is cancelled meanwhile waits all the same."""
        call.answered = time.monotonic()
        try:
            settled = await settlement.settle(self.books, entry)
        except asyncio.CancelledError:
            # The entry may be in the books already; the same effect asked for again happens once.
            settled = await asyncio.shield(self._spawn(settlement.settle(self.books, entry)))
        self._observer.charged(call, entry, settled)
        return settled

    async def _break_off(self, call: Call, relay: Relay, fault: ChannelFault) -> None:
        """End a stream that died half-way: no charge for who waited, the truth for who left."""
        log.warning("stream.failed", fault=fault.reason)
        if relay.candidate is not None:
            self._health.failed(relay.candidate, fault.reason, fault.retry_after_s)
            self._upstream.broke(call, fault)
        if relay.client_left:
            await self._finish(call, relay)
            return
        await self._let_go(call)
        error = errors.ServiceUnavailable("the upstream broke off; nothing was charged")
        self._observer.streamed(call, relay, error=error)
        await relay.fail(error)

    async def _abandon(self, call: Call, relay: Relay) -> None:
        """End a stream that the stop of the gateway cuts: only who has left pays for it."""
        if relay.client_left:
            await self._finish(call, relay)
            return
        await self._let_go(call)
        error = errors.ServiceUnavailable(_STOPPED)
        self._observer.streamed(call, relay, error=error)
        if relay.stream is not None:
            await relay.fail(error)

    async def _finish(self, call: Call, relay: Relay) -> None:
        """Charge a stream that has ended or was left, then let the client see its end."""
        if not relay.is_owed:
            await self._let_go(call)
            self._observer.streamed(call, relay)
            return
        candidate = relay.candidate
        if candidate is None:
            raise AssertionError("only what was asked for is charged")
        measured = metering.measure(call, candidate, relay.report, relay.text)
        if measured.estimated:
            cost_nano = min(measured.cost_nano, relay.held_nano)
            measured = msgspec.structs.replace(measured, cost_nano=cost_nano)
        # What is kept of the answer has the same tail: the books charge this cost, or nothing.
        tail = relay.tail(measured.usage, measured.cost_nano)
        try:
            await self._charge(call, relay, candidate, measured, tail)
        except errors.GripError as error:
            told = error.detail or error.message
            log.warning("stream.unsettled", error=told)
            await self._let_go(call)
            self._observer.streamed(call, relay, error=error)
            await relay.fail(error)
            return
        failpoints.hit("call.before_end")
        relay.see(tail)
        self._observer.streamed(call, relay, measured=measured)
        await relay.end(tail)

    async def _charge(
        self, call: Call, relay: Relay, candidate: Candidate, measured: Measured, tail: bytes
    ) -> None:
        """Charge a stream, and keep it where it may be asked for again."""
        answer = None
        if call.ending is not None and (whole := relay.whole(tail)) is not None:
            answer = await self._answers.keep(call, call.ending.content_type, whole)
        entry = settlement.entry(
            call,
            relay.ticket,
            candidate,
            measured,
            status=relay.status,
            attempts=relay.attempts,
            upstream_id=relay.upstream_id,
            region=self._region,
            answer=answer,
        )
        await self._settle(call, entry)

    async def _let_go(self, call: Call) -> None:
        """Release the hold; where the database is away, go on trying while the caller does not."""
        try:
            await settlement.release(self.books, call)
        except errors.DatabaseUnavailable:
            self._spawn(settlement.release_surely(self.books, call))

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do `work` although nobody waits for it, and before the gateway stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("call.task_failed", error=str(error))


def _measured(call: Call, served: Served) -> Measured:
    answer = served.answer
    return metering.measure(call, served.candidate, answer.report, lambda: answer.text)
