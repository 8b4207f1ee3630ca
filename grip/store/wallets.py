"""Wallets: their row is what every change of money locks first."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.store import references, rows
from grip.store.records import ProviderPolicy, Wallet
from grip.store.tables import account, member, wallet

_WALLET = sa.select(
    wallet.c.id,
    wallet.c.owner_id,
    account.c.email.label("owner"),
    wallet.c.tier,
    wallet.c.balance,
    wallet.c.held,
    wallet.c.debt,
    wallet.c.carry_nano,
    wallet.c.created_us,
    wallet.c.providers,
).join(account, account.c.id == wallet.c.owner_id)


async def insert(
    connection: AsyncConnection, *, wallet_id: str, owner_id: str, tier: str, created_us: int
) -> None:
    """Write a new, empty wallet."""
    values = {"id": wallet_id, "owner_id": owner_id, "tier": tier, "created_us": created_us}
    await connection.execute(sa.insert(wallet).values(values))


async def load(connection: AsyncConnection, *, limit: int | None = None) -> list[Wallet]:
    """Return the wallets, newest first."""
    query = _WALLET.order_by(wallet.c.created_us.desc(), wallet.c.id.desc()).limit(limit)
    return [_record(row) for row in (await connection.execute(query)).mappings()]


async def match(connection: AsyncConnection, reference: str, email: str) -> list[Wallet]:
    """Return the wallets that `reference` may mean: its id, or its owner's id, e-mail or name."""
    conditions = (
        wallet.c.id == reference,
        wallet.c.owner_id == reference,
        account.c.email == email,
        account.c.name == reference,
    )
    found = await references.first_match(connection, _WALLET, conditions)
    return [_record(row) for row in found]


async def lock(connection: AsyncConnection, wallet_id: str) -> Wallet:
    """Return a wallet as it stands, locked until the end of the transaction."""
    query = _WALLET.where(wallet.c.id == wallet_id).with_for_update(of=wallet)
    found = (await connection.execute(query)).mappings().one_or_none()
    if found is None:
        raise errors.BooksBroken(f"the wallet {wallet_id} has gone; restore the database")
    return _record(found)


async def lock_all_of(connection: AsyncConnection, account_id: str) -> Sequence[str]:
    """Lock the wallets that an account owns or is a member of, in id order; return their ids."""
    joined = sa.select(member.c.wallet_id).where(
        member.c.account_id == account_id, member.c.left_us.is_(None)
    )
    query = (
        sa.select(wallet.c.id)
        .where(sa.or_(wallet.c.owner_id == account_id, wallet.c.id.in_(joined)))
        .order_by(wallet.c.id)
        .with_for_update()
    )
    return (await connection.execute(query)).scalars().all()


async def move(
    connection: AsyncConnection, wallet_id: str, *, balance: int = 0, debt: int = 0, held: int = 0
) -> None:
    """Add to a locked wallet's counters; BooksBroken where one cannot be what it would become."""
    statement = (
        sa.update(wallet)
        .where(
            wallet.c.id == wallet_id,
            wallet.c.balance + balance >= wallet.c.held + held,
            wallet.c.debt + debt >= 0,
            wallet.c.held + held >= 0,
        )
        .values(
            balance=wallet.c.balance + balance,
            debt=wallet.c.debt + debt,
            held=wallet.c.held + held,
        )
    )
    if (await connection.execute(statement)).rowcount != 1:
        raise errors.BooksBroken(f"the wallet {wallet_id} cannot take a change it was locked for")


async def set_tier(connection: AsyncConnection, wallet_id: str, *, old: str, new: str) -> None:
    """Put a locked wallet from one tier on another."""
    statement = (
        sa.update(wallet).where(wallet.c.id == wallet_id, wallet.c.tier == old).values(tier=new)
    )
    if (await connection.execute(statement)).rowcount != 1:
        raise errors.BooksBroken(f"the wallet {wallet_id} left the tier {old} while it was locked")


async def set_providers(
    connection: AsyncConnection,
    wallet_id: str,
    *,
    old: ProviderPolicy | None,
    new: ProviderPolicy | None,
) -> None:
    """Put another policy in the place of a locked wallet's old one; its keys are bumped apart."""
    statement = (
        sa.update(wallet)
        .where(wallet.c.id == wallet_id, wallet.c.providers.is_not_distinct_from(_words(old)))
        .values(providers=_words(new))
    )
    if (await connection.execute(statement)).rowcount != 1:
        raise errors.BooksBroken(f"the policy of {wallet_id} changed while it was locked")


def _words(policy: ProviderPolicy | None) -> Any:
    """Return what is stored of a policy: the same for the same, so that it can be compared."""
    return msgspec.to_builtins(policy, order="deterministic")


def _record(row: sa.RowMapping) -> Wallet:
    policy = msgspec.convert(row["providers"], ProviderPolicy | None)
    return rows.record(Wallet, {**row, "providers": policy})
