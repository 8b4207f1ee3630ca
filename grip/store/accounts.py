"""Accounts: who owns wallets and may be a member of others."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.store import references, rows
from grip.store.records import Account
from grip.store.tables import account, wallet

_ACCOUNT = sa.select(account, wallet.c.id.label("wallet_id")).join(
    wallet, wallet.c.owner_id == account.c.id
)


async def insert(
    connection: AsyncConnection, *, account_id: str, email: str, name: str, created_us: int
) -> None:
    """Write a new account; raises Conflict where the e-mail is taken."""
    values = {"id": account_id, "email": email, "name": name, "created_us": created_us}
    try:
        await connection.execute(sa.insert(account).values(values))
    except sa.exc.IntegrityError as error:
        raise errors.Conflict(
            f"there is an account with the e-mail {email} already", param="email"
        ) from error


async def load(connection: AsyncConnection, *, limit: int | None = None) -> list[Account]:
    """Return the accounts, newest first."""
    query = _ACCOUNT.order_by(account.c.created_us.desc(), account.c.id.desc()).limit(limit)
    return [rows.record(Account, row) for row in (await connection.execute(query)).mappings()]


async def match(connection: AsyncConnection, reference: str, email: str) -> list[Account]:
    """Return the accounts that `reference` may mean; `email` is how it reads as an address."""
    conditions = (
        account.c.id == reference,
        account.c.email == email,
        account.c.name == reference,
    )
    found = await references.first_match(connection, _ACCOUNT, conditions)
    return [rows.record(Account, row) for row in found]


async def share(connection: AsyncConnection, *account_ids: str) -> list[Account]:
    """Return accounts and keep them as they are until the end of the transaction.

    Accounts are locked before wallets, everywhere.
    """
    query = (
        _ACCOUNT.where(account.c.id.in_(account_ids))
        .order_by(account.c.id)
        .with_for_update(read=True, of=account)
    )
    return [rows.record(Account, row) for row in (await connection.execute(query)).mappings()]


async def disable(connection: AsyncConnection, account_id: str, at_us: int) -> bool:
    """Mark an account as disabled; return whether it was not."""
    statement = (
        sa.update(account)
        .where(account.c.id == account_id, account.c.disabled_us.is_(None))
        .values(disabled_us=at_us)
    )
    return (await connection.execute(statement)).rowcount == 1


async def enable(connection: AsyncConnection, account_id: str) -> bool:
    """Take the mark away; return whether it was there."""
    statement = (
        sa.update(account)
        .where(account.c.id == account_id, account.c.disabled_us.is_not(None))
        .values(disabled_us=None)
    )
    return (await connection.execute(statement)).rowcount == 1
