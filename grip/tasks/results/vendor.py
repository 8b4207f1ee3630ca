"""Asking a vendor for the bytes of a result: whom the key is shown to, and which answers count.

Owns the redirects, of which each is a new address to be judged. Refuses to open connections: the
transport that is handed in checks every address that it dials.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final
from urllib.parse import urljoin

import msgspec

from grip import errors
from grip.providers.port import UpstreamRequest
from grip.tasks.results.fetching import Incoming
from grip.transport.port import StreamReply, TransportFault

Dial = Callable[[UpstreamRequest], AbstractAsyncContextManager[StreamReply]]
"""Sends a request over the guarded transport, follows nothing, and raises TransportFault.

It passes the headers `location`, `content-length` and `content-range` of an answer on.
"""

_REDIRECTS: Final = 3
_MOVED: Final = (301, 302, 303, 307, 308)
_OK: Final = 200
_PARTIAL: Final = 206
_ABSENT: Final = (404, 410)
_DEAD: Final = "the vendor's link to the result does not work"
_GONE: Final = "the vendor does not have the result any more"

# No user name, no backslash, no odd character: what two readers of URLs could read in two ways.
_URL: Final = re.compile(
    r"(?P<origin>(?P<scheme>https?)://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?P<port>:[0-9]{1,5})?)"
    r"(?:[/?][!-\[\]-~]*)?",
    re.IGNORECASE,
)
_PORTS: Final = {"http": ":80", "https": ":443"}


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a vendor has a result.

    `headers` are what its own host wants to see, such as the key; `own` are the addresses of that
    host (the channel's base URL), of which scheme, host and port count. No other is shown them.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    own: tuple[str, ...] = ()


@asynccontextmanager
async def incoming(
    dial: Dial, origin: Origin, *, start: int = 0, stop: int | None = None
) -> AsyncIterator[Incoming]:
    """Yield the result at `origin`, from `start` to before `stop` where that is asked for.

    A size is told of the whole only. Raises ResultUnavailable, also while it is read, and
    ResultGone where the vendor says that it is not there.
    """
    async with AsyncExitStack() as stack:
        wanted = "" if stop is None else f"bytes={start}-{stop - 1}"
        url = origin.url
        reply = await _asked(stack, dial, request_for(url, origin, wanted))
        for _ in range(_REDIRECTS):
            if reply.status not in _MOVED:
                break
            url = urljoin(url, reply.headers.get("location", ""))
            reply = await _asked(stack, dial, request_for(url, origin, wanted))
        yield _opened(reply, start, stop)


def request_for(url: str, origin: Origin, wanted: str = "") -> UpstreamRequest:
    """Return the request for `url`, to which `origin` led; raises ResultUnavailable.

    The vendor's headers go along to the vendor's own host, and nowhere else.
    """
    place = _place(url)
    is_own = any(_place(own) == place for own in origin.own)
    headers = (("accept-encoding", "identity"), *(origin.headers if is_own else ()))
    if wanted:
        headers += (("range", wanted),)
    return UpstreamRequest(method="GET", url=url, headers=headers)


async def _asked(stack: AsyncExitStack, dial: Dial, request: UpstreamRequest) -> StreamReply:
    try:
        return await stack.enter_async_context(dial(request))
    except TransportFault as fault:
        raise _unavailable(str(fault)) from fault


def _place(url: str) -> str:
    """Return scheme, host and port of a URL in one spelling."""
    found = _URL.fullmatch(url)
    if found is None:
        raise _unavailable("its address is none that can be asked")
    place, scheme = found["origin"].lower(), found["scheme"].lower()
    return place if found["port"] else place + _PORTS[scheme]


def _opened(reply: StreamReply, start: int, stop: int | None) -> Incoming:
    length = reply.headers.get("content-length", "")
    size = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
    if reply.status == _OK:
        return Incoming(chunks=_cut_out(_chunks(reply), start, stop), size=size)
    ranged = reply.headers.get("content-range", "")
    if reply.status == _PARTIAL and stop is not None and ranged.startswith(f"bytes {start}-"):
        return Incoming(chunks=_cut_out(_chunks(reply), 0, stop - start))
    if reply.status in _ABSENT:
        raise errors.ResultGone(_GONE, detail=f"status {reply.status}")
    raise _unavailable(f"status {reply.status}")


async def _chunks(reply: StreamReply) -> AsyncIterator[bytes]:
    try:
        while data := await reply.read():
            yield data
    except TransportFault as fault:
        raise _unavailable(str(fault)) from fault


async def _cut_out(
    chunks: AsyncIterator[bytes], start: int, stop: int | None
) -> AsyncIterator[bytes]:
    """Yield what lies within the bounds, and read no further than the end."""
    at = 0
    async for chunk in chunks:
        begin, end = max(start - at, 0), len(chunk) if stop is None else stop - at
        if piece := chunk[begin:end]:
            yield piece
        at += len(chunk)
        if stop is not None and at >= stop:
            return


def _unavailable(detail: str) -> errors.ResultUnavailable:
    return errors.ResultUnavailable(_DEAD, detail=detail)
