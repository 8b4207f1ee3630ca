"""One call over HTTP, as a customer makes it, and what they saw of it, noted on their side."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import aiohttp

from grip.drill.notes import Attempt, Ending, address

PATIENCE_S: Final = 40
"""How long a client waits for a call at the most; longer than the gateway ever takes."""

_OK: Final = 200
_DONE: Final = b"data: [DONE]\n\n"
_FAILED: Final = b"event: error\n"
_COST: Final = re.compile(rb'"cost_nano":(\d+)')
_CODE: Final = re.compile(rb'"code":"(\w+)"')
_CONTENT: Final = b'"content":'
_TEXT: Final = re.compile(rb'"content":"([^"]*)"')
_WORD: Final = re.compile(rb'"content":"[^"]')
_LIMITED: Final = b'"finish_reason":"length"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a call asks for, and when its client hangs up."""

    kind: str
    model: str
    stream: bool
    body: bytes
    secret: str
    group: str | None = None
    leave_after: int | None = None
    leave_s: float | None = None
    is_afterwards: bool = False


class Client:
    """Makes calls to a gateway; every one of them is numbered and noted in `attempts`."""

    def __init__(self, url: str, session: aiohttp.ClientSession, now: Callable[[], float]) -> None:
        self.attempts: list[Attempt] = []
        self._url = f"{url}/v1/chat/completions"
        self._session = session
        self._now = now
        self._number = 0

    async def call(self, order: Order) -> Attempt:
        """Make one call, and return what its client saw."""
        number, self._number = self._number, self._number + 1
        started_s = self._now()
        saw = await self._see(order, number)
        attempt = Attempt(
            number=number,
            ip=address(number),
            kind=order.kind,
            model=order.model,
            group=order.group,
            is_afterwards=order.is_afterwards,
            started_s=started_s,
            ended_s=self._now(),
            ending=saw.ending,
            status=saw.status,
            code=saw.code,
            request_id=saw.request_id,
            is_replay=saw.is_replay,
            digest=saw.digest,
            told_nano=saw.told_nano,
            words=saw.words,
            is_limited=saw.is_limited,
        )
        self.attempts.append(attempt)
        return attempt

    async def _see(self, order: Order, number: int) -> "_Sight":
        """Return how the call looked; each way that a connection can end is a sight."""
        sight = _Sight(ending=Ending.LEFT_EARLY)
        try:
            async with (
                asyncio.timeout(PATIENCE_S if order.leave_s is None else order.leave_s),
                self._session.post(
                    self._url, data=order.body, headers=_headers(order, number)
                ) as response,
            ):
                sight = _head(response)
                return await _read(response, order, sight)
        except TimeoutError:
            return sight
        except aiohttp.ClientConnectorError:
            return replace(sight, ending=Ending.UNSENT)
        except aiohttp.ClientError:
            return replace(sight, ending=Ending.CUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    ending: Ending
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    is_replay: bool = False
    digest: str | None = None
    told_nano: int | None = None
    words: int | None = None
    is_limited: bool = False


def _headers(order: Order, number: int) -> dict[str, str]:
    headers = {
        "authorization": f"Bearer {order.secret}",
        "content-type": "application/json",
        "x-forwarded-for": address(number),
    }
    return headers if order.group is None else headers | {"idempotency-key": order.group}


def _head(response: aiohttp.ClientResponse) -> _Sight:
    return _Sight(
        ending=Ending.LEFT_EARLY,
        status=response.status,
        request_id=response.headers.get("x-grip-request-id"),
        is_replay="idempotent-replayed" in response.headers,
    )


async def _read(response: aiohttp.ClientResponse, order: Order, sight: _Sight) -> _Sight:
    if response.status != _OK:
        found = _CODE.search(await response.read())
        code = None if found is None else found[1].decode()
        return replace(sight, ending=Ending.REFUSED, code=code)
    if order.stream:
        return await _read_stream(response, order, sight)
    body = await response.read()
    told = response.headers.get("x-grip-cost-nano")
    said = _TEXT.search(body)
    return replace(
        sight,
        ending=Ending.WHOLE,
        digest=hashlib.sha256(body).hexdigest(),
        told_nano=None if told is None else int(told),
        words=len(said[1].split()) if said else 0,
    )


async def _read_stream(response: aiohttp.ClientResponse, order: Order, sight: _Sight) -> _Sight:
    """Read events until their end, or until the client has seen enough.

    After `[DONE]` nothing counts any more, however the connection ends.
    """
    body = bytearray()
    reads = 0
    async for data in response.content.iter_any():
        body += data
        reads += _CONTENT in data
        if body.endswith(_DONE):
            break
        if order.leave_after is not None and reads >= order.leave_after:
            response.close()
            return replace(sight, ending=Ending.LEFT)
    if _FAILED in body:
        return replace(sight, ending=Ending.BROKEN, code=_last(_CODE, body))
    if not body.endswith(_DONE):
        return replace(sight, ending=Ending.CUT)
    told = _last(_COST, body)
    return replace(
        sight,
        ending=Ending.WHOLE,
        digest=hashlib.sha256(body).hexdigest(),
        told_nano=None if told is None else int(told),
        words=len(_WORD.findall(body)),
        is_limited=_LIMITED in body,
    )


def _last(pattern: re.Pattern[bytes], body: bytearray) -> str | None:
    found = pattern.findall(bytes(body))
    return found[-1].decode() if found else None
