"""What the database says of itself: its version and settings, its time, and its oldest rows.

Only reads, and only what an index or a small table answers at once.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store.tables import (
    audit,
    boot,
    callback,
    detail,
    holds,
    idempotency_answer,
    ledger_transfer,
    task,
    task_result,
    upstream_event,
    usage,
)

_ASKED: Final = ("fsync", "full_page_writes", "zero_damaged_pages", "ignore_checksum_failure")


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteState:
    """How SQLite is set; `synchronous` is 2 where each commit is flushed, 3 where more is."""

    version: tuple[int, int, int]
    journal_mode: str
    synchronous: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresState:
    """How PostgreSQL is set; `version` is 170004 for 17.4.

    `default_synchronous_commit` is what connections have that ask for nothing else.
    """

    version: int
    settings: Mapping[str, str]
    default_synchronous_commit: str
    is_replica: bool
    is_remote: bool
    is_encrypted: bool


async def sqlite(connection: AsyncConnection) -> SqliteState:
    """Return how this connection to SQLite is set."""
    mode = await connection.exec_driver_sql("PRAGMA journal_mode")
    flushes = await connection.exec_driver_sql("PRAGMA synchronous")
    major, minor, patch = sqlite3.sqlite_version_info
    return SqliteState(
        version=(major, minor, patch),
        journal_mode=str(mode.scalar_one()),
        synchronous=int(flushes.scalar_one()),
    )


async def postgres(connection: AsyncConnection) -> PostgresState:
    """Return how this PostgreSQL is set."""
    query = sa.text("SELECT name, setting, reset_val FROM pg_settings WHERE name = ANY(:names)")
    asked = [*_ASKED, "synchronous_commit", "server_version_num"]
    rows = {row.name: row for row in await connection.execute(query, {"names": asked})}
    about = (
        await connection.execute(
            sa.text(
                "SELECT pg_is_in_recovery() AS is_replica, "
                "inet_client_addr() IS NOT NULL "
                "AND inet_client_addr() IS DISTINCT FROM inet_server_addr() AS is_remote, "
                "COALESCE((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) "
                "AS is_encrypted"
            )
        )
    ).one()
    return PostgresState(
        version=int(rows["server_version_num"].setting),
        settings={name: rows[name].setting for name in _ASKED if name in rows},
        default_synchronous_commit=rows["synchronous_commit"].reset_val,
        is_replica=about.is_replica,
        is_remote=about.is_remote,
        is_encrypted=about.is_encrypted,
    )


async def now_us(connection: AsyncConnection) -> int | None:
    """Return the time of the database's machine; None where that is this one."""
    if connection.dialect.name == "sqlite":
        return None
    query = sa.text("SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint")
    return int((await connection.execute(query)).scalar_one())


async def newest_us(connection: AsyncConnection) -> dict[str, int]:
    """Return the times of the newest rows of the journals, by what they are; none of empty ones."""
    asked = {
        "the newest call": (usage.c.created_us, usage.c.seq),
        "the newest transfer": (ledger_transfer.c.created_us, ledger_transfer.c.seq),
        "the newest change": (audit.c.at_us, audit.c.seq),
    }
    found: dict[str, int] = {}
    for what, (at_us, seq) in asked.items():
        newest = sa.select(at_us).order_by(seq.desc()).limit(1)
        if (row := (await connection.execute(newest)).scalar_one_or_none()) is not None:
            found[what] = row
    return found


async def oldest_us(connection: AsyncConnection) -> dict[str, int]:
    """Return the times of the oldest rows of tables that are swept; none of empty ones.

    Of results it is when the one was due that has waited longest, of tasks the end of the first
    one whose input is there.
    """
    asked = {
        "detail": sa.select(sa.func.min(detail.c.created_us)),
        "idempotency_answer": sa.select(sa.func.min(idempotency_answer.c.created_us)),
        "upstream_event": sa.select(sa.func.min(upstream_event.c.taken_us)),
        "task_result": sa.select(sa.func.min(task_result.c.expires_us)).where(
            task_result.c.deleted_us.is_(None)
        ),
        "task": sa.select(sa.func.min(task.c.completed_us)).where(
            task.c.completed_us.is_not(None), task.c.wiped_us.is_(None)
        ),
        "boot": sa.select(sa.func.min(boot.c.ended_us)),
        "callback": sa.select(sa.func.min(callback.c.ended_us)),
    }
    found: dict[str, int] = {}
    for table, query in asked.items():
        if (row := (await connection.execute(query)).scalar_one_or_none()) is not None:
            found[table] = row
    return found


async def old_holds(connection: AsyncConnection, before_us: int) -> int:
    """Return how many holds of calls were made before then."""
    query = sa.select(sa.func.count()).select_from(holds).where(holds.c.admitted_us < before_us)
    return int((await connection.execute(query)).scalar_one())


async def late_tasks(connection: AsyncConnection, before_us: int) -> int:
    """Return how many tasks are open whose deadline was before then."""
    late = (task.c.completed_us.is_(None), task.c.deadline_us < before_us)
    query = sa.select(sa.func.count()).select_from(task).where(*late)
    return int((await connection.execute(query)).scalar_one())
