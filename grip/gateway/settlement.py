"""What goes into the books when a call has ended: the second of the two transactions."""

import asyncio
import itertools
from typing import Final

from grip import errors
from grip.gateway.call import Call, Candidate, Measured, Ticket
from grip.money.entries import Answer, Facts, Release, Settle, Settled
from grip.store.books import HotBooks

_RETRY_AFTER_S: Final = (0.1, 0.5, 2.0, 5.0)


async def settle(books: HotBooks, entry: Settle) -> Settled:
    """Charge the call, on disk when this returns; raises where the hold had been resolved.

    A hold that is gone was given back to the wallet by somebody who took this process for dead:
    that verdict stands, and the client must not see the end of the answer.
    """
    outcome = await books.submit(entry)
    if not isinstance(outcome, Settled):
        raise errors.ServiceUnavailable("the call took too long to be charged; retry it")
    return outcome


async def release(books: HotBooks, call: Call) -> None:
    """Let go of the hold of a call that failed."""
    await books.submit(Release(request_id=call.request_id))


async def release_surely(books: HotBooks, call: Call) -> None:
    """Let go of the hold however long the database is away: a hold that stays locks its wallet."""
    for delay_s in itertools.chain(_RETRY_AFTER_S, itertools.repeat(_RETRY_AFTER_S[-1])):
        try:
            await release(books, call)
        except errors.DatabaseUnavailable:
            await asyncio.sleep(delay_s)
        else:
            return


def entry(
    call: Call,
    ticket: Ticket,
    candidate: Candidate,
    measured: Measured,
    *,
    status: str,
    attempts: int,
    upstream_id: str | None,
    region: str,
    answer: Answer | None,
) -> Settle:
    """Return what to ask of the books for a call that has ended."""
    usage, channel = measured.usage, candidate.channel
    facts = Facts(
        key_name=ticket.plan.caller.key_name,
        endpoint=call.path,
        model=candidate.offer.model.name,
        provider=channel.kind,
        channel_id=channel.id,
        channel=channel.name,
        upstream_model=candidate.upstream_model,
        upstream_id=upstream_id,
        ip=call.ip,
        region=region,
        status=status,
        estimated=measured.estimated,
        price_id=candidate.offer.price_id,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        images=usage.images,
        seconds=usage.seconds,
        characters=usage.characters,
        buy_cost_nano=measured.buy_cost_nano,
        attempts=attempts,
        latency_ms=call.elapsed_ms(),
        first_byte_ms=call.first_byte_ms,
    )
    return Settle(
        request_id=call.request_id,
        cost_nano=measured.cost_nano,
        proven=not measured.estimated,
        tokens=usage.tokens,
        facts=facts,
        answer=answer,
    )
