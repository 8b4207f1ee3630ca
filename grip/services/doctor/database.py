"""The database: its version, its settings, where it lies, its schema, and who may read it."""

import socket
from pathlib import Path
from typing import Final

from grip.services import deployment
from grip.services.context import Context
from grip.services.doctor.files import is_open_to_all
from grip.services.doctor.finding import Finding, error, fine, unless, warning
from grip.store import condition, filesystems, guards, schema
from grip.store.condition import PostgresState, SqliteState

_NAME: Final = "database"
_SCHEMA: Final = "schema"
_PLACE: Final = "database_place"

_RESET_FIXED: Final = (3, 51, 3)
_RESET_BACKPORTS: Final = {(3, 44): 6, (3, 50): 7}
_FLUSHES: Final = (2, 3)
"""The values of SQLite's `synchronous` that flush the log with each commit: FULL and EXTRA."""

_POSTGRES_MIN: Final = 140_000
_MUST_BE_ON: Final = {
    "fsync": "a power cut can destroy the whole database",
    "full_page_writes": "a power cut can leave torn pages",
}
_MUST_BE_OFF: Final = {
    "zero_damaged_pages": "damaged rows disappear without a word",
    "ignore_checksum_failure": "damaged rows are taken for good ones",
}


def is_missing(context: Context) -> bool:
    """Return whether the database is a file without a byte, not there, or not to be seen."""
    path = context.database.path
    return path is not None and not _size(path)


def missing(context: Context) -> list[Finding]:
    """Return that there is no database yet; nothing is opened, since that would begin one."""
    path = context.database.path
    if path is not None and _size(path) == 0:
        return [warning(_NAME, f"{path} is empty.", "Run grip db upgrade, or grip db restore.")]
    return [
        warning(
            _NAME,
            f"{path} is not there, or this user may not see it.",
            "Run grip db upgrade, name another database in [database] url, or run grip doctor as "
            "the user that grip runs as.",
        )
    ]


def _size(path: Path) -> int | None:
    """Return how large a file is, None where it is not there, or a folder keeps this user out."""
    try:
        return path.stat().st_size
    except OSError:
        return None


async def check(context: Context) -> list[Finding]:
    """Return what is risky about the engine; raises DatabaseUnavailable where it is away."""
    async with context.database.read() as connection:
        if context.database.is_sqlite:
            state: SqliteState | PostgresState = await condition.sqlite(connection)
        else:
            state = await condition.postgres(connection)
    if isinstance(state, SqliteState):
        found = of_sqlite(state)
        told = f"SQLite {_dotted(state.version)}"
    else:
        found = of_postgres(state)
        told = f"PostgreSQL {state.version // 10_000}.{state.version % 10_000}"
    return unless(found, _NAME, f"{told}, with settings that keep what was committed.")


async def tables(context: Context) -> list[Finding]:
    """Return whether the schema is this version's, and its guards are there."""
    found = await schema.status(context.database)
    if found.is_newer and found.is_usable:
        return [
            warning(
                _SCHEMA,
                f"The database is at {found.current}, of a newer grip than this one.",
                "It goes on for now: install the newer grip here too.",
            )
        ]
    if not found.is_current:
        is_newer = found.current is not None and found.current > found.head
        return [
            error(
                _SCHEMA,
                f"The database is at {found.current or 'nothing'}, this version needs "
                f"{found.head}.",
                "Install the newer grip." if is_newer else "Run grip db upgrade.",
            )
        ]
    async with context.database.read() as connection:
        gone = await guards.missing(connection)
    if gone:
        return [
            error(
                _SCHEMA,
                f"Triggers that keep the journals append-only are missing: {', '.join(gone)}.",
                "Restore a backup beside it, compare with grip ledger verify, and find out who "
                "dropped them.",
            )
        ]
    return [fine(_SCHEMA, f"The database is at {found.head}, as this version needs it.")]


