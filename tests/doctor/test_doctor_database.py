"""What `grip doctor` finds about the database, its clock, and what was left lying in it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from grip.cli.serve import _prepare
from grip.clock import system_clock
from grip.services import accounts, closing, starts
from grip.services.context import Context
from grip.services.doctor import Finding, books, clock, database, examine, exposure, tables
from grip.services.doctor.database import has_reset_bug, of_place, of_postgres, of_sqlite
from grip.services.maintenance import rollup
from grip.settings import load
from grip.store import audit, boots, callbacks, standing
from grip.store.condition import PostgresState, SqliteState
from grip.store.engine import Connection
from grip.store.tables import audit as audit_table
from grip.store.tables import boot, callback, detail, holds, meta, upstream_event

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
DAY_US = 86_400_000_000
SOUND = SqliteState(version=(3, 53, 1), journal_mode="wal", synchronous=2)
SERVER = PostgresState(
    version=170_004,
    settings={"fsync": "on", "full_page_writes": "on", "zero_damaged_pages": "off"},
    default_synchronous_commit="on",
    is_replica=False,
    is_remote=False,
    is_encrypted=False,
)


def told(found: list[Finding]) -> list[tuple[str, str]]:
    """Return the state of each finding with its sentence, of those that are not fine."""
    return [(one.state, one.sentence) for one in found if one.state != "ok"]


@pytest.fixture
def context(context: Context) -> Context:
    """The surroundings of a use case, by the clock of this machine."""
    return replace(context, clock=system_clock)


async def test_a_sound_engine_is_fine_but_for_its_version(context: Context):
    """Nothing is said of it that grip's own settings see to."""
    found = told(await database.check(context))

    assert all("WAL-reset bug" in sentence for _, sentence in found)
    assert [one.state for one in await database.tables(context)] == ["ok"]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((3, 37, 0), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 9), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_versions_of_sqlite_that_damage_files_are_known(
    version: tuple[int, int, int], *, expected: bool
):
    """With the branches that the fix was brought to."""
    assert has_reset_bug(version) is expected


def test_settings_that_risk_money_are_errors_each_with_its_remedy():
    """And those of which grip protects itself are warnings."""
    cases = [
        (of_sqlite(replace(SOUND, journal_mode="delete")), "error", "journal mode is delete"),
        (of_sqlite(replace(SOUND, synchronous=1)), "error", "power cut loses charges"),
        (of_postgres(replace(SERVER, settings={"fsync": "off"})), "error", "fsync is off"),
        (
            of_postgres(replace(SERVER, settings={"full_page_writes": "off"})),
            "error",
            "full_page_writes is off",
        ),
        (
            of_postgres(replace(SERVER, settings={"zero_damaged_pages": "on"})),
            "error",
            "zero_damaged_pages is on",
        ),
        (
            of_postgres(replace(SERVER, default_synchronous_commit="off")),
            "warning",
            "synchronous_commit is off",
        ),
        (of_postgres(replace(SERVER, version=130_010)), "warning", "PostgreSQL 13"),
        (of_postgres(replace(SERVER, is_replica=True)), "error", "replica"),
        (of_postgres(replace(SERVER, is_remote=True)), "warning", "not encrypted"),
    ]
    assert of_sqlite(SOUND) == of_postgres(SERVER) == []
    assert of_postgres(replace(SERVER, is_remote=True, is_encrypted=True)) == []
    for found, state, words in cases:
        (one,) = found
        assert (one.state, words in one.sentence, one.remedy != "") == (state, True, True), words


async def test_a_guard_that_is_gone_is_an_error(context: Context):
    """So is a schema of another version, after which nothing else is looked at."""
    async with context.database.write() as connection:
        if context.database.is_sqlite:
            await connection.execute(sa.text("DROP TRIGGER audit_no_update"))
        else:
            await connection.execute(sa.text("DROP TRIGGER audit_no_change ON audit"))
    (guard,) = await database.tables(context)
    async with context.database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    behind = await examine(context)

    assert (guard.state, "audit_no" in guard.sentence) == ("error", True)
    assert (behind[-1].name, behind[-1].state) == ("schema", "error")
    assert "grip db upgrade" in behind[-1].remedy


async def test_a_clock_that_is_off_is_told(context: Context):
    """Against the database's own, and against rows that are of a time to come."""
    await accounts.create(context, actor="test", email="ana@example.com")
    right = told(await clock.check(context))
    ahead = told(await clock.check(replace(context, clock=lambda: system_clock() + 5_000_000)))
    behind = told(await clock.check(replace(context, clock=lambda: system_clock() - DAY_US)))

    assert right == []
    assert [state for state, _ in ahead] == ["warning"] * (not context.database.is_sqlite)
    assert {state for state, _ in behind} == {"error"}
    assert any("the newest transfer is of" in sentence for _, sentence in behind)


