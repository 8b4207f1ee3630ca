"""Claims of Idempotency-Keys and the answers kept under them, aside from the request path."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.money import claims
from grip.money.states import ClaimState
from grip.store.tables import holds, idempotency, idempotency_answer, usage


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """An answer as it was given, and what the call was charged: nothing yet, of a task's start."""

    request_id: str
    content_type: str
    body: bytes
    credits: int
    cost_nano: int


async def find(connection: AsyncConnection, key_id: str, idem_key: str) -> ClaimState | None:
    """Return the claim on an Idempotency-Key, None where there is none."""
    query = sa.select(*(idempotency.c[name] for name in ClaimState._fields)).where(
        idempotency.c.key_id == key_id, idempotency.c.idem_key == idem_key
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else ClaimState(*row)


async def answer(connection: AsyncConnection, request_id: str) -> StoredAnswer | None:
    """Return the answer that is kept of a request, None where none is."""
    query = (
        sa.select(
            idempotency.c.request_id,
            idempotency.c.content_type,
            idempotency_answer.c.body,
            sa.func.coalesce(usage.c.credits, 0).label("credits"),
            sa.func.coalesce(usage.c.cost_nano, 0).label("cost_nano"),
        )
        .join(idempotency_answer, idempotency_answer.c.request_id == idempotency.c.request_id)
        .outerjoin(usage, usage.c.request_id == idempotency.c.request_id)
        .where(idempotency.c.request_id == request_id, idempotency.c.state == claims.KEPT)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else StoredAnswer(**row)


async def keep(
    connection: AsyncConnection, claim: ClaimState, content_type: str, body: bytes
) -> None:
    """Write a claim with the answer that stands for it from its beginning."""
    values = claim._asdict() | {"state": claims.KEPT, "content_type": content_type}
    await connection.execute(sa.insert(idempotency).values(values))
    await put_answer(connection, claim.request_id, body, claim.created_us)


async def drop(connection: AsyncConnection, key_id: str, idem_key: str) -> None:
    """Delete a claim that is over, to make room for another."""
    await connection.execute(
        sa.delete(idempotency).where(
            idempotency.c.key_id == key_id, idempotency.c.idem_key == idem_key
        )
    )


async def put_answer(
    connection: AsyncConnection, request_id: str, body: bytes, now_us: int
) -> None:
    """Store an answer that is too large for the transaction which charges it, before that one."""
    values = {"request_id": request_id, "body": body, "created_us": now_us}
    await connection.execute(sa.insert(idempotency_answer).values(values))


async def sweep(connection: AsyncConnection, before_us: int, limit: int) -> int:
    """Delete claims and answers from before then, at most `limit` of each; return how many.

    A claim whose request is still held stays, however long that runs, and so does its answer.
    """
    running = sa.select(holds.c.request_id)
    gone = 0
    for table in (idempotency, idempotency_answer):
        old = (
            sa.select(table.c.request_id)
            .where(table.c.created_us < before_us, table.c.request_id.not_in(running))
            .order_by(table.c.created_us)
            .limit(limit)
            # What another node sweeps, or a call takes over, is left to it.
            .with_for_update(skip_locked=True)
        )
        done = await connection.execute(sa.delete(table).where(table.c.request_id.in_(old)))
        gone += done.rowcount
    return gone
