"""Where an upload lies while it is needed: in memory while it is small, then in a nameless file.

Owns the bytes of one file of a form. A file without a name is gone with its process.
"""

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Final

MEMORY_BYTES: Final = 256 * 1024
"""What a file may take of memory; many come at once."""

_CHUNK_BYTES: Final = 256 * 1024


class Spool:
    """One file: written once, read as often as channels are tried."""

    def __init__(self) -> None:
        self.size = 0
        self._file: IO[bytes] = io.BytesIO()
        self._is_on_disk = False

    async def write(self, data: bytes) -> None:
        """Append to it; raises OSError where there is no room."""
        if not self._is_on_disk and self.size + len(data) <= MEMORY_BYTES:
            self._file.write(data)
        else:
            await asyncio.to_thread(self._write_to_disk, data)
        self.size += len(data)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield it in pieces, from its beginning."""
        at = 0
        while at < self.size:
            chunk = await self._read(at)
            at += len(chunk)
            yield chunk

    def open(self) -> IO[bytes]:
        """Return it as a file to be read from its beginning, by one reader at a time."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Give it up."""
        self._file.close()

    async def _read(self, at: int) -> bytes:
        if self._is_on_disk:
            return await asyncio.to_thread(self._read_at, at)
        return self._read_at(at)

    def _read_at(self, at: int) -> bytes:
        self._file.seek(at)
        chunk = self._file.read(_CHUNK_BYTES)
        if not chunk:
            raise OSError("a file that was being passed on has become shorter")
        return chunk

    def _write_to_disk(self, data: bytes) -> None:
        if not self._is_on_disk:
            held = self._file
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
            self._is_on_disk = True
            held.seek(0)
            self._file.write(held.read())
            held.close()
        self._file.write(data)
