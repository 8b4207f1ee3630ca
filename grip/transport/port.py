"""The port to the network for the request path."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import msgspec

from grip.providers.port import UpstreamRequest


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long a channel may take: to connect, to its first byte, between chunks, and in all.

    A call that does not stream has its answer whole within the shorter of `first_byte_s` and
    `total_s`.
    """

    connect_s: float
    first_byte_s: float
    chunk_s: float
    total_s: float


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. Header names are lower-case; only those that grip reads are there."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class StreamReply(Protocol):
    """An answer whose head has arrived and whose body is still to be read."""

    status: int
    headers: Mapping[str, str]

    async def read(self) -> bytes:
        """Return the next bytes, empty at the end; raises TransportFault."""

    async def read_all(self) -> bytes:
        """Return the whole body, for an answer that turned out not to stream.

        Raises TransportFault, also where the body is larger than `most_bytes` of its status.
        """

    def finish(self) -> None:
        """Say that all has been read that matters; what is left may come, or not."""


class Transport(Protocol):
    """Sends requests. Leaving the block of `open` closes the connection to the upstream."""

    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> Reply:
        """Return the whole answer; raises TransportFault."""

    def open(
        self, request: UpstreamRequest, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[StreamReply]:
        """Return the answer once its head is there; raises TransportFault."""

    async def close(self) -> None:
        """Close all connections."""


class TransportFault(Exception):
    """The exchange broke. `reason` is `connect`, `timeout` or `closed`.

    Of a guarded one (`guarded.py`) it may also be `dns`, `tls`, `too_large`, or `refused` where the
    guard did not let it begin.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


UNUSABLE: Final = "the address or the secret cannot be used"
"""Why a request could not even be built: never with the value, since that may be the secret."""

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""The largest whole answer that is read."""

MAX_ERROR_BYTES: Final = 1024 * 1024
"""The largest answer that is read to its end though it is no success."""


def most_bytes(status: int) -> int:
    """Return the size up to which an answer of this status is read."""
    return MAX_ANSWER_BYTES if status < _NO_SUCCESS else MAX_ERROR_BYTES


def too_large(most: int) -> TransportFault:
    """Return the fault of an answer above `most` bytes."""
    return TransportFault("closed", f"the answer is larger than {most} bytes")


_NO_SUCCESS: Final = 300

READ_HEADERS = (
    "content-type",
    "retry-after",
    "x-request-id",
    "openai-poll-after-ms",
    "x-fal-billable-units",
    "x-fal-error-type",
)
"""The headers of an answer that grip reads."""
