"""Members: who may draw on a wallet, and up to which limit; those who left stay on record."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.store import rows
from grip.store.records import Member
from grip.store.tables import account, member, wallet

_MEMBER = (
    sa.select(
        member,
        account.c.email,
        (wallet.c.owner_id == member.c.account_id).label("is_owner"),
    )
    .join(account, account.c.id == member.c.account_id)
    .join(wallet, wallet.c.id == member.c.wallet_id)
)
_PRESENT = member.c.left_us.is_(None)


async def insert(
    connection: AsyncConnection,
    *,
    member_id: str,
    wallet_id: str,
    account_id: str,
    credit_limit: int | None,
    created_us: int,
) -> None:
    """Write a new membership; the wallet is locked, or new in this transaction."""
    statement = sa.insert(member).values(
        id=member_id,
        wallet_id=wallet_id,
        account_id=account_id,
        credit_limit=credit_limit,
        created_us=created_us,
    )
    await connection.execute(statement)


async def load(
    connection: AsyncConnection, wallet_id: str, *, limit: int | None = None
) -> list[Member]:
    """Return the present members of a wallet, newest first."""
    query = (
        _MEMBER.where(member.c.wallet_id == wallet_id, _PRESENT)
        .order_by(member.c.created_us.desc(), member.c.id.desc())
        .limit(limit)
    )
    return [rows.record(Member, row) for row in (await connection.execute(query)).mappings()]


async def count(connection: AsyncConnection, wallet_id: str) -> int:
    """Return how many members a wallet has at present, its owner included."""
    query = sa.select(sa.func.count()).where(member.c.wallet_id == wallet_id, _PRESENT)
    return (await connection.execute(query)).scalar_one()


async def find(connection: AsyncConnection, wallet_id: str, account_id: str) -> Member | None:
    """Return the present membership of an account in a wallet, None where there is none."""
    query = _MEMBER.where(
        member.c.wallet_id == wallet_id, member.c.account_id == account_id, _PRESENT
    )
    found = (await connection.execute(query)).mappings().one_or_none()
    return None if found is None else rows.record(Member, found)


async def get(connection: AsyncConnection, member_id: str) -> Member:
    """Return the membership with an id that is known to be there, ended or not."""
    found = (await connection.execute(_MEMBER.where(member.c.id == member_id))).mappings().one()
    return rows.record(Member, found)


async def set_limit(connection: AsyncConnection, member_id: str, credit_limit: int | None) -> None:
    """Set or lift the limit of a present member of a locked wallet."""
    await _update(connection, member_id, {"credit_limit": credit_limit})


async def leave(connection: AsyncConnection, member_id: str, at_us: int) -> None:
    """End a present membership in a locked wallet."""
    await _update(connection, member_id, {"left_us": at_us})


async def _update(
    connection: AsyncConnection, member_id: str, values: dict[str, int | None]
) -> None:
    statement = sa.update(member).where(member.c.id == member_id, _PRESENT).values(values)
    if (await connection.execute(statement)).rowcount != 1:
        raise errors.BooksBroken(f"the member {member_id} left while the wallet was locked")
