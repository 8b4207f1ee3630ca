"""Callbacks: what a task tells its owner, delivered at least once by whoever holds the lease.

Owns the tables `callback` and `callback_attempt`. Refuses to write to any other, so that nothing a
receiver does can change a task or a balance.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import rows
from grip.store.tables import callback, callback_attempt

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
DEAD: Final = "dead"
STATES: Final = (PENDING, DELIVERED, DEAD)

STARTED: Final = "started"
"""The outcome of an attempt that is under way."""

INTERRUPTED: Final = "interrupted"
"""The outcome of an attempt whose worker was gone before it ended."""

REPLY_BYTES_MAX: Final = 1024
"""How much of a receiver's answer is kept, for operators."""

_DETAIL_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A callback as operators see it, its body left out."""

    id: str
    task_id: str
    wallet_id: str
    event: str
    url: str
    state: str
    reason: str
    attempts: int
    tries: int
    due_us: int
    lease_until_us: int | None
    created_us: int
    ended_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt; `reply` is the beginning of the answer, never for the tenant."""

    number: int
    started_us: int
    outcome: str
    status: int | None
    latency_ms: int | None
    detail: str
    reply: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A callback that is this worker's to deliver, until its lease ends or is taken over."""

    id: str
    wallet_id: str
    url: str
    host: str
    body: bytes
    attempts: int
    tries: int
    lease_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended, and what that makes of its callback."""

    outcome: str
    state: str
    reason: str
    due_us: int
    status: int | None
    latency_ms: int
    detail: str
    reply: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who claims, at what time and until when, and how often a callback may be tried."""

    owner: str
    now_us: int
    until_us: int
    tries_max: int


_SHOWN = sa.select(*(callback.c[name] for name in Callback.__dataclass_fields__))


async def enqueue(
    connection: AsyncConnection,
    *,
    task_id: str,
    wallet_id: str,
    url: str,
    event: str,
    body: bytes,
    now_us: int,
) -> bool:
    """Write what is to be told of a task, in the transaction that ends it; due at once.

    `url` is what `check_callback_url` returned, `body` what is sent and signed. Return False where
    this event of the task has a callback already, which then stays as it is.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = (
        insert(callback)
        .values(
            id=callback_id(task_id, event),
            task_id=task_id,
            wallet_id=wallet_id,
            event=event,
            url=url,
            host=urlsplit(url).hostname or "",
            body=body,
            state=PENDING,
            reason="",
            due_us=now_us,
            created_us=now_us,
        )
        .on_conflict_do_nothing()
    )
    return (await connection.execute(statement)).rowcount == 1


def callback_id(task_id: str, event: str) -> str:
    """Return the id of a task's callback, which is its `webhook-id` for ever: no chance in it."""
    return f"cb_{hashlib.sha256(f'{task_id}.{event}'.encode()).hexdigest()[:32]}"


async def due(
    connection: AsyncConnection,
    lease: Lease,
    *,
    limit: int,
    room: Mapping[str, int],
    per_host: int,
) -> list[str]:
    """Return the ids of what could be claimed, the oldest first, and for each host within its room.

    `room` has the hosts that have less left than `per_host`. Takes no lock: with thousands due this
    takes a while, which no writer has to wait for.
    """
    place = sa.func.row_number().over(
        partition_by=callback.c.host, order_by=(callback.c.due_us, callback.c.id)
    )
    ranked = sa.select(
        callback.c.id, callback.c.host, callback.c.due_us, place.label("place")
    ).where(*_is_due(lease.now_us))
    found = ranked.subquery("ranked")
    places = sa.case(dict(room), value=found.c.host, else_=per_host) if room else per_host
    query = (
        sa.select(found.c.id)
        .where(found.c.place <= places)
        .order_by(found.c.due_us, found.c.id)
        .limit(limit)
    )
    return list((await connection.execute(query)).scalars())


