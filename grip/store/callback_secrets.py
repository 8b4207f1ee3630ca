"""The secrets that sign a wallet's callbacks: one, and two while they are rotated."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import rows, wallets
from grip.store.tables import callback_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret that signs; `shown_us` is None where nobody was told it."""

    id: str
    wallet_id: str
    secret: str
    created_us: int
    shown_us: int | None
    ends_us: int | None


async def active(connection: AsyncConnection, wallet_id: str, now_us: int) -> list[Secret]:
    """Return the secrets that sign at this time, the newest first."""
    query = (
        sa.select(callback_secret)
        .where(
            callback_secret.c.wallet_id == wallet_id,
            sa.or_(callback_secret.c.ends_us.is_(None), callback_secret.c.ends_us > now_us),
        )
        .order_by(callback_secret.c.created_us.desc(), callback_secret.c.id.desc())
    )
    return [rows.record(Secret, row) for row in (await connection.execute(query)).mappings()]


async def ensure(connection: AsyncConnection, fresh: Secret) -> list[Secret]:
    """Return the secrets that sign, which is `fresh` where the wallet has none yet."""
    await wallets.lock(connection, fresh.wallet_id)
    found = await active(connection, fresh.wallet_id, fresh.created_us)
    if found:
        return found
    await insert(connection, fresh)
    return [fresh]


async def insert(connection: AsyncConnection, secret: Secret) -> None:
    """Write a new secret of a locked wallet."""
    values = {name: getattr(secret, name) for name in Secret.__dataclass_fields__}
    await connection.execute(sa.insert(callback_secret).values(values))


async def end(connection: AsyncConnection, secret_id: str, at_us: int) -> None:
    """Let a secret of a locked wallet sign until then, if it does not end sooner."""
    later = sa.or_(callback_secret.c.ends_us.is_(None), callback_secret.c.ends_us > at_us)
    await connection.execute(
        sa.update(callback_secret)
        .where(callback_secret.c.id == secret_id, later)
        .values(ends_us=at_us)
    )


async def forget(connection: AsyncConnection, before_us: int) -> int:
    """Delete the secrets that have signed nothing since then; return how many."""
    gone = sa.delete(callback_secret).where(callback_secret.c.ends_us < before_us)
    return (await connection.execute(gone)).rowcount
