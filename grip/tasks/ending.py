"""How a task ends: one transaction with its charge or refund, its usage row and its callback.

Whoever comes second changes nothing: the task's own row is the claim, and the journal refuses a
second resolution of its hold.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from grip import errors, failpoints
from grip.clock import Clock
from grip.metrics import Counts
from grip.money import closing, ledger
from grip.money.closing import Closed, Reserved
from grip.money.entries import CAPPED, COMPLETED, Facts
from grip.money.pricing import Rates, Usage, cost_nano
from grip.store import ledger as journal
from grip.store import losses, purses, results, tasks, usage
from grip.store.engine import Connection, Database
from grip.store.losses import Loss
from grip.store.results import Result
from grip.store.tasks import Task
from grip.tasks import phases

Outbox = Callable[[Connection, Task, tuple[Result, ...]], Awaitable[None]]
"""Writes down, in the transaction that ends a task, that its owner is to be told of it."""

NewId = Callable[[str], str]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Why a task failed: a code of the contract's, and a sentence for its owner."""

    code: str
    message: str


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator may pay for a task that fails: see `store/losses.py`.

    Without a `reason` nobody knows yet, and its upstream is asked now and then from `after_s` on.
    """

    used: Usage
    reason: str | None = None
    after_s: int = 0


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What a task used, and who counted it: `upstream`, `measured` or `requested`."""

    usage: Usage
    by: str


class Endings:
    """Ends tasks, each once."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        new_id: NewId,
        region: str,
        outbox: Outbox,
        counts: Counts | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._region = region
        self._outbox = outbox
        counts = counts or Counts()
        self._ended = counts.counter("grip_tasks_ended_total")
        self._credits = counts.counter("grip_charged_credits_total")
        self._cost = counts.counter("grip_cost_nanocredits_total")
        self._buy_cost = counts.counter("grip_buy_cost_nanocredits_total")

    async def complete(
        self, held: Task, counted: Counted, made: Sequence[Result] = ()
    ) -> Task | None:
        """Charge what was used, never above the hold, and write down what was made.

        None where the task was not held any more.
        """
        async with self._database.write() as connection:
            found = await self._lock(connection, held, phases.COMPLETED)
            if found is None:
                return None
            rates = await usage.rates_of(connection, found.price_id)
            if rates is None:
                raise errors.BooksBroken(f"{found.id}: its price {found.price_id} has gone")
            ended = await self._charge(connection, found, rates, counted)
            await results.put(connection, made)
            await self._outbox(connection, ended, tuple(made))
            failpoints.hit("task.before_commit")
        self._count(ended, counted)
        return ended

    async def fail(self, held: Task, verdict: Verdict, lost: Lost | None = None) -> Task | None:
        """Give all back that was held; None where the task was not held any more."""
        async with self._database.write() as connection:
            found = await self._lock(connection, held, phases.FAILED)
            if found is None:
                return None
            ended = await self._refund(connection, found, verdict)
            if lost is not None:
                await losses.insert(connection, _loss(ended, lost))
            await self._outbox(connection, ended, ())
            failpoints.hit("task.before_commit")
        self._ended.add((ended.model, verdict.code))
        return ended

    def _count(self, ended: Task, counted: Counted) -> None:
        """Count a task that was charged."""
        self._ended.add((ended.model, ""))
        labels = ended.model, ended.channel or ""
        self._credits.add(labels, ended.credits or 0)
        self._cost.add(labels, ended.cost_nano or 0)
        if (buy_nano := buy_cost_nano(ended, counted.usage)) is not None:
            self._buy_cost.add(labels, buy_nano)

    async def _lock(self, connection: Connection, held: Task, phase: str) -> Task | None:
        """Lock the task's row: first of all locks, since others wait for it to end."""
        found = await tasks.lock(connection, held.id)
        if found is None or found.is_over or found.lease_seq != held.lease_seq:
            return None
        return found if found.phase in phases.leading_to(phase) else None

    async def _charge(
        self, connection: Connection, task: Task, rates: Rates, counted: Counted
    ) -> Task:
        wallet, key, member = await purses.lock(
            connection, task.wallet_id, task.key_id, task.member_id
        )
        closed = closing.charge(
            _reserved(task), cost_nano(rates, counted.usage), wallet, key, member
        )
        await purses.write(connection, wallet, key, member)
        held, effect = await self._effect(connection, task)
        transfer = ledger.post(effect, self._new_id("trf"), held, closed.credits)
        await journal.append(connection, [transfer])
        ended = await self._end(
            connection,
            task,
            effect.created_us,
            phase=phases.COMPLETED,
            progress=100,
            cost_nano=closed.cost_nano,
            credits=closed.credits,
            counted_by=counted.by,
        )
        row = _usage_row(ended, closed, counted, self._region)
        await usage.insert(connection, row | {"transfer_id": transfer.id})
        return ended

    async def _refund(self, connection: Connection, task: Task, verdict: Verdict) -> Task:
        wallet, key, member = await purses.lock(
            connection, task.wallet_id, task.key_id, task.member_id
        )
        closing.release(_reserved(task), wallet, key, member)
        await purses.write(connection, wallet, key, member)
        held, effect = await self._effect(connection, task)
        await journal.append(connection, [ledger.void(effect, self._new_id("trf"), held)])
        return await self._end(
            connection,
            task,
            effect.created_us,
            phase=phases.FAILED,
            error_code=verdict.code,
            error_message=verdict.message,
            cost_nano=0,
            credits=0,
        )

    async def _effect(
        self, connection: Connection, task: Task
    ) -> tuple[ledger.Transfer, ledger.Effect]:
        """Return the hold, and the effect of resolving it."""
        held = await journal.find(connection, task.hold_id)
        if held is None:
            raise errors.BooksBroken(f"{task.id}: its hold {task.hold_id} is not in the journal")
        latest_us = await journal.latest_us(connection, task.wallet_id)
        return held, ledger.Effect(
            name=f"{task.id}:end",
            group_id=self._new_id("grp"),
            wallet_id=task.wallet_id,
            actor=f"key:{task.key_id}",
            reason=held.reason,
            created_us=max(self._clock(), latest_us),
        )

    async def _end(
        self, connection: Connection, task: Task, at_us: int, *, phase: str, **values: Any
    ) -> Task:
        failpoints.hit("task.in_end")
        values |= {"phase": phase, "status": phase, "completed_us": at_us}
        values |= {"lease_owner": None, "lease_until_us": 0}
        if not await tasks.change(connection, task, phases.leading_to(phase), values):
            raise errors.BooksBroken(f"{task.id}: a locked task changed; restore the database")
        ended = await tasks.find(connection, task.id)
        if ended is None:
            raise errors.BooksBroken(f"{task.id}: a locked task has gone; restore the database")
        return ended


