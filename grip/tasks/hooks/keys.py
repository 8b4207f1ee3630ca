"""What proves that a call is a vendor's: fetched from the vendor, kept for a day.

Owns how often a vendor is asked: once a day where all is well, and at the most once a minute
whoever calls with whatever. Refuses to take a call that nothing proves.
"""

import asyncio
from typing import Final

import msgspec
import structlog

from grip.clock import Clock
from grip.providers.port import UpstreamRequest
from grip.providers.task_port import Event, Headers, TaskCall, WebhookRefused
from grip.tasks.channels import Bound
from grip.transport.port import Timeouts, Transport, TransportFault

KEPT_US: Final = 24 * 3600 * 1_000_000
ASKED_EVERY_US: Final = 60 * 1_000_000

_WITHIN: Final = Timeouts(connect_s=5, first_byte_s=5, chunk_s=5, total_s=5)
_OK: Final = 200

log = structlog.get_logger(__name__)


class _Kept(msgspec.Struct, kw_only=True):
    lock: asyncio.Lock
    body: bytes | None = None
    fetched_us: int = 0
    asked_us: int | None = None


class Keys:
    """The keys of all vendors, by the request that brings them: one account's are its own."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._kept: dict[UpstreamRequest, _Kept] = {}

    async def verified(self, bound: Bound, call: TaskCall, raw: bytes, headers: Headers) -> Event:
        """Return what a call says that its vendor has signed; raises WebhookRefused.

        A vendor may have changed its keys, so that it is asked again before a call is refused.
        """
        request = bound.adapter.webhook_keys(bound.target)
        if request is None:
            raise WebhookRefused("there is nothing to check it with")
        kept = self._of(request)
        keys = await self._body(request, kept)
        try:
            return bound.adapter.verify_webhook(call, raw, headers, keys)
        except WebhookRefused:
            newer = await self._renewed(request, kept, keys)
            if newer is None:
                raise
            return bound.adapter.verify_webhook(call, raw, headers, newer)

    async def _body(self, request: UpstreamRequest, kept: _Kept) -> bytes:
        async with kept.lock:
            if kept.body is None or self._clock() - kept.fetched_us >= KEPT_US:
                kept.body = await self._asked(request, kept)
            if kept.body is None:
                raise WebhookRefused("the vendor's keys cannot be had")
            return kept.body

    async def _renewed(self, request: UpstreamRequest, kept: _Kept, tried: bytes) -> bytes | None:
        """Return other keys than those that were tried, None where there are none."""
        async with kept.lock:
            if kept.body == tried:
                kept.body = await self._asked(request, kept) or tried
            return None if kept.body == tried else kept.body

    async def _asked(self, request: UpstreamRequest, kept: _Kept) -> bytes | None:
        """Return what the vendor answers, None where it does not, or was asked a moment ago."""
        now_us = self._clock()
        if kept.asked_us is not None and now_us - kept.asked_us < ASKED_EVERY_US:
            return None
        kept.asked_us = now_us
        try:
            reply = await self._transport.send(request, _WITHIN)
        except TransportFault as fault:
            log.warning("webhook.no_keys", reason=fault.reason, detail=fault.detail)
            return None
        if reply.status != _OK:
            log.warning("webhook.no_keys", reason=f"status_{reply.status}")
            return None
        kept.fetched_us = now_us
        return reply.body

    def _of(self, request: UpstreamRequest) -> _Kept:
        found = self._kept.get(request)
        if found is None:
            found = self._kept[request] = _Kept(lock=asyncio.Lock())
        return found
