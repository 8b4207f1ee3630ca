"""Results whose time is over go, once, and hold nothing up."""

import asyncio
from pathlib import Path

import pytest

from grip import errors
from grip.storage import DirectoryStore
from grip.store import results
from grip.store.engine import Database
from grip.store.results import Result
from grip.tasks.results import sweep
from tests.storage.files import in_chunks

NOW = 1_800_000_000_000_000


def row(
    task_id: str, n: int = 0, *, expires_us: int | None = NOW, url: str | None = None
) -> Result:
    return Result(
        task_id=task_id,
        n=n,
        key=None if url else f"{task_id}/{n}",
        url=url,
        content_type="video/mp4",
        size=1,
        sha256="",
        created_us=1,
        expires_us=expires_us,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    return DirectoryStore(root)


async def put(database: Database, store: DirectoryStore, *rows: Result) -> None:
    async with database.write() as connection:
        await results.put(connection, rows)
    for one in rows:
        if one.key is not None:
            await store.put(one.key, in_chunks(b"x"))


async def of_task(database: Database, task_id: str) -> list[Result]:
    async with database.read() as connection:
        return await results.of_task(connection, task_id)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


async def test_results_go_when_their_time_is_over(
    database: Database, store: DirectoryStore, root: Path
):
    """Not before; and those that are kept for ever stay."""
    due, later, kept = row("task_a"), row("task_b", expires_us=NOW + 1), row("task_c")
    for_ever = row("task_c", expires_us=None)
    await put(database, store, due, row("task_a", 1), later, for_ever)
    swept = await sweep(database, store, NOW)

    assert (swept.deleted, swept.failed) == (2, 0)
    assert names(root) == ["task_b.0", "task_c.0"]
    assert [one.deleted_us for one in await of_task(database, "task_a")] == [NOW, NOW]
    assert await of_task(database, "task_b") == [later]
    assert kept.is_over(NOW)
    assert not for_ever.is_over(NOW)


async def test_a_second_sweep_finds_nothing_to_do(database: Database, store: DirectoryStore):
    """And does not touch what the first one noted."""
    await put(database, store, row("task_a"))
    await sweep(database, store, NOW)
    swept = await sweep(database, store, NOW + 5)

    assert swept.deleted == 0
    assert [one.deleted_us for one in await of_task(database, "task_a")] == [NOW]


@pytest.mark.parametrize("count", [9, 10])
async def test_a_sweep_goes_on_until_nothing_is_due(
    database: Database, store: DirectoryStore, root: Path, count: int
):
    """In batches, so that none holds the database for long; many may be due in the same moment."""
    await put(database, store, *(row(f"task_{n}") for n in range(count)))
    swept = await sweep(database, store, NOW, batch_rows=3)

    assert swept.deleted == count
    assert names(root) == []


async def test_several_nodes_may_sweep_at_once(
    database: Database, store: DirectoryStore, root: Path
):
    """Each result is counted by one of them."""
    await put(database, store, *(row(f"task_{n}") for n in range(20)))
    swept = await asyncio.gather(*(sweep(database, store, NOW, batch_rows=7) for _ in range(4)))

    assert sum(one.deleted for one in swept) == 20
    assert names(root) == []


async def test_who_died_between_the_file_and_its_row_does_it_again(
    database: Database, store: DirectoryStore
):
    """What is gone already is gone."""
    await put(database, store, row("task_a"))
    await store.delete("task_a/0")

    assert (await sweep(database, store, NOW)).deleted == 1


async def test_one_that_cannot_be_deleted_holds_up_no_other(
    database: Database, store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is tried again by the next sweep, and its row says nothing else until then."""
    await put(database, store, *(row(f"task_{n}", expires_us=n + 1) for n in range(5)))
    delete = DirectoryStore.delete

    async def refused(self: DirectoryStore, key: str) -> None:
        if key in ("task_0/0", "task_3/0"):
            raise errors.ResultStoreUnavailable("told to")
        await delete(self, key)

    monkeypatch.setattr(DirectoryStore, "delete", refused)
    swept = await sweep(database, store, NOW, batch_rows=2)
    assert (swept.deleted, swept.failed) == (3, 2)
    assert names(root) == ["task_0.0", "task_3.0"]

    monkeypatch.setattr(DirectoryStore, "delete", delete)
    swept = await sweep(database, store, NOW, batch_rows=2)
    assert (swept.deleted, swept.failed) == (2, 0)
    assert names(root) == []


async def test_results_that_were_never_kept_are_noted_only(
    database: Database, store: DirectoryStore
):
    """In proxy mode there is no file to delete."""
    await put(database, store, row("task_a", url="https://vendor.example/1"))

    assert (await sweep(database, store, NOW)).deleted == 1
    assert (await of_task(database, "task_a"))[0].is_over(NOW)


async def test_an_owner_may_end_the_time_of_results(database: Database, store: DirectoryStore):
    """From then on nobody reads them, and the next sweep takes them away."""
    await put(
        database,
        store,
        row("task_a", expires_us=None),
        row("task_a", 1, expires_us=NOW + 99),
        row("task_a", 2, expires_us=NOW - 9),
    )
    async with database.write() as connection:
        assert await results.expire(connection, "task_a", NOW) == 2
        assert await results.expire(connection, "task_a", NOW) == 0

    found = await of_task(database, "task_a")
    assert [one.expires_us for one in found] == [NOW, NOW, NOW - 9]
    assert all(one.is_over(NOW) for one in found)
    assert (await sweep(database, store, NOW)).deleted == 3


async def test_one_result_is_found_by_its_number(database: Database, store: DirectoryStore):
    """And none where there is none."""
    await put(database, store, row("task_a"), row("task_a", 1))

    async with database.read() as connection:
        assert await results.find(connection, "task_a", 1) == row("task_a", 1)
        assert await results.find(connection, "task_a", 2) is None
        assert await results.find(connection, "task_b", 0) is None


async def test_parts_of_dead_puts_are_swept_too(
    database: Database, store: DirectoryStore, root: Path
):
    """A day after anybody wrote to them."""
    (root / "incoming").mkdir(parents=True)
    (root / "incoming" / "left.part").write_bytes(b"x")
    written_us = (root / "incoming" / "left.part").stat().st_mtime_ns // 1000

    assert (await sweep(database, store, written_us)).parts == 0
    assert (await sweep(database, store, written_us + 86_400_000_001)).parts == 1