def buy_cost_nano(task: Task, used: Usage) -> int | None:
    """Return what the operator pays for what a task used, None where its channel has no price."""
    return None if task.buy is None else cost_nano(Rates(**task.buy), used)


def _loss(ended: Task, lost: Lost) -> Loss:
    at_us = ended.completed_us or 0
    if lost.reason is None:
        due_us = at_us + lost.after_s * 1_000_000
        return Loss(task_id=ended.id, created_us=at_us, due_us=due_us)
    return Loss(
        task_id=ended.id,
        created_us=at_us,
        reason=lost.reason,
        buy_cost_nano=buy_cost_nano(ended, lost.used),
        seen_us=at_us,
    )


def _reserved(task: Task) -> Reserved:
    return Reserved(credits=task.hold_credits, estimate_nano=task.estimate_nano)


def _usage_row(task: Task, closed: Closed, counted: Counted, region: str) -> dict[str, Any]:
    """Return the row that tells of a completed task in the log of usage."""
    used = counted.usage
    latency_ms = ((task.completed_us or task.created_us) - task.created_us) // 1000
    facts = Facts(
        key_name=task.key_name,
        endpoint=task.endpoint,
        model=task.model,
        provider=task.provider or "",
        channel_id=task.channel_id or "",
        channel=task.channel or "",
        upstream_model=task.upstream_model or "",
        upstream_id=task.upstream_id,
        ip=task.ip,
        region=region,
        status=CAPPED if closed.is_capped else COMPLETED,
        estimated=counted.by == "requested",
        price_id=task.price_id,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cached_input_tokens=used.cached_input_tokens,
        cache_write_tokens=used.cache_write_tokens,
        images=used.images,
        seconds=used.seconds,
        characters=used.characters,
        buy_cost_nano=buy_cost_nano(task, used),
        attempts=task.attempts,
        latency_ms=latency_ms,
        first_byte_ms=latency_ms,
    )
    return facts._asdict() | {
        "request_id": task.id,
        "wallet_id": task.wallet_id,
        "key_id": task.key_id,
        "member_id": task.member_id,
        "created_us": task.completed_us,
        "hold_credits": task.hold_credits,
        "cost_nano": closed.cost_nano,
        "carry_before": closed.carry_before,
        "carry_after": closed.carry_after,
        "credits": closed.credits,
        "debt_credits": 0,
        "balance_after": closed.balance_after,
    }
