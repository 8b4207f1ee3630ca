"""Results in storage that speaks S3, over obstore.

A large result goes up in parts and is there when the last one is; a put that ends early takes its
parts back. Reads ask for one range after another, so that a slow reader holds no connection.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from datetime import timedelta
from typing import Any, Final, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store as Bucket

from grip import errors
from grip.storage.intake import Intake
from grip.storage.port import Stored, parts_of

T = TypeVar("T")

_PART_BYTES: Final = 8 * 1024 * 1024
"""One part: ten thousand of them are the most that S3 takes, which makes 80 GB."""

_PARTS_AT_ONCE: Final = 2
_BLOCK_BYTES: Final = 1024 * 1024
_RANGE_BYTES: Final = 1024 * 1024
_REST_S: Final = 0.25
_CLIENT: Final = {
    "connect_timeout": timedelta(seconds=10),
    "read_timeout": timedelta(seconds=30),
    "timeout": timedelta(seconds=300),
    "user_agent": "grip",
}
_RETRY: Final = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


class S3Store:
    """A `ResultStore` in a bucket, under the keys behind `prefix`."""

    def __init__(
        self,
        bucket: str,
        *,
        region: str,
        prefix: str = "",
        endpoint: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        virtual_host: bool = False,
    ) -> None:
        # Handed over by a function, since a token in the environment would be sent along otherwise.
        own = {"access_key_id": access_key, "secret_access_key": secret_key, "expires_at": None}
        given: dict[str, Any] = {
            "endpoint": endpoint,
            "credential_provider": None if access_key is None else lambda: own,
            "client_options": {**_CLIENT, "allow_http": (endpoint or "").startswith("http://")},
            "retry_config": _RETRY,
        }
        self._bucket = Bucket(
            bucket,
            region=region,
            virtual_hosted_style_request=virtual_host,
            disable_bulk_delete=True,
            **{name: value for name, value in given.items() if value is not None},
        )
        self._prefix = f"{prefix}/" if prefix else ""

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> Stored:
        """Keep it: at once where it fits into one part."""
        name = self._name(key)
        intake = Intake(chunks)
        await intake.begin()
        feed = _Feed(intake.blocks(_BLOCK_BYTES))
        if await feed.begin(_PART_BYTES):
            await self._put_parts(name, feed, intake.content_type)
        else:
            await _talk(self._upload(name, feed.begun(), intake.content_type))
        return intake.stored()

    async def open(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield it, one range after another."""
        name = self._name(key)
        at = start
        while at < stop:
            end = min(at + _RANGE_BYTES, stop)
            data = bytes(
                await _talk(obstore.get_range_async(self._bucket, name, start=at, end=end))
            )
            if len(data) != end - at:
                raise errors.ResultStoreUnavailable(f"the result {key} is shorter than it was")
            at = end
            yield data

    async def delete(self, key: str) -> None:
        """Delete the object; S3 does not mind where there is none."""
        await _talk(obstore.delete_async(self._bucket, self._name(key)))

    async def tidy(self, before_us: int) -> int:  # noqa: ARG002 - the port's
        """Do nothing: parts of puts that died are for the bucket's lifecycle rule."""
        return 0

    async def close(self) -> None:
        """Let the library's threads come to rest.

        One that still gives back what a call has used aborts an interpreter that ends meanwhile
        (PyO3/pyo3-async-runtimes#40), and there is nothing to wait for.
        """
        await asyncio.sleep(_REST_S)

    def _name(self, key: str) -> str:
        task, number = parts_of(key)
        return f"{self._prefix}{task}/{number}"

    async def _put_parts(self, name: str, feed: "_Feed", content_type: str) -> None:
        """Send a feed; where this is cancelled, the feed fails, so that the parts are undone."""
        upload = asyncio.ensure_future(_talk(self._upload(name, feed, content_type)))
        try:
            await asyncio.shield(upload)
        except asyncio.CancelledError:
            feed.stop()
            await asyncio.wait([upload])
            if not upload.cancelled():
                upload.exception()  # it is what `stop` made it
            raise

    async def _upload(self, name: str, data: "bytes | _Feed", content_type: str) -> None:
        await obstore.put_async(
            self._bucket,
            name,
            data,
            attributes={"Content-Type": content_type},
            use_multipart=not isinstance(data, bytes),
            chunk_size=_PART_BYTES,
            max_concurrency=_PARTS_AT_ONCE,
        )


class _Stopped(Exception):
    """The put was cancelled."""


class _Feed:
    """What goes up, block for block; it can be made to fail from outside."""

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        self._first = bytearray()
        self._rest = blocks
        self._step: asyncio.Future[bytes] | None = None
        self._is_stopped = False

    async def begin(self, size: int) -> bool:
        """Read this much ahead; return whether there was so much."""
        async for block in self._rest:
            self._first += block
            if len(self._first) >= size:
                return True
        return False

    def begun(self) -> bytes:
        """Give what was read ahead, once."""
        first, self._first = bytes(self._first), bytearray()
        return first

    def __aiter__(self) -> "_Feed":
        return self

    async def __anext__(self) -> bytes:
        if self._is_stopped:
            raise _Stopped
        if self._first:
            return self.begun()
        self._step = asyncio.ensure_future(self._next())
        try:
            return await self._step
        except asyncio.CancelledError:
            raise _Stopped from None

    def stop(self) -> None:
        """Fail at the next part, or at the one that is waited for."""
        self._is_stopped = True
        if self._step is not None:
            self._step.cancel()

    async def _next(self) -> bytes:
        return await anext(self._rest)


async def _talk(work: Awaitable[T]) -> T:
    """Await an answer of the storage; what it refuses becomes an error with a name."""
    try:
        return await work
    except FileNotFoundError:
        raise errors.ResultMissing("the result is not kept any more") from None
    except BaseError as error:
        raise errors.ResultStoreUnavailable(
            "results cannot be read or written at the moment",
            detail=f"{str(error).partition(chr(10))[0]}; see the keys s3_… of [results]",
        ) from error
