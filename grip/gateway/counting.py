"""How many tokens a request has, where its client only asks for that: free, and held by nothing.

A channel that counts is asked, as its vendor's tokens are its own; where none can, grip estimates.
It leaves no trace in the health of channels: one that cannot count may serve well.
"""

import asyncio
from typing import Final

import msgspec
import structlog

from grip import errors
from grip.gateway.call import Call, Plan
from grip.gateway.upstream import Upstream, word_for
from grip.providers.conversation import Untranslatable
from grip.providers.port import ChannelFault
from grip.transport.port import TransportFault

_PATIENCE_S: Final = 15
"""How long channels are asked before an estimate is as good."""

_FAULTS: Final = (ChannelFault, TransportFault, errors.SecretUnresolved, Untranslatable)

log = structlog.get_logger(__name__)


async def count(call: Call, plan: Plan, upstream: Upstream) -> bytes:
    """Return the answer of the first channel that counts, else grip's own.

    Only channels of the model that the client named are asked. Raises RequestRefused.
    """
    try:
        async with asyncio.timeout(_PATIENCE_S):
            told = await _ask(call, plan, upstream)
    except TimeoutError:
        told = None
    return told or msgspec.json.encode({"input_tokens": call.input_tokens})


async def _ask(call: Call, plan: Plan, upstream: Upstream) -> bytes | None:
    named = plan.offers[0]
    for candidate in plan.candidates:
        if candidate.offer is not named:
            continue
        try:
            return (await upstream.attempt(call, candidate)).body
        except _FAULTS as fault:
            log.warning(
                "count.failed",
                channel=candidate.channel.name,
                fault=word_for(fault),
            )
    return None