async def _called_back(connection: Connection, number: int, ended_us: int | None) -> None:
    """Leave a callback of long ago, which waits still where it has not ended."""
    await callbacks.enqueue(
        connection,
        task_id=f"task_{number}",
        wallet_id="wal_1",
        url="https://x.example",
        event="task.completed",
        body=b"{}",
        now_us=1,
    )
    if ended_us is not None:
        await connection.execute(
            sa.update(callback)
            .where(callback.c.task_id == f"task_{number}")
            .values(state="delivered", ended_us=ended_us)
        )


async def test_rows_beyond_their_time_are_told(context: Context):
    """Those that are not, and details that wait for their month, are not."""
    now_us = system_clock()
    young, old = now_us - 40 * DAY_US, now_us - 70 * DAY_US
    texts = dict.fromkeys(("wallet_id", "key_id", "trace"), "x")
    async with context.database.write() as connection:
        await connection.execute(
            sa.insert(detail).values(request_id="req_1", created_us=young, **texts)
        )
        await connection.execute(
            sa.insert(upstream_event).values(provider="fal", id="1", taken_us=now_us)
        )
        for number, ended_us in enumerate([None, system_clock() - 2 * DAY_US]):
            await _called_back(connection, number, ended_us)
    before = told(await tables.check(context))
    async with context.database.write() as connection:
        await connection.execute(
            sa.insert(detail).values(request_id="req_2", created_us=old, **texts)
        )
        kept_days = context.settings.retention.callback_days
        await _called_back(connection, 2, system_clock() - (kept_days + 3) * DAY_US)
        await boots.register(connection, "boot_1", host="x", region="", now_us=1)
        await boots.end(connection, "boot_1", boots.DEAD, 2)
    after = told(await tables.check(context))

    assert before == []
    assert [sentence.split()[2] for _, sentence in after] == ["detail", "boot", "callback"]


async def test_where_grip_listened_when_it_was_last_started_is_told(context: Context):
    """Whoever runs the doctor has another environment than the service, and gave no --host."""
    before = await exposure.of_last_start(context)
    await starts.record(context, command="serve", actor="root")
    alike = await exposure.of_last_start(context)
    environ = {"GRIP_SERVER_HOST": "0.0.0.0", "GRIP_DATABASE_URL": context.database.url}  # noqa: S104
    opened = replace(context, settings=load(environ=environ))
    await starts.record(opened, command="serve", actor="root")
    (found,) = await exposure.of_last_start(context)

    assert before == alike == await exposure.of_last_start(opened) == []
    assert found.state == "error"
    assert "last started: grip listens on 0.0.0.0 without TLS" in found.sentence
    assert found.remedy.endswith("Then start it again.")


async def test_sockets_of_systemd_count_instead_of_the_configured_address(context: Context):
    """All of them; they are logged and kept, and what would hold without them is no comfort."""
    chosen = load(environ={"GRIP_DATABASE_URL": context.database.url})
    with capture_logs() as logged:
        await _prepare(chosen, ["127.0.0.1:8000"], demo=False)
        quiet = list(logged)
        await _prepare(chosen, ["127.0.0.1:8000", "[::]:80"], demo=False)
    (found,) = [one for one in await examine(context) if one.name == exposure.NAME]
    async with context.database.read() as connection:
        (row, _) = await audit.load(connection, audit.Wanted(), limit=None)
    await starts.record(context, command="serve", actor="root")
    (alike,) = [one for one in await examine(context) if one.name == exposure.NAME]

    assert quiet == []
    assert [(one["event"], "listens on :: without TLS" in one["risk"]) for one in logged] == [
        ("serve.risk", True)
    ]
    assert (found.state, "last started: grip listens on :: without" in found.sentence) == (
        "error",
        True,
    )
    assert row.after == {"server.sockets": ["127.0.0.1:8000", "[::]:80"]}
    assert alike.state == "ok"


async def test_holds_that_nobody_ends_are_told(context: Context):
    """Of workers that have ended, and of calls that cannot take that long."""
    before = told(await tables.holds(context))
    values = dict.fromkeys(
        ("wallet_id", "key_id", "member_id", "model", "endpoint", "ip", "price_id"), "x"
    )
    numbers = dict.fromkeys(("amount", "estimate_nano", "tokens", "input_tokens"), 1)
    async with context.database.write() as connection:
        await boots.register(connection, "boot_1", host="x", region="", now_us=1)
        await boots.end(connection, "boot_1", boots.DEAD, 2)
        for number, (boot_id, at_us) in enumerate(
            [("boot_1", system_clock()), ("boot_2", system_clock() - 2 * DAY_US)]
        ):
            await connection.execute(
                sa.insert(holds).values(
                    request_id=f"req_{number}",
                    boot_id=boot_id,
                    admitted_us=at_us,
                    **values,
                    **numbers,
                )
            )
    after = told(await tables.holds(context))

    assert before == []
    assert [sentence[:7] for _, sentence in after] == ["1 holds", "1 calls"]


