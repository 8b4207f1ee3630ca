"""Wallet, key and member, locked, as the values that money's rules work on, and written back.

For what is not in a hurry: the hot path has statements of its own (`books/`). The order of locks
is the same: wallet, key, member, claim.
"""

import inspect
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip import errors
from grip.money.states import KeyState, MemberState, WalletState
from grip.store.tables import api_key, catalog, member, wallet

_WALLET = tuple(inspect.get_annotations(WalletState))
_KEY = tuple(inspect.get_annotations(KeyState))
_MEMBER = tuple(inspect.get_annotations(MemberState))
_WALLET_WRITTEN = ("balance", "held", "debt", "carry_nano", "qps_log", "tpm_log")
_KEY_WRITTEN = ("spent", "spent_nano", "held_nano", "rpm_log")
_MEMBER_WRITTEN = ("spent", "spent_nano", "held_nano")


async def lock(
    connection: AsyncConnection, wallet_id: str, key_id: str, member_id: str
) -> tuple[WalletState, KeyState, MemberState]:
    """Return the three rows as they stand, locked until the end of the transaction."""
    return (
        WalletState(*await _row(connection, wallet, _WALLET, wallet_id)),
        KeyState(*await _row(connection, api_key, _KEY, key_id)),
        MemberState(*await _row(connection, member, _MEMBER, member_id)),
    )


async def write(
    connection: AsyncConnection, purse: WalletState, key: KeyState, owner: MemberState
) -> None:
    """Write locked rows back; raises BooksBroken where one has gone."""
    await _write(connection, wallet, purse, _WALLET_WRITTEN)
    await _write(connection, api_key, key, _KEY_WRITTEN)
    await _write(connection, member, owner, _MEMBER_WRITTEN)


async def catalog_version(connection: AsyncConnection) -> int:
    """Return the version of prices and channels that holds now."""
    version: int = (await connection.execute(sa.select(catalog.c.version))).scalar_one()
    return version


async def now_us(connection: AsyncConnection, clock_us: int) -> int:
    """Return the database's time, which is the node's own on SQLite."""
    if connection.dialect.name == "sqlite":
        return clock_us
    epoch = sa.extract("epoch", sa.func.clock_timestamp()) * sa.literal_column("1000000")
    found: int = (await connection.execute(sa.select(sa.cast(epoch, sa.BigInteger)))).scalar_one()
    return found


async def _row(
    connection: AsyncConnection, table: sa.Table, names: tuple[str, ...], id_: str
) -> Any:
    query = sa.select(*(table.c[name] for name in names)).where(table.c.id == id_)
    row = (await connection.execute(query.with_for_update(of=table))).one_or_none()
    if row is None:
        raise errors.BooksBroken(f"{table.name}: {id_} has gone; restore the database")
    return row


async def _write(
    connection: AsyncConnection, table: sa.Table, state: Any, names: tuple[str, ...]
) -> None:
    values = {name: getattr(state, name) for name in names}
    done = await connection.execute(sa.update(table).where(table.c.id == state.id).values(values))
    if done.rowcount != 1:
        raise errors.BooksBroken(f"{table.name}: {state.id} has gone; restore the database")
