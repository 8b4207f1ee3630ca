"""The rows of `tier_change`: every tier that a wallet came to, and what led there."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import rows
from grip.store.tables import tier_change


@dataclass(frozen=True, slots=True, kw_only=True)
class TierChange:
    """One change; `cause` is the order that led to it, empty where the operator made it."""

    wallet_id: str
    before: str
    after: str
    cause: str
    actor: str
    reason: str
    at_us: int


async def append(
    connection: AsyncConnection,
    *,
    wallet_id: str,
    before: str,
    after: str,
    cause: str = "",
    actor: str,
    reason: str,
    at_us: int,
) -> None:
    """Write a change, in the transaction that makes it."""
    await connection.execute(
        sa.insert(tier_change).values(
            wallet_id=wallet_id,
            before=before,
            after=after,
            cause=cause,
            actor=actor,
            reason=reason,
            at_us=at_us,
        )
    )


async def load(connection: AsyncConnection, wallet_id: str) -> list[TierChange]:
    """Return the changes of a wallet, newest first."""
    query = (
        sa.select(tier_change)
        .where(tier_change.c.wallet_id == wallet_id)
        .order_by(tier_change.c.seq.desc())
    )
    return [rows.record(TierChange, row) for row in (await connection.execute(query)).mappings()]


async def given(connection: AsyncConnection, wallet_id: str) -> str | None:
    """Return the tier that the operator gave last, or the one before any payment moved it.

    None where the wallet has never changed.
    """
    changes = await load(connection, wallet_id)
    by_hand = [change.after for change in changes if not change.cause]
    if by_hand:
        return by_hand[0]
    return changes[-1].before if changes else None