async def test_a_backup_is_missed_once_there_is_something_to_lose(context: Context):
    """And when the last one is of the week before last."""
    (empty,) = await tables.backups(context)
    await accounts.create(context, actor="test", email="ana@example.com")
    (never,) = await tables.backups(context)
    states = []
    for age_us in (9 * DAY_US, DAY_US):
        async with context.database.write() as connection:
            await audit.append(
                connection,
                at_us=system_clock() - age_us,
                actor="cron",
                action="db.backup",
                subject="database",
            )
        states += [one.state for one in await tables.backups(context)]

    assert (empty.state, never.state, states) == ("ok", "warning", ["warning", "ok"])


async def test_books_that_were_not_proved_of_late_are_told(context: Context):
    """Or were found wrong; a checkpoint proves them as well."""
    (empty,) = await books.proof(context)
    await accounts.create(context, actor="test", email="ana@example.com")
    (never,) = await books.proof(context)
    await closing.checkpoint(context, actor="test")
    (proved,) = await books.proof(context)
    async with context.database.read() as connection:
        noted = await standing.verified(connection)
    (stale,) = await books.proof(replace(context, clock=lambda: system_clock() + 9 * DAY_US))
    async with context.database.write() as connection:
        wrong = standing.Verified(at_us=system_clock(), violations=3)
        await standing.note_verified(connection, wrong)
    (broken,) = await books.proof(context)

    assert [one.state for one in (empty, never, proved, stale, broken)] == [
        *("ok", "warning", "ok", "warning", "error"),
    ]
    assert "3 violations" in broken.sentence
    assert noted is not None
    assert noted.violations == 0


async def test_a_month_that_is_not_the_sum_of_its_rows_is_told(context: Context):
    """By its name."""
    (before,) = await books.rollups(context)
    await rollup.remember(context, "2026-10", rollup.Verdict(agrees=False, block=1))
    await rollup.remember(context, "2026-09", rollup.Verdict(agrees=True, block=1))
    (after,) = await books.rollups(context)

    assert (before.state, after.state) == ("ok", "error")
    assert "in 2026-10;" in after.sentence


def test_a_place_that_does_not_last_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Memory, the layer of a container, and /tmp; elsewhere it is fine."""
    monkeypatch.setattr("grip.store.filesystems.fleeting_kind", lambda path: None)
    lasting = of_place(Path("/var/lib/grip/grip.db"))
    temporary = of_place(Path("/tmp/grip.db"))  # noqa: S108 - what is looked for
    monkeypatch.setattr("grip.store.filesystems.fleeting_kind", lambda path: "overlay")
    layered = of_place(Path("/var/lib/grip/grip.db"))

    assert lasting == []
    assert [one.state for one in (*temporary, *layered)] == ["error", "error"]


def test_a_database_that_strangers_can_read_is_told(shared: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder that keeps them out is enough."""
    path = shared / "grip.db"
    path.touch(0o644)
    monkeypatch.setattr("grip.store.filesystems.fleeting_kind", lambda path: None)
    monkeypatch.setattr(Path, "is_relative_to", lambda *_: False)
    os.chmod(path, 0o644)  # noqa: PTH101 - whatever the umask is
    shut = of_place(path)
    shared.chmod(0o755)
    opened = of_place(path)
    path.chmod(0o600)

    assert (told(shut), of_place(path)) == ([], [])
    assert ["chmod 600" in one.remedy for one in opened] == [True]


async def test_the_page_has_every_check_in_its_order(context: Context):
    """docs/doctor.md says what each of them looks at."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    documented = [line.split("`")[1] for line in lines if line.startswith("| `")]
    found = await examine(context, probes=True)

    assert list(dict.fromkeys(one.name for one in found)) == documented


async def test_nothing_is_changed_by_looking(context: Context):
    """No row, and no audit row."""

    async def rows() -> list[tuple[object, ...]]:
        async with context.database.read() as connection:
            found = [audit_table, boot, meta, detail]
            return [tuple((await connection.execute(sa.select(t))).all()) for t in found]

    before = await rows()
    await examine(context, probes=True)

    assert await rows() == before
