"""What comes in, counted and hashed on its way: all that is said of a result is measured here."""

import hashlib
from collections.abc import AsyncIterator
from typing import Final

from grip.storage.port import Stored
from grip.storage.sniffing import begun, content_type_of

_PIECE_BYTES: Final = 1024 * 1024
_UNKNOWN: Final = "application/octet-stream"


class Intake:
    """The chunks of one result, to be read once."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.content_type = _UNKNOWN
        self._chunks = chunks
        self._hash = hashlib.sha256()
        self._size = 0

    async def begin(self) -> None:
        """Read as much as tells the type."""
        head, self._chunks = await begun(self._chunks)
        self.content_type = content_type_of(head) or _UNKNOWN

    async def blocks(self, block_bytes: int) -> AsyncIterator[bytes]:
        """Yield what comes, gathered to blocks of this size; the last one is shorter."""
        block = bytearray()
        async for chunk in self._chunks:
            for at in range(0, len(chunk), _PIECE_BYTES):
                piece = chunk[at : at + _PIECE_BYTES]
                self._hash.update(piece)
                self._size += len(piece)
                block += piece
                while len(block) >= block_bytes:
                    yield bytes(block[:block_bytes])
                    del block[:block_bytes]
        if block:
            yield bytes(block)

    def stored(self) -> Stored:
        """Return what was measured, once all has been read."""
        return Stored(
            size=self._size, sha256=self._hash.hexdigest(), content_type=self.content_type
        )
