"""The step `backups` of maintenance: when one is made, which are kept, and what goes wrong."""

import dataclasses
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from grip import errors
from grip.ids import IdSource
from grip.services.backups import stamp
from grip.services.context import Context
from grip.services.maintenance import backups
from grip.services.maintenance.step import Done, Run
from grip.settings import Backup, load
from grip.store import maintenance
from grip.store.engine import Database
from tests.conftest import FakeClock

DAY_S = 24 * 3600

Made = Callable[..., Context]


@pytest.fixture
async def context(sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Context:
    """Surroundings whose backups lie in `kept`; three of them."""
    chosen = dataclasses.replace(
        load(environ={}), backup=Backup(directory=str(tmp_path / "kept"), keep=3)
    )
    return Context(database=Database(sqlite_url), settings=chosen, clock=clock, ids=IdSource())


async def run(context: Context, *, dry_run: bool = False) -> Done:
    try:
        return await backups.run(context, Run(dry_run=dry_run))
    finally:
        await context.database.close()


def folder_of(context: Context) -> Path:
    """Return the directory of the backups, which is there."""
    folder = Path(context.settings.backup.directory)
    folder.mkdir(exist_ok=True)
    return folder


def names(context: Context) -> list[str]:
    """Return the backups that there are."""
    folder = Path(context.settings.backup.directory)
    return sorted(one.name for one in folder.glob("grip-*"))


async def test_one_is_made_each_day_and_the_oldest_goes_after_the_newest_is_proven(
    context: Context, clock: FakeClock
):
    """However often the step runs; a dry run says so, and makes nothing."""
    assert (await run(context, dry_run=True)).did == {"backups": 1}
    assert names(context) == []
    first = [(await run(context)).did for _ in range(2)]
    assert first == [{"backups": 1, "pruned": 0}, {}]
    (oldest,) = names(context)
    for _ in range(2):
        clock.advance(DAY_S)
        await run(context)
    clock.advance(DAY_S)
    done = await run(context)

    assert done == Done(did={"backups": 1, "pruned": 1})
    assert len(names(context)) == 3
    assert oldest not in names(context)


async def test_what_it_did_not_name_is_not_its_to_delete(context: Context, clock: FakeClock):
    """An operator's own files are safe beside its own."""
    folder = folder_of(context)
    for name in ("grip-before-the-move.db", "letter.txt", "grip-19990101.db"):
        (folder / name).touch()
    for _ in range(5):
        clock.advance(DAY_S)
        await run(context)

    assert {"grip-before-the-move.db", "grip-19990101.db"} < set(names(context))
    assert (folder / "letter.txt").exists()


async def test_a_clock_that_was_a_month_ahead_hides_no_backup_that_is_due(
    context: Context, clock: FakeClock
):
    """What was made by the wrong time does not displace what is made by the right one."""
    clock.advance(30 * DAY_S)
    await run(context)
    clock.advance(-30 * DAY_S)
    for _ in range(4):
        clock.advance(DAY_S)
        assert (await run(context)).did["backups"] == 1
        assert stamp(clock) in "".join(names(context))


async def test_a_timer_with_a_random_delay_skips_no_night(context: Context, clock: FakeClock):
    """It is due a little before its time is over."""
    made = []
    for late_s in (0, 900, 10, 300, 900, 0, 1, 880, 0, 900):
        begun_us = clock.now_us
        clock.advance(late_s)
        made.append((await run(context)).did["backups"])
        clock.now_us = begun_us
        clock.advance(DAY_S)

    assert made == [1] * 10


async def test_what_was_named_by_a_clock_ahead_displaces_no_real_one(
    context: Context, clock: FakeClock
):
    """Neither while the clock is wrong, where that can be known, nor after."""
    for _ in range(3):
        await run(context)
        clock.advance(DAY_S)
    real = names(context)
    async with context.database.write() as connection:
        await maintenance.put(connection, "clock", clock.now_us, clock.now_us)
    clock.advance(400 * DAY_S)
    for _ in range(3):
        done = await run(context)
        assert (done.did, len(done.problems)) == ({"backups": 1}, 1)
        clock.advance(DAY_S)
    clock.advance(-403 * DAY_S)
    await run(context)

    assert set(real[1:]) < set(names(context))
    assert len(names(context)) == 6


async def test_a_failed_backup_is_a_problem_and_no_old_one_goes(context: Context, clock: FakeClock):
    """Of books that are not right as well, whose copies do not fill the disk either."""
    for _ in range(3):
        await run(context)
        clock.advance(DAY_S)
    good = names(context)
    async with context.database.write() as connection:
        await connection.execute(
            sa.text("INSERT INTO account VALUES ('acct_1', 'a@b', '', 1, NULL)")
        )
        await connection.execute(
            sa.text(
                "INSERT INTO wallet (id, owner_id, tier, balance, created_us) "
                "VALUES ('wal_1', 'acct_1', 'free', 7, 1)"
            )
        )
    for _ in range(5):
        clock.advance(DAY_S)
        done = await run(context)
        assert "wallet_balance" in done.problems[0]

    assert set(good) < set(names(context))
    assert len(names(context)) == 6


async def test_what_killed_backups_have_begun_goes_before_the_next_one_is_made(
    context: Context, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    """Or a disk that they have filled would never again have room for one."""
    folder = folder_of(context)
    begun = ".grip-20261121T220753Z.db.0a1b2c3d.part"
    killed = [begun, f"{begun}-wal", f".{begun}.4e5f6a7b.part", f".{begun}.4e5f6a7b.part-queue"]
    others = [".lock", ".grip-mine.db.0a1b2c3d.part", ".grip-20261121T220753Z.db.11111111.part"]
    for name in killed + others:
        (folder / name).touch()
        age_s = 2 * 3600 if "11111111" not in name else 60
        os.utime(folder / name, times=(0, clock() / 1_000_000 - age_s))

    async def fail(*_args: object, **_options: object) -> None:
        raise errors.BackupFailed("the disk is full")

    monkeypatch.setattr("grip.services.backups.backup", fail)
    with pytest.raises(errors.BackupFailed, match="full"):
        await run(context)

    assert sorted(one.name for one in folder.iterdir()) == sorted(others)


async def test_two_processes_do_not_make_the_same_backup(context: Context):
    """Whoever comes second leaves it to the first."""
    folder = folder_of(context)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert await run(context) == Done()
    assert (await run(context)).did == {"backups": 1, "pruned": 0}


async def test_without_a_directory_none_is_made_and_a_wrong_one_is_named(context: Context):
    """A file in its place, as an example of what cannot be written."""
    nowhere = dataclasses.replace(
        context, settings=dataclasses.replace(context.settings, backup=Backup())
    )
    assert await run(nowhere) == Done()
    (folder_of(context) / "file").touch()
    wrong = Backup(directory=str(folder_of(context) / "file"))

    with pytest.raises(errors.BackupFailed, match="file"):
        await run(
            dataclasses.replace(
                context, settings=dataclasses.replace(context.settings, backup=wrong)
            )
        )
