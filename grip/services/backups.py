"""Backups: making one of a database in use, proving it, and putting one in a database's place.

A backup has its name when it was opened again and all invariants of the books held. A restore
touches nothing that is filled unless told to, and nothing at all that is in use.
"""

import asyncio
import dataclasses
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from grip import errors
from grip.clock import Clock
from grip.services import beats, ledger
from grip.services.beats import Sleep, sleeping
from grip.services.context import Context
from grip.store import audit, schema
from grip.store.backups import inspection, pages, places, rows, standing
from grip.store.boots import Node
from grip.store.engine import Connection, Database
from grip.store.schema import HEAD

Told = Callable[[int, int | None], None]

UNPROVEN: Final = ".unproven"
"""What stands behind the name of a copy that is whole, of books that are not right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A file that holds a database of the schema `revision`; `checks` invariants held of it."""

    file: Path
    size: int
    revision: str
    checks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """What is to be restored, by whom, and why."""

    file: Path
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was restored; `aside` is where that is now what was there before, if there was."""

    file: Path
    revision: str
    checks: int
    aside: str | None

    @property
    def is_current(self) -> bool:
        """Whether this version can use it at once, or `grip db upgrade` has to come first."""
        return self.revision == HEAD


def nobody(_done: int, _of: int | None) -> None:
    """Tell nobody."""


async def backup(context: Context, path: Path, *, actor: str, told: Told = nobody) -> Backup:
    """Write everything that the database holds into a new file, while it is in use.

    Raises Conflict where the file is there already or there is no database, BackupFailed where it
    cannot be written, and BooksBroken where the books are not right; what was copied is then
    kept as FILE.unproven, which must not be there either.
    """
    unproven = path.with_name(path.name + UNPROVEN)
    for one in (path, unproven):
        places.check_free(one)
    await _check_source(context.database)
    with places.begun(path) as part:
        await _copy(context.database, part, told)
        revision = await asyncio.to_thread(inspection.revision_of, part, path)
        report = await _proof(context, part, revision)
        final = path if report.ok else unproven
        await asyncio.to_thread(places.place, part, final)
    if not report.ok:
        failed = ", ".join(check.name for check in report.checks if not check.ok)
        raise errors.BooksBroken(
            f"the books are not right ({failed}): see grip ledger verify; the copy is {final}"
        )
    made = Backup(
        file=path, size=places.size_of(path), revision=revision, checks=len(report.checks)
    )
    async with context.database.write() as connection:
        await audit.append(
            connection,
            at_us=context.clock(),
            actor=actor,
            action="db.backup",
            subject="database",
            after={"file": places.shown(path), "bytes": made.size, "revision": revision},
        )
    return made


async def restore(
    context: Context,
    wish: Restore,
    *,
    replace: bool = False,
    told: Told = nobody,
    sleep: Sleep = sleeping,
) -> Restored:
    """Put what a backup holds where the database is; what was there is moved aside.

    Raises Conflict where something is there and not to be replaced, or where it is in use, and
    BackupUnusable for a file that is no backup. Then nothing was changed.
    """
    places.check_there(wish.file)
    await asyncio.to_thread(inspection.check_kind, wish.file)
    if not replace and await standing.is_filled(context.database):
        raise errors.Conflict(
            "the database is not empty; with --replace it is moved aside, never deleted"
        )
    if context.database.path is not None:
        return await _into_sqlite(context, context.database.path, wish, told)
    if (found := await schema.status(context.database)).is_newer:
        raise errors.DatabaseOutdated(
            f"the database is at {found.current}, of a newer grip than this one ({found.head}), "
            "which alone knows what to move aside"
        )
    first = await beats.looked(context.database)
    _check_unused(await beats.moving(context.database, sleep=sleep))
    return await _into_postgres(context, wish, told, first)


def _check_unused(nodes: list[Node]) -> None:
    if hosts := sorted({node.host for node in nodes}):
        raise errors.Conflict(
            f"the database is in use ({', '.join(hosts)}): stop grip everywhere (serve with its "
            "socket, worker, maintenance), and run this again"
        )


async def _check_source(database: Database) -> None:
    if database.path is not None:
        places.check_there(database.path, unreadable=errors.DatabaseUnavailable)
    found = await schema.status(database)
    if found.current is None:
        raise errors.Conflict("the database is empty: there is nothing to keep")
    if found.is_newer:
        raise errors.DatabaseOutdated(
            f"the database is at {found.current}, of a newer grip than this one ({found.head}); "
            "its backups are that one's to make"
        )


async def _copy(database: Database, part: Path, told: Told) -> None:
    if database.path is None:
        await rows.out_of_postgres(database, part, told)
    else:
        await _pages(database.path, part, told, is_live=True)


async def _pages(source: Path, part: Path, told: Told, *, is_live: bool) -> None:
    """Copy in a thread, which ends early where nobody waits for it any more."""
    stopping = threading.Event()
    try:
        await asyncio.to_thread(pages.copy, source, part, told, stopping, is_live=is_live)
    finally:
        stopping.set()


async def _proof(context: Context, part: Path, revision: str) -> ledger.Report:
    """Open a copy of that revision; return what `ledger verify` says of it.

    An older one is brought to this version's schema first, as a copy of its own.
    """
    if revision == HEAD:
        return await _verified(context, Database.of_file(part, read_only=True))
    with places.begun(part) as scratch:
        await asyncio.to_thread(shutil.copyfile, part, scratch)
        upgraded = Database.of_file(scratch)
        await schema.upgrade(upgraded)
        return await _verified(context, upgraded)


async def _verified(context: Context, copy: Database) -> ledger.Report:
    try:
        return await ledger.verify(dataclasses.replace(context, database=copy))
    finally:
        await copy.close()


async def _into_sqlite(context: Context, path: Path, wish: Restore, told: Told) -> Restored:
    await context.database.close()
    aside = path.with_name(f"{path.name}.before-{stamp(context.clock)}")
    with places.begun(path) as part:
        await _pages(wish.file, part, told, is_live=False)
        revision = await asyncio.to_thread(inspection.revision_of, part, wish.file)
        # Before the proof: what is proven is what is placed, down to its last row.
        await _note_within(part, context, wish, revision)
        checks = await _accepted(context, wish.file, part, revision)
        was_there = await asyncio.to_thread(places.take_the_place, part, path, aside)
    where = str(aside) if was_there else None
    return Restored(file=wish.file, revision=revision, checks=checks, aside=where)


async def _into_postgres(
    context: Context, wish: Restore, told: Told, first: beats.Look
) -> Restored:
    """Do all of it in one transaction: a restore that fails has changed nothing.

    Raises Conflict where a node has begun or gone on since the `first` look: proving takes long.
    """
    aside = f"grip_before_{stamp(context.clock).lower()}"
    with places.begun(Path(tempfile.gettempdir(), wish.file.name)) as part:
        await _pages(wish.file, part, told, is_live=False)
        revision = await asyncio.to_thread(inspection.revision_of, part, wish.file)
        checks = await _accepted(context, wish.file, part, revision)
        async with context.database.write() as connection:
            await schema.take_turn(connection)
            await standing.let_none_begin(connection)
            _check_unused(await beats.moved(connection, first))
            was_there = await standing.move_aside(connection, aside)
            await schema.run_to(connection, revision)
            await rows.into_postgres(connection, part, told)
            await _note(connection, context, wish, revision)
    where = f"schema {aside}" if was_there else None
    return Restored(file=wish.file, revision=revision, checks=checks, aside=where)


async def _accepted(context: Context, file: Path, part: Path, revision: str) -> int:
    """Return how many checks held of `part`, a copy of `file`; BackupUnusable where one did not."""
    report = await _proof(context, part, revision)
    if not report.ok:
        failed = ", ".join(check.name for check in report.checks if not check.ok)
        raise errors.BackupUnusable(f"{file} is not right: {failed}")
    return len(report.checks)


async def _note_within(part: Path, context: Context, wish: Restore, revision: str) -> None:
    copy = Database.of_file(part)
    try:
        async with copy.write() as connection:
            await _note(connection, context, wish, revision)
    finally:
        await copy.close()
    await asyncio.to_thread(places.settle, part)


async def _note(connection: Connection, context: Context, wish: Restore, revision: str) -> None:
    await audit.append(
        connection,
        at_us=context.clock(),
        actor=wish.actor,
        action="db.restore",
        subject="database",
        after={"file": places.shown(wish.file), "revision": revision},
        reason=wish.reason,
    )


def stamp(clock: Clock) -> str:
    """Return the time as names have it: 20261121T220753Z."""
    return datetime.fromtimestamp(clock() // 1_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
