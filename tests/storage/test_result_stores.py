"""What every store promises."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from grip import errors
from grip.storage import ResultReader, ResultStore, Stored
from tests.storage.files import in_chunks, sample

KEY = "task_00ff/0"
LARGE = bytes(range(256)) * (9 * 4096) + b"end"  # two parts of an upload, and no round number


async def read(store: ResultReader, start: int, stop: int, key: str = KEY) -> bytes:
    return b"".join([piece async for piece in store.open(key, start, stop)])


@pytest.mark.parametrize("chunk", [7, 65_536, 20_000_000])
async def test_what_is_put_is_measured_and_read_again(store: ResultStore, chunk: int):
    """Size, hash and type are those of the bytes, however they came."""
    film = sample("red.mp4") + LARGE if chunk > 7 else sample("red.mp4")
    stored = await store.put(KEY, in_chunks(film, chunk))

    digest = hashlib.sha256(film).hexdigest()
    assert stored == Stored(size=len(film), sha256=digest, content_type="video/mp4")
    assert await read(store, 0, len(film)) == film


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 1), (1, 2), (1_048_575, 1_048_577), (5, 9_000_000), (len(LARGE) - 1, len(LARGE))],
)
async def test_any_range_can_be_read(store: ResultStore, start: int, stop: int):
    """Across the pieces that it is read in, too."""
    await store.put(KEY, in_chunks(LARGE, 1_000_000))

    assert await read(store, start, stop) == LARGE[start:stop]


async def test_pieces_are_a_megabyte_at_the_most(store: ResultStore):
    """That is what a reader costs of memory."""
    await store.put(KEY, in_chunks(LARGE, 4_000_000))

    sizes = [len(piece) async for piece in store.open(KEY, 0, len(LARGE))]
    assert max(sizes) <= 1_048_576
    assert sum(sizes) == len(LARGE)


async def test_the_last_put_counts(store: ResultStore):
    """A second try takes the place of the first."""
    await store.put(KEY, in_chunks(b"first"))
    await store.put(KEY, in_chunks(b"second"))

    assert await read(store, 0, 6) == b"second"


async def test_what_is_deleted_is_missing_and_may_be_deleted_again(store: ResultStore):
    """Two sweeps at once do no harm."""
    await store.put(KEY, in_chunks(b"x"))
    await store.delete(KEY)
    await store.delete(KEY)

    with pytest.raises(errors.ResultMissing):
        await read(store, 0, 1)


@pytest.mark.parametrize("size", [10, 20_000_000])
async def test_chunks_that_fail_leave_what_was_there(store: ResultStore, size: int):
    """The failure comes through as it is, and nothing half-written is ever read."""
    await store.put(KEY, in_chunks(b"whole"))

    async def broken() -> AsyncIterator[bytes]:
        async for chunk in in_chunks(b"x" * size, 1_000_000):
            yield chunk
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await store.put(KEY, broken())
    assert await read(store, 0, 5) == b"whole"


async def test_a_result_that_became_shorter_is_an_error(store: ResultStore):
    """Better a cut connection than an answer that is padded or ends as if it were whole."""
    await store.put(KEY, in_chunks(b"12345"))

    with pytest.raises(errors.ResultStoreUnavailable, match="shorter"):
        await read(store, 0, 6)


@pytest.mark.parametrize(
    "key",
    [
        *("", "task_a", "task_a/", "task_/0", "../etc/passwd", "task_../0", "task_a/../0"),
        *("/task_a/0", "task_a/0/", "task_a/0\n", "task_a/0\0", "task_a\\0/0", "task_a/-1"),
        *("TASK_a/0", "task_ä/0"),
    ],
)
async def test_only_the_names_of_results_are_names(store: ResultStore, key: str):
    """A name that leads elsewhere gets nowhere, whatever is done with it."""
    with pytest.raises(errors.InvalidRequest):
        await store.put(key, in_chunks(b"x"))
    with pytest.raises(errors.InvalidRequest):
        await read(store, 0, 1, key)
    with pytest.raises(errors.InvalidRequest):
        await store.delete(key)
