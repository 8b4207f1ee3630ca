"""What S3 promises beyond the port."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from grip import errors
from grip.storage.s3 import S3Store
from tests.storage import s3_server
from tests.storage.files import in_chunks, sample
from tests.storage.s3_server import S3Server

KEY = "task_00ff/0"
PART = 8 * 1024 * 1024


async def test_a_small_result_is_one_request(bucket: S3Store, s3: S3Server):
    """With its type, for whoever looks into the bucket."""
    await bucket.put(KEY, in_chunks(sample("red.png")))

    assert s3.requests == ["PUT /results/kept/here/task_00ff/0"]
    assert s3.types == {"kept/here/task_00ff/0": "image/png"}


async def test_a_large_result_goes_up_in_parts(bucket: S3Store, s3: S3Server):
    """It is there when the last one is; a part is all that is kept in memory of it."""
    film = sample("red.mp4") + b"x" * 2 * PART
    await bucket.put(KEY, in_chunks(film, 1_000_000))

    assert s3.objects == {"kept/here/task_00ff/0": film}
    assert s3.types == {"kept/here/task_00ff/0": "video/mp4"}
    assert s3.most_part_bytes == PART
    assert s3.uploads == {}


@pytest.mark.parametrize("parts", [0, 1, 2])
async def test_a_put_that_is_cancelled_takes_its_parts_back(
    bucket: S3Store, s3: S3Server, parts: int
):
    """What lies in a bucket unseen costs money all the same."""
    waiting = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        for _ in range(parts):
            yield b"x" * PART
        yield b"x"
        waiting.set()
        await asyncio.Event().wait()

    put = asyncio.create_task(bucket.put(KEY, stuck()))
    await waiting.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put

    assert s3.uploads == {}
    assert s3.objects == {}


async def test_a_wrong_secret_is_named(s3: S3Server):
    """The error says where to look, and nothing of the secret."""
    wrong = S3Store(
        s3_server.BUCKET,
        region=s3_server.REGION,
        endpoint=s3.address,
        access_key=s3_server.ACCESS_KEY,
        secret_key="not the right one",
    )
    with pytest.raises(errors.ResultStoreUnavailable) as raised:
        await wrong.put(KEY, in_chunks(b"x"))

    assert "403" in raised.value.detail
    assert "[results]" in raised.value.detail
    assert "not the right one" not in f"{raised.value}{raised.value.__cause__!r}"
    assert s3.objects == {}


@pytest.mark.parametrize("size", [10, PART + 10])
async def test_storage_that_refuses_is_named(bucket: S3Store, s3: S3Server, size: int):
    """Whether it refuses to take, to give or to delete."""
    s3.fail = 403
    with pytest.raises(errors.ResultStoreUnavailable):
        await bucket.put(KEY, in_chunks(b"x" * size, 1_000_000))
    with pytest.raises(errors.ResultStoreUnavailable):
        await anext(bucket.open(KEY, 0, 1))
    with pytest.raises(errors.ResultStoreUnavailable):
        await bucket.delete(KEY)


async def test_a_stray_token_of_the_environment_is_not_sent(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
):
    """Keys that are configured stand for themselves."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "stray")
    configured = S3Store(
        s3_server.BUCKET,
        region=s3_server.REGION,
        endpoint=s3.address,
        access_key=s3_server.ACCESS_KEY,
        secret_key=s3_server.SECRET_KEY,
    )
    await configured.put(KEY, in_chunks(b"x"))

    assert s3.objects == {KEY: b"x"}
    assert s3.tokens == set()


async def test_a_reader_asks_for_what_it_reads(bucket: S3Store, s3: S3Server):
    """One range after another: a slow one holds no connection, and nothing is read ahead."""
    await bucket.put(KEY, in_chunks(b"x" * 5_000_000, 1_000_000))
    s3.requests.clear()
    reading = bucket.open(KEY, 0, 5_000_000)
    await anext(reading)
    await anext(reading)
    await reading.aclose()

    assert s3.requests == ["GET /results/kept/here/task_00ff/0"] * 2
