"""Which of the things that vendors send are results."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grip import errors
from grip.storage import DirectoryStore, Stored
from grip.tasks.results import Incoming, fetch, look
from grip.tasks.results.fetching import of_bytes
from grip.tasks.results.wholeness import watch
from tests.storage.files import TYPES, in_chunks, sample

KEY = "task_00ff/0"
MOST = 1_000_000
TELLS_ITS_LENGTH = [
    *("faststart.mp4", "red.mp4", "red.mov", "tone.m4a", "plain.png", "red.png"),
    *("plain.jpg", "red.jpg", "red.webp", "tone.wav", "red.webm", "red.mkv"),
]


@pytest.fixture
def store(tmp_path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "results")


def media_of(name: str) -> str:
    return TYPES[name].partition("/")[0]


async def kept(store: DirectoryStore, stored: Stored) -> bytes:
    return b"".join([piece async for piece in store.open(KEY, 0, stored.size)])


async def refused(store: DirectoryStore, found: Incoming, media: str = "video") -> str:
    """Return what a result is refused with, and see that nothing is kept of it."""
    with pytest.raises(errors.ResultUnavailable) as raised:
        await fetch(store, KEY, found, media=media, most_bytes=MOST)
    with pytest.raises(errors.ResultMissing):
        await anext(store.open(KEY, 0, 1))
    assert raised.value.code == "result_unavailable"
    return str(raised.value)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("chunk", [1, 3000])
async def test_real_files_are_kept(store: DirectoryStore, name: str, chunk: int):
    """Byte for byte, and called what they are."""
    found = Incoming(chunks=in_chunks(sample(name), chunk), size=None)
    stored = await fetch(store, KEY, found, media=media_of(name), most_bytes=MOST)

    assert stored.content_type == TYPES[name]
    assert await kept(store, stored) == sample(name)


@pytest.mark.parametrize("name", TELLS_ITS_LENGTH)
def test_a_file_that_tells_its_length_is_known_to_be_cut_anywhere(name: str):
    """From the byte behind what tells its kind to the last one but what evens it."""
    whole = sample(name)
    for stop in range(64, len(whole) - 12):
        part = whole[:stop]
        watched = watch(TYPES[name], part)
        watched.feed(part)
        assert watched.is_cut(), stop


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("behind", [b"", b"\0", b"\0" * 9, b"more behind the end of the file"])
def test_a_whole_file_is_never_called_cut(name: str, behind: bytes):
    """Not with something behind it, either, nor one that was written to a pipe."""
    whole = sample(name) + behind
    watched = watch(TYPES[name], whole[:4096])
    for at in range(0, len(whole), 11):
        watched.feed(whole[at : at + 11])

    assert not watched.is_cut()


@given(st.sampled_from(sorted(TYPES)), st.binary(max_size=200), st.integers(0, 200))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_broken_files_are_judged_without_an_error(name: str, noise: bytes, at: int):
    """Lengths may be anything: nothing is read by them, or kept."""
    broken = sample(name)[:at] + noise
    watched = watch(TYPES[name], broken[:4096])
    watched.feed(broken)

    assert watched.is_cut() in (True, False)


async def test_a_box_with_a_long_length_is_stepped_over(store: DirectoryStore):
    """Films above 4 GB have them; here a small one does."""
    body = b"x" * 100
    long = (1).to_bytes(4) + b"mdat" + (16 + len(body)).to_bytes(8) + body
    film = sample("faststart.mp4") + long
    stored = await fetch(store, KEY, of_bytes(film), media="video", most_bytes=MOST)

    assert stored.size == len(film)
    await store.delete(KEY)
    assert "broke off" in await refused(store, of_bytes(film[:-1]))


@pytest.mark.parametrize(
    "page",
    [b"<!DOCTYPE html><title>Expired</title>", b'{"error": "expired"}', b"<svg onload=alert(1)>"],
)
@pytest.mark.parametrize("media", ["image", "video", "audio"])
async def test_a_page_is_no_result(store: DirectoryStore, page: bytes, media: str):
    """Vendors answer so, with status 200, where a link is over."""
    said = await refused(store, of_bytes(page), media)

    assert said.startswith(f"the vendor's result is no {media} that is known")


async def test_an_empty_result_is_none(store: DirectoryStore):
    """Announced as such or not."""
    assert "empty" in await refused(store, of_bytes(b""))
    assert "empty" in await refused(store, Incoming(chunks=in_chunks(b"")))


@pytest.mark.parametrize(
    ("name", "media"), [("red.png", "video"), ("tone.mp3", "video"), ("red.mp4", "image")]
)
async def test_a_result_of_another_kind_is_none(store: DirectoryStore, name: str, media: str):
    """A picture where a film was paid for, and so on."""
    assert "not " + media in await refused(store, of_bytes(sample(name)), media)


@pytest.mark.parametrize(("name", "media"), [("red.gif", "video"), ("red.mp4", "audio")])
async def test_what_goes_for_another_kind_is_kept(store: DirectoryStore, name: str, media: str):
    """Films come as pictures that move, and sound in the box of a film."""
    stored = await fetch(store, KEY, of_bytes(sample(name)), media=media, most_bytes=MOST)
    assert stored.content_type == TYPES[name]


async def test_fewer_bytes_than_announced_are_a_cut(store: DirectoryStore):
    """Also for files that do not tell their length."""
    whole = sample("tone.mp3")
    said = await refused(store, Incoming(chunks=in_chunks(whole), size=len(whole) + 1), "audio")

    assert f"broke off after {len(whole)} bytes" in said
    assert f"{len(whole) + 1} were announced" in said


async def test_two_gigabytes_are_refused_without_a_byte_read(store: DirectoryStore):
    """Where the vendor says how large it is."""
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            read.append(1)
            yield b"x" * 65_536

    found = Incoming(chunks=endless(), size=2 * 1024**3)
    with pytest.raises(errors.ResultTooLarge, match="over the limit of 1000000 bytes"):
        await fetch(store, KEY, found, media="video", most_bytes=MOST)
    with pytest.raises(errors.ResultTooLarge):
        await look(found, media="video", most_bytes=MOST)

    assert read == []


async def test_a_result_that_hides_its_size_is_read_to_the_limit(store: DirectoryStore, tmp_path):
    """And one chunk further; what was written of it is gone."""
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        yield sample("fragmented.mp4")
        while True:
            read.append(1)
            yield b"\0\1\0\0mdat" + b"x" * 65_528

    with pytest.raises(errors.ResultTooLarge):
        await fetch(store, KEY, Incoming(chunks=endless()), media="video", most_bytes=MOST)

    assert len(read) * 65_536 < MOST + 65_536
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_the_largest_result_may_be_as_large_as_the_limit(store: DirectoryStore):
    """And not a byte larger."""
    film = sample("red.mp4")
    found = Incoming(chunks=in_chunks(film))
    stored = await fetch(store, KEY, found, media="video", most_bytes=len(film))
    assert stored.size == len(film)

    with pytest.raises(errors.ResultTooLarge):
        found = Incoming(chunks=in_chunks(film))
        await fetch(store, KEY, found, media="video", most_bytes=len(film) - 1)


async def test_what_is_not_kept_is_looked_at_no_further_than_its_head():
    """Its size is what the vendor said; nobody has made a hash of it."""
    read: list[int] = []

    async def large() -> AsyncIterator[bytes]:
        yield sample("red.mp4")
        while True:
            read.append(1)
            yield b"x" * 4096

    seen = await look(Incoming(chunks=large(), size=900_000), media="video", most_bytes=MOST)

    assert seen == Stored(size=900_000, sha256="", content_type="video/mp4")
    assert len(read) == 1


async def test_what_hides_its_size_is_counted():
    """Since a reader is told a length."""
    film = sample("red.mp4") + b"\0" * 10_000
    seen = await look(Incoming(chunks=in_chunks(film)), media="video", most_bytes=MOST)

    assert seen == Stored(size=len(film), sha256="", content_type="video/mp4")
