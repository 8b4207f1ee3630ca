"""From a vendor's bytes to a result that is kept: bounded, of the right kind, and whole.

Owns what is refused. Refuses to try again: the caller counts its tries.
"""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from grip import errors
from grip.storage import ResultStore, Stored, begun, content_type_of
from grip.tasks.results.wholeness import watch

_ALSO: Final = {
    "image": (),
    "video": ("image/gif", "image/webp"),
    "audio": ("video/mp4", "video/ogg", "video/webm"),
}
"""What a kind of task makes beside what its name says: films as pictures, sound in a film's box."""


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A result on its way: its bytes, and its size where the vendor announced one."""

    chunks: AsyncIterator[bytes]
    size: int | None = None


def of_bytes(data: bytes) -> Incoming:
    """Return a result that is there already, as vendors answer that put pictures into JSON."""

    async def once() -> AsyncIterator[bytes]:
        yield data

    return Incoming(chunks=once(), size=len(data))


async def fetch(
    store: ResultStore, key: str, found: Incoming, *, media: str, most_bytes: int
) -> Stored:
    """Keep a result under `key`, and return what was measured of it.

    `media` is the type of the task: image, video or audio. Raises ResultTooLarge, without a byte
    read where the size was announced, ResultNotAsClaimed, what the store raises, and what the
    chunks do. Whatever is raised, nothing is kept.
    """
    _refuse_size(found.size, most_bytes)
    return await store.put(key, _checked(found, media, most_bytes))


async def look(found: Incoming, *, media: str, most_bytes: int) -> Stored:
    """Return what can be said of a result that is not kept: proxy mode; raises what `fetch` does.

    It is read no further than its head, unless its size was not announced.
    """
    _refuse_size(found.size, most_bytes)
    head, rest = await begun(found.chunks)
    kind = _kind_of(head, media)
    size = found.size
    if size is None:
        whole = Incoming(chunks=rest)
        size = 0
        async for chunk in _checked(whole, media, most_bytes):
            size += len(chunk)
    return Stored(size=size, sha256="", content_type=kind)


async def _checked(found: Incoming, media: str, most_bytes: int) -> AsyncIterator[bytes]:
    """Yield the chunks; raise where they turn out to be no result."""
    head, chunks = await begun(found.chunks)
    whole = watch(_kind_of(head, media), head)
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        _refuse_size(size, most_bytes)
        whole.feed(chunk)
        yield chunk
    if whole.is_cut() or (found.size is not None and size != found.size):
        raise errors.ResultNotAsClaimed(
            f"the vendor's result broke off after {size} bytes",
            detail="" if found.size is None else f"{found.size} were announced",
        )


def _kind_of(head: bytes, media: str) -> str:
    if not head:
        raise errors.ResultNotAsClaimed("the vendor's result is empty")
    kind = content_type_of(head)
    if kind is None:
        raise errors.ResultNotAsClaimed(
            f"the vendor's result is no {media} that is known", detail=f"it begins {head[:32]!r}"
        )
    if not kind.startswith(f"{media}/") and kind not in _ALSO[media]:
        raise errors.ResultNotAsClaimed(f"the vendor's result is {kind}, not {media}")
    return kind


def _refuse_size(size: int | None, most_bytes: int) -> None:
    if size is not None and size > most_bytes:
        raise errors.ResultTooLarge(
            f"the vendor's result is over the limit of {most_bytes} bytes",
            detail="[results] max_bytes says how much is kept",
        )