async def claim(connection: AsyncConnection, lease: Lease, ids: Sequence[str]) -> list[Claim]:
    """Lease those of `ids` that are still due and nobody else's.

    An attempt is counted when it begins, so that a callback which kills its workers comes to an end
    as well: what has no try left is dead instead.
    """
    free = (
        sa.select(callback.c.id)
        .where(callback.c.id.in_(ids), *_is_due(lease.now_us))
        .order_by(callback.c.id)
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    is_free = callback.c.id.in_(sa.select(free.c.id))
    await _give_up(connection, lease, is_free)
    taken = (
        sa.update(callback)
        .where(is_free)
        .values(
            lease_owner=lease.owner,
            lease_until_us=lease.until_us,
            lease_seq=callback.c.lease_seq + 1,
            attempts=callback.c.attempts + 1,
            tries=callback.c.tries + 1,
        )
        .returning(*(callback.c[name] for name in Claim.__dataclass_fields__))
    )
    found = (await connection.execute(taken)).mappings().all()
    claims = [rows.record(Claim, row) for row in found]
    await _begin_attempts(connection, claims, lease.now_us)
    return claims


async def finish(connection: AsyncConnection, claimed: Claim, ending: Ending, now_us: int) -> bool:
    """Write how an attempt ended; False where the lease is another worker's by now.

    Then nothing is written: that worker delivers the callback again.
    """
    is_over = ending.state != PENDING
    done = await connection.execute(
        sa.update(callback)
        .where(
            callback.c.id == claimed.id,
            callback.c.state == PENDING,
            callback.c.lease_seq == claimed.lease_seq,
        )
        .values(
            state=ending.state,
            reason=ending.reason,
            due_us=ending.due_us,
            ended_us=now_us if is_over else None,
            lease_owner=None,
            lease_until_us=None,
        )
    )
    if done.rowcount != 1:
        return False
    await connection.execute(
        sa.update(callback_attempt)
        .where(_is_attempt(claimed))
        .values(
            outcome=ending.outcome,
            status=ending.status,
            latency_ms=ending.latency_ms,
            detail=ending.detail[:_DETAIL_MAX],
            reply=None if ending.reply is None else ending.reply[:REPLY_BYTES_MAX],
        )
    )
    return True


async def load(
    connection: AsyncConnection,
    *,
    state: str | None = None,
    wallet_id: str | None = None,
    ended_from_us: int | None = None,
    limit: int | None = None,
) -> list[Callback]:
    """Return the callbacks, newest first."""
    query = _SHOWN.order_by(callback.c.created_us.desc(), callback.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(callback.c.state == state)
    if wallet_id is not None:
        query = query.where(callback.c.wallet_id == wallet_id)
    if ended_from_us is not None:
        query = query.where(callback.c.ended_us >= ended_from_us)
    return [rows.record(Callback, row) for row in (await connection.execute(query)).mappings()]


async def find(
    connection: AsyncConnection, reference: str, *, is_locked: bool = False
) -> Callback | None:
    """Return the callback with this id, locked until the end of the transaction if so wanted."""
    query = _SHOWN.where(callback.c.id == reference)
    if is_locked:
        query = query.with_for_update()
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else rows.record(Callback, row)


async def attempts(connection: AsyncConnection, reference: str) -> list[Attempt]:
    """Return all attempts at a callback, the first one first."""
    query = (
        sa.select(*(callback_attempt.c[name] for name in Attempt.__dataclass_fields__))
        .where(callback_attempt.c.callback_id == reference)
        .order_by(callback_attempt.c.number)
    )
    return [rows.record(Attempt, row) for row in (await connection.execute(query)).mappings()]


async def replay(connection: AsyncConnection, reference: str, now_us: int) -> bool:
    """Make a callback due now, with all of its tries again; False while it is being delivered."""
    is_free = sa.or_(callback.c.lease_until_us.is_(None), callback.c.lease_until_us <= now_us)
    done = await connection.execute(
        sa.update(callback)
        .where(callback.c.id == reference, is_free)
        .values(
            state=PENDING,
            reason="",
            tries=0,
            due_us=now_us,
            ended_us=None,
            lease_owner=None,
            lease_until_us=None,
            lease_seq=callback.c.lease_seq + 1,
        )
    )
    return done.rowcount == 1


def _is_due(now_us: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        callback.c.state == sa.literal_column(f"'{PENDING}'"),  # as the index has it
        callback.c.due_us <= now_us,
        sa.or_(callback.c.lease_until_us.is_(None), callback.c.lease_until_us <= now_us),
    )


async def _give_up(
    connection: AsyncConnection, lease: Lease, is_free: sa.ColumnElement[bool]
) -> None:
    """End what has no try left: its last worker was gone, or the configuration allows fewer."""
    ended = (
        sa.update(callback)
        .where(is_free, callback.c.tries >= lease.tries_max)
        .values(
            state=DEAD,
            reason="exhausted",
            ended_us=lease.now_us,
            lease_owner=None,
            lease_until_us=None,
        )
        .returning(callback.c.id)
    )
    await _interrupt(connection, (await connection.execute(ended)).scalars().all())


async def _begin_attempts(
    connection: AsyncConnection, claims: Sequence[Claim], now_us: int
) -> None:
    if not claims:
        return
    await _interrupt(connection, [one.id for one in claims])
    values = [
        {
            "callback_id": one.id,
            "number": one.attempts,
            "started_us": now_us,
            "outcome": STARTED,
            "detail": "",
        }
        for one in claims
    ]
    await connection.execute(sa.insert(callback_attempt), values)


async def _interrupt(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """Note that whoever began an attempt at these is gone."""
    if ids:
        open_ones = sa.and_(
            callback_attempt.c.callback_id.in_(ids), callback_attempt.c.outcome == STARTED
        )
        await connection.execute(
            sa.update(callback_attempt).where(open_ones).values(outcome=INTERRUPTED)
        )


def _is_attempt(claimed: Claim) -> sa.ColumnElement[bool]:
    return sa.and_(
        callback_attempt.c.callback_id == claimed.id,
        callback_attempt.c.number == claimed.attempts,
    )
