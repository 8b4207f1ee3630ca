"""What a directory promises beyond the port."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from grip import errors
from grip.storage import DirectoryStore
from tests.storage.files import in_chunks

KEY = "task_00ff/0"


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "results"


async def test_a_result_has_its_name_only_when_it_is_whole(directory: DirectoryStore, root: Path):
    """Until its last byte is on the disk, nothing of that name is there."""
    seen: list[list[str]] = []

    async def watched() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1_048_576
            seen.append(files(root))

    await directory.put(KEY, watched())

    assert any(seen)
    assert not [name for names in seen for name in names if not name.startswith("incoming/")]
    assert files(root) == ["ff/task_00ff.0"]


async def test_a_result_is_on_the_disk_before_it_has_its_name(
    directory: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
):
    """First the file is flushed, then it is named, then the name is flushed."""
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flushed(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append("part" if name.suffix == ".part" else name.name)
        fsync(descriptor)

    def named(path: Path, target: Path) -> Path:
        steps.append("named")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", named)
    await directory.put(KEY, in_chunks(b"x"))

    assert steps == ["part", "results", "named", "ff"]


async def test_nobody_else_on_the_machine_reads_results(directory: DirectoryStore, root: Path):
    """Files and folders are their owner's alone."""
    await directory.put(KEY, in_chunks(b"x"))

    assert (root / "ff/task_00ff.0").stat().st_mode & 0o777 == 0o600
    assert (root / "ff").stat().st_mode & 0o777 == 0o700


async def test_a_put_that_is_cancelled_leaves_nothing(directory: DirectoryStore, root: Path):
    """Neither a name nor a part, wherever it was."""
    waiting = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        waiting.set()
        await asyncio.Event().wait()

    put = asyncio.create_task(directory.put(KEY, stuck()))
    await waiting.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put

    assert files(root) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_is_named_and_nothing_is_left(
    directory: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    """The operator is told what to do, the customer only that it does not work now."""

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(errors.ResultStoreFull) as raised:
        await directory.put(KEY, in_chunks(b"x"))

    assert "make room" in raised.value.detail
    assert str(root) not in raised.value.message
    assert files(root) == []


async def test_the_last_room_of_the_disk_is_left_to_the_books(tmp_path: Path):
    """A result that would take it is refused while there is still some."""
    greedy = DirectoryStore(tmp_path / "results", reserve_bytes=2**60)

    with pytest.raises(errors.ResultStoreFull):
        await greedy.put(KEY, in_chunks(b"x"))
    assert files(tmp_path) == []


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path):
    """Here a file stands in its place."""
    (tmp_path / "results").write_text("not a directory")

    with pytest.raises(errors.ResultStoreUnavailable, match="must be there and writable"):
        await DirectoryStore(tmp_path / "results").put(KEY, in_chunks(b"x"))


async def test_a_failure_of_the_network_is_not_one_of_the_disk(directory: DirectoryStore):
    """Both are errors of the operating system; only one is ours to name."""

    async def cut() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    with pytest.raises(ConnectionResetError):
        await directory.put(KEY, cut())


async def test_a_result_that_is_deleted_is_read_to_its_end(directory: DirectoryStore):
    """Who has begun to read it is not cut off."""
    await directory.put(KEY, in_chunks(b"x" * 1_000_000))
    reading = directory.open(KEY, 0, 1_000_000)
    first = await anext(reading)
    await directory.delete(KEY)

    assert len(first) + sum([len(piece) async for piece in reading]) == 1_000_000


async def test_parts_of_puts_that_died_are_tidied_away(directory: DirectoryStore, root: Path):
    """Only those that are old; one that is being written is left."""
    incoming = root / "incoming"
    incoming.mkdir(parents=True)
    for name, at_s in (("old.part", 1000), ("new.part", 3000)):
        (incoming / name).write_bytes(b"x")
        os.utime(incoming / name, (at_s, at_s))

    assert await directory.tidy(2_000_000_000) == 1
    assert await directory.tidy(2_000_000_000) == 0
    assert files(root) == ["incoming/new.part"]
