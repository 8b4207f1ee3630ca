"""The port to wherever results are kept, and the names that they have there."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final, Protocol

import msgspec

from grip import errors

_KEY: Final = re.compile(r"([a-z]{1,16}_[0-9A-Za-z]{1,64})/([0-9]{1,6})")


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: its size in bytes, its SHA-256 in hex, and its type as its bytes tell it.

    The hash is empty where nobody has read the whole, as of results that are passed on.
    """

    size: int
    sha256: str
    content_type: str


class ResultReader(Protocol):
    """Gives the bytes of results."""

    def open(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to before `stop`, in pieces of a megabyte at most.

        Nothing is read before it is asked for. Raises ResultMissing or ResultStoreUnavailable, also
        where fewer bytes are there. Whoever does not read to the end closes the iterator.
        """


class ResultStore(ResultReader, Protocol):
    """Keeps results under keys such as `task_…/0`."""

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> Stored:
        """Keep what `chunks` yields, all of it or nothing, in place of what has this key.

        What `chunks` raises comes through, and nothing is kept then. Raises ResultStoreFull and
        ResultStoreUnavailable.
        """

    async def delete(self, key: str) -> None:
        """Delete it, where it is there; raises ResultStoreUnavailable."""

    async def tidy(self, before_us: int) -> int:
        """Delete what puts that died have left since before then; return how many."""

    async def close(self) -> None:
        """Let go of it, after its last use and before the process ends."""


def parts_of(key: str) -> tuple[str, str]:
    """Return the task and the number in a key; raises InvalidRequest for any other name."""
    found = _KEY.fullmatch(key)
    if found is None:
        raise errors.InvalidRequest("a result is named by its task and its number: task_…/0")
    return found[1], found[2]
