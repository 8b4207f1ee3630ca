"""API keys: every change of what a key may do bumps its version, in the same transaction.

The request path compares the version at admission, so whatever it remembers of a key is worthless
from the moment the change is committed.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.store import references, rows
from grip.store.records import Caller, Key, ProviderPolicy
from grip.store.tables import account, api_key, member, model, model_alias, wallet

_holder = account.alias("holder")
_owner = account.alias("owner")

_KEY = (
    sa.select(
        *(c for c in api_key.c if c.name not in {"hash", "version", "rpm_log"}),
        _holder.c.email.label("member"),
        member.c.left_us,
        sa.func.coalesce(_holder.c.disabled_us, _owner.c.disabled_us).label("disabled_us"),
    )
    .join(member, member.c.id == api_key.c.member_id)
    .join(wallet, wallet.c.id == api_key.c.wallet_id)
    .join(_holder, _holder.c.id == member.c.account_id)
    .join(_owner, _owner.c.id == wallet.c.owner_id)
)
_LISTED = member.c.left_us.is_(None)


async def insert(connection: AsyncConnection, values: dict[str, Any]) -> None:
    """Write a new key: the columns of `api_key` by name, counters and version left out."""
    await connection.execute(sa.insert(api_key).values(values))


async def load(
    connection: AsyncConnection, *, wallet_id: str | None = None, limit: int | None = None
) -> list[Key]:
    """Return the keys of present members, newest first."""
    query = _KEY.where(_LISTED).order_by(api_key.c.created_us.desc(), api_key.c.id.desc())
    if wallet_id is not None:
        query = query.where(api_key.c.wallet_id == wallet_id)
    found = (await connection.execute(query.limit(limit))).mappings()
    return [_record(row) for row in found]


async def match(connection: AsyncConnection, reference: str) -> list[Key]:
    """Return the keys that `reference` may mean: an id, or the name of one that is listed."""
    conditions = (api_key.c.id == reference, sa.and_(api_key.c.name == reference, _LISTED))
    return [_record(row) for row in await references.first_match(connection, _KEY, conditions)]


async def get(connection: AsyncConnection, key_id: str) -> Key:
    """Return the key with an id that is known to be there."""
    found = (await connection.execute(_KEY.where(api_key.c.id == key_id))).mappings().one()
    return _record(found)


async def roll(connection: AsyncConnection, key_id: str, *, key_hash: str, last4: str) -> None:
    """Give an unrevoked key of a locked wallet another secret."""
    await _change(connection, key_id, {"hash": key_hash, "last4": last4})


async def revoke(connection: AsyncConnection, key_id: str, at_us: int) -> None:
    """End an unrevoked key of a locked wallet."""
    await _change(connection, key_id, {"revoked_us": at_us})


async def bump_of_member(connection: AsyncConnection, member_id: str) -> list[str]:
    """Mark all keys of a member as changed; the wallet is locked. Returns their ids."""
    chosen = api_key.c.member_id == member_id
    await _bump(connection, chosen)
    query = sa.select(api_key.c.id).where(chosen).order_by(api_key.c.id)
    return list((await connection.execute(query)).scalars())


async def bump_of_wallet(connection: AsyncConnection, wallet_id: str) -> None:
    """Mark all keys of a locked wallet as changed."""
    await _bump(connection, api_key.c.wallet_id == wallet_id)


async def bump_of_account(
    connection: AsyncConnection, account_id: str, wallet_ids: Sequence[str]
) -> None:
    """Mark as changed the keys that an account holds, and all keys of the wallets it owns.

    `wallet_ids` are those that are locked, outside of which there are none.
    """
    owned = sa.select(wallet.c.id).where(wallet.c.owner_id == account_id)
    held = sa.select(member.c.id).where(
        member.c.account_id == account_id, member.c.wallet_id.in_(wallet_ids)
    )
    await _bump(connection, sa.or_(api_key.c.wallet_id.in_(owned), api_key.c.member_id.in_(held)))


async def unknown_models(connection: AsyncConnection, names: Iterable[str]) -> list[str]:
    """Return those of `names` that are neither a model nor an alias, in their order."""
    wanted = list(names)
    known = sa.union(
        sa.select(model.c.name).where(model.c.name.in_(wanted)),
        sa.select(model_alias.c.alias).where(model_alias.c.alias.in_(wanted)),
    )
    present = set((await connection.execute(known)).scalars())
    return [name for name in wanted if name not in present]


async def caller(connection: AsyncConnection, key_id: str) -> Caller | None:
    """Return who calls with a key, whatever has become of it; None where it was never there."""
    query = (
        sa.select(
            api_key.c.id.label("key_id"),
            api_key.c.name.label("key_name"),
            api_key.c.version.label("key_version"),
            api_key.c.wallet_id,
            api_key.c.member_id,
            member.c.account_id,
            wallet.c.owner_id,
            wallet.c.tier,
            wallet.c.providers,
            api_key.c.models,
            api_key.c.groups,
            api_key.c.content_logging,
            api_key.c.expires_us,
            api_key.c.revoked_us,
        )
        .join(member, member.c.id == api_key.c.member_id)
        .join(wallet, wallet.c.id == api_key.c.wallet_id)
        .where(api_key.c.id == key_id)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _caller(row)


def _caller(row: sa.RowMapping) -> Caller:
    logging = row["content_logging"]
    return Caller(
        key_id=row["key_id"],
        key_name=row["key_name"],
        key_version=row["key_version"],
        wallet_id=row["wallet_id"],
        member_id=row["member_id"],
        account_id=row["account_id"],
        is_owner=row["owner_id"] == row["account_id"],
        tier=row["tier"],
        models=None if row["models"] is None else frozenset(row["models"]),
        groups=None if row["groups"] is None else frozenset(row["groups"]),
        providers=msgspec.convert(row["providers"], ProviderPolicy | None),
        content_logging=None if logging is None else bool(logging),
        expires_us=row["expires_us"],
        usable=row["revoked_us"] is None,
    )


async def _change(connection: AsyncConnection, key_id: str, values: dict[str, Any]) -> None:
    statement = (
        sa.update(api_key)
        .where(api_key.c.id == key_id, api_key.c.revoked_us.is_(None))
        .values(**values, version=api_key.c.version + 1)
    )
    if (await connection.execute(statement)).rowcount != 1:
        raise errors.BooksBroken(f"the API key {key_id} ended while its wallet was locked")


async def _bump(connection: AsyncConnection, chosen: sa.ColumnElement[bool]) -> None:
    statement = sa.update(api_key).where(chosen).values(version=api_key.c.version + 1)
    await connection.execute(statement)


def _record(row: sa.RowMapping) -> Key:
    logging = row["content_logging"]
    return rows.record(Key, {**row, "content_logging": None if logging is None else bool(logging)})