async def place(context: Context) -> list[Finding]:
    """Return what is risky about where the database lies, and who shares it."""
    path = context.database.path
    found = [] if path is None else of_place(path)
    for risk in await deployment.shared_risks(context, socket.gethostname()):
        sentence, _, remedy = risk.partition("; ")
        found.append(error(_PLACE, f"{sentence}.", f"{remedy[:1].upper()}{remedy[1:]}."))
    return unless(found, _PLACE, "The database lies where it lasts.")


def of_place(path: Path) -> list[Finding]:
    """Return what is risky about where a file lies."""
    found = []
    if kind := filesystems.fleeting_kind(path):
        found.append(
            error(
                _PLACE,
                f"{path} lies on {kind}, which is gone after a restart of machine or container.",
                "Move it to a disk, or to a volume of the container.",
            )
        )
    elif path.resolve().is_relative_to("/tmp"):  # noqa: S108 - what is looked for
        found.append(
            error(
                _PLACE,
                f"{path} lies in /tmp, which systems empty when they please.",
                "Move it, such as to /var/lib/grip.",
            )
        )
    if is_open_to_all(path):
        found.append(
            warning(
                _PLACE,
                f"Every user of this machine can read {path}: customers' names and content, and "
                "the secrets that sign callbacks.",
                f"chmod 600 {path} {path}-*, or chmod 700 its folder.",
            )
        )
    return found


def of_sqlite(state: SqliteState) -> list[Finding]:
    """Return what is risky about a version and settings of SQLite."""
    found = []
    if has_reset_bug(state.version):
        found.append(
            warning(
                _NAME,
                f"SQLite {_dotted(state.version)} has the WAL-reset bug: rarely, a write and two "
                "checkpoints at one moment damage the file.",
                "Run grip with a Python whose SQLite is 3.51.3 or newer (3.50.7 and 3.44.6 have "
                "the fix too), keep backups, or use PostgreSQL.",
            )
        )
    if state.journal_mode != "wal":
        found.append(
            error(
                _NAME,
                f"The journal mode is {state.journal_mode}, and grip's locks need wal.",
                "Move the file to a local disk, where SQLite can share memory.",
            )
        )
    if state.synchronous not in _FLUSHES:
        found.append(
            error(
                _NAME,
                "SQLite does not flush each commit: a power cut loses charges.",
                "Run a SQLite that was not built with another default for synchronous.",
            )
        )
    return found


def of_postgres(state: PostgresState) -> list[Finding]:
    """Return what is risky about a version and settings of PostgreSQL."""
    found = [
        error(_NAME, f"{name} is off: {risk}.", f"Set {name} = on in postgresql.conf.")
        for name, risk in _MUST_BE_ON.items()
        if state.settings.get(name) == "off"
    ]
    found += [
        error(_NAME, f"{name} is on: {risk}.", f"Set {name} = off in postgresql.conf.")
        for name, risk in _MUST_BE_OFF.items()
        if state.settings.get(name) == "on"
    ]
    if state.default_synchronous_commit == "off":
        found.append(
            warning(
                _NAME,
                "synchronous_commit is off by default: grip insists on it for itself, other "
                "programs that write here do not.",
                "Set synchronous_commit = on in postgresql.conf.",
            )
        )
    if state.version < _POSTGRES_MIN:
        found.append(
            warning(
                _NAME,
                f"PostgreSQL {state.version // 10_000} gets no fixes any more.",
                "Upgrade it.",
            )
        )
    if state.is_replica:
        found.append(
            error(
                _NAME,
                "This server is a replica, and takes no writes.",
                "Name the primary in [database] url.",
            )
        )
    if state.is_remote and not state.is_encrypted:
        found.append(
            warning(
                _NAME,
                "The way to PostgreSQL is not encrypted, and leaves this machine.",
                "Add ?sslmode=verify-full&sslrootcert=FILE to [database] url, FILE being the "
                "certificate of the server's authority.",
            )
        )
    return found


def has_reset_bug(version: tuple[int, int, int]) -> bool:
    """Return whether a SQLite may damage a file in WAL mode (sqlite.org/wal.html#walresetbug)."""
    fixed = _RESET_BACKPORTS.get(version[:2])
    if fixed is not None:
        return version[2] < fixed
    return version < _RESET_FIXED


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
