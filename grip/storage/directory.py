"""Results in a directory: files that are there whole, or not at all.

A file is written under a passing name, brought to the disk, and only then given its own. Names are
made of ids alone, 256 folders of them. Refuses to take the last room of a disk that the books may
share.
"""

import asyncio
import errno
import os
import secrets
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from io import FileIO
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from grip import errors
from grip.storage.intake import Intake
from grip.storage.port import Stored, parts_of

P = ParamSpec("P")
T = TypeVar("T")

RESERVE_BYTES: Final = 256 * 1024 * 1024
"""What is left free on the disk, whatever comes."""

_BLOCK_BYTES: Final = 1024 * 1024
_READ_BYTES: Final = 256 * 1024
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REMEDY: Final = "make room on the disk of [results] directory; tasks go on by themselves"


class DirectoryStore:
    """A `ResultStore` in the directory `root`, which is made when the first result comes."""

    def __init__(self, root: Path, *, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._root = root
        self._reserve_bytes = reserve_bytes

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> Stored:
        """Keep it under its name once all of it is on the disk."""
        target = self._path(key)
        intake = Intake(chunks)
        await intake.begin()
        part = _Part(self._incoming, self._reserve_bytes)
        try:
            async for block in intake.blocks(_BLOCK_BYTES):
                await _on_disk(part.write, block)
            await _on_disk(part.finish, target)
        finally:
            # In a thread, and to its end: the block of a put that was cancelled may be on its way.
            await asyncio.shield(asyncio.to_thread(part.discard))
        return intake.stored()

    async def open(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield it from the disk; one that is deleted meanwhile is read to its end."""
        path = self._path(key)
        try:
            file = await asyncio.to_thread(path.open, "rb", 0)
        except FileNotFoundError:
            raise errors.ResultMissing(f"the result {key} is not kept any more") from None
        except OSError as error:
            raise _fault(error) from error
        with file:
            at = start
            while at < stop:
                data = await _on_disk(_read_at, file, at, min(_READ_BYTES, stop - at))
                if not data:
                    raise errors.ResultStoreUnavailable(
                        f"the result {key} is shorter on the disk than it was"
                    )
                at += len(data)
                yield data

    async def delete(self, key: str) -> None:
        """Remove the file."""
        await _on_disk(self._path(key).unlink, missing_ok=True)

    async def tidy(self, before_us: int) -> int:
        """Remove files with passing names that nobody has written to since then."""
        return await _on_disk(self._tidy, before_us)

    async def close(self) -> None:
        """Do nothing: no file is open between two calls."""

    @property
    def _incoming(self) -> Path:
        return self._root / "incoming"

    def _path(self, key: str) -> Path:
        task, number = parts_of(key)
        return self._root / task[-2:] / f"{task}.{number}"

    def _tidy(self, before_us: int) -> int:
        gone = 0
        for path in self._incoming.iterdir() if self._incoming.is_dir() else ():
            try:
                if path.stat().st_mtime_ns < before_us * 1000:
                    path.unlink()
                    gone += 1
            except FileNotFoundError:
                continue  # its put has ended, or another node was here
        return gone


class _Part:
    """A file under a passing name. Every method runs in a thread, one at a time."""

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._path = folder / f"{secrets.token_hex(16)}.part"
        self._reserve_bytes = reserve_bytes
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._is_over = False

    def write(self, block: bytes) -> None:
        """Append a block; nothing happens once it is given up."""
        with self._lock:
            if self._is_over:
                return
            descriptor = self._opened()
            space = os.fstatvfs(descriptor)
            if space.f_bavail * space.f_frsize < self._reserve_bytes + len(block):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            view = memoryview(block)
            while view:
                view = view[os.write(descriptor, view) :]

    def finish(self, target: Path) -> None:
        """Bring it to the disk, then give it its name there."""
        with self._lock:
            if self._is_over:
                return
            os.fsync(self._opened())
            if not target.parent.is_dir():
                target.parent.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(target.parent.parent)
            self._path.replace(target)
            _sync_folder(target.parent)
            self._close()

    def discard(self) -> None:
        """Give it up, unless it is finished."""
        with self._lock:
            if not self._is_over and self._descriptor is not None:
                self._path.unlink(missing_ok=True)
            self._close()

    def _opened(self) -> int:
        if self._descriptor is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        return self._descriptor

    def _close(self) -> None:
        self._is_over = True
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


async def _on_disk(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do it in a thread; what the disk says becomes an error with a name."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        raise _fault(error) from error


def _fault(error: OSError) -> errors.ResultStoreUnavailable:
    detail = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return errors.ResultStoreFull(
            "there is no room for results at the moment", detail=f"{detail}; {_REMEDY}"
        )
    return errors.ResultStoreUnavailable(
        "results cannot be read or written at the moment",
        detail=f"{detail}; [results] directory must be there and writable for grip",
    )


def _read_at(file: FileIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
