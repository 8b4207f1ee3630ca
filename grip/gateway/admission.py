"""Who may call, and what is held for it: the first of the two transactions.

The hold is the most that the call can cost as far as anyone can tell before it runs (contract,
money rule 1).
"""

from typing import Final

from grip import errors
from grip.clock import Clock
from grip.gateway.call import Call, Media, Offer, Plan
from grip.money.amounts import MAX_CREDITS, ceil_credits
from grip.money.entries import Admit
from grip.money.pricing import Usage, bound_nano, prices_tokens
from grip.store.books import HotBooks
from grip.store.records import Caller, Model

DEFAULT_OUTPUT_TOKENS: Final = 4096
"""What is held for output where neither client nor model names a ceiling (contract, rule 1)."""

_NO_MEDIA: Final = Media()


async def identify(books: HotBooks, clock: Clock, key_hash: str, *, fresh: bool) -> Caller:
    """Return who holds the key; raises InvalidApiKey where nobody does, or may no longer."""
    caller = await books.caller(key_hash, fresh=fresh)
    if caller is None or not caller.usable:
        raise errors.InvalidApiKey("this API key is not valid; check it, or ask for a new one")
    if caller.expires_us is not None and caller.expires_us <= clock():
        raise errors.InvalidApiKey("this API key has expired")
    return caller


def held_output(call: Call, plan: Plan, slice_tokens: int) -> int:
    """Return the output tokens that are held for at first, whichever model serves.

    A stream whose client set no limit holds a slice, and grows it; but all at once where part of
    the output is not seen, and cannot be counted while it flows.
    """
    return max(_held_output(call, offer.model, slice_tokens) for offer in plan.offers)


def _held_output(call: Call, model: Model, slice_tokens: int) -> int:
    most = _output_bound(call, model)
    if not call.stream or call.output_limit is not None or call.reasons or model.reasoning:
        return most
    return min(most, slice_tokens * call.choices)


def output_nano(plan: Plan, tokens: int) -> int:
    """Return what so many tokens more of output cost, whichever model serves."""
    return max(
        bound_nano(offer.sell, Usage(output_tokens=tokens, requests=0)) for offer in plan.offers
    )


def entry(call: Call, plan: Plan, boot_id: str, held_tokens: int) -> Admit:
    """Return what to ask of the books for this call, held for so much output.

    Held is what the dearest model costs that may serve it. Against the limit on tokens counts all
    that it may generate: a limit cannot grow later.
    """
    named = plan.offers[0]
    estimate = max(_estimate(call, offer, held_tokens) for offer in plan.offers)
    amount = ceil_credits(estimate)
    if amount > MAX_CREDITS:
        raise errors.InvalidRequest(
            f"the call could cost {amount} credits, which is more than any call may; lower its "
            "max_tokens"
        )
    caller = plan.caller
    return Admit(
        request_id=call.request_id,
        wallet_id=caller.wallet_id,
        key_id=caller.key_id,
        member_id=caller.member_id,
        catalog_version=plan.catalog_version,
        key_version=caller.key_version,
        tier=caller.tier,
        amount=amount,
        estimate_nano=estimate,
        tokens=_tokens(call, plan),
        model=named.model.name,
        endpoint=call.path,
        ip=call.ip,
        boot_id=boot_id,
        input_tokens=call.input_tokens,
        price_id=named.price_id,
        idem_key=call.idem_key,
        fingerprint=call.fingerprint,
    )


def _estimate(call: Call, offer: Offer, held_tokens: int) -> int:
    ceiling = offer.model.max_input
    input_bound = call.input_bound if ceiling is None else min(call.input_bound, ceiling)
    media = call.media or _NO_MEDIA
    most = Usage(
        input_tokens=input_bound,
        output_tokens=held_tokens,
        images=media.images,
        seconds=media.seconds_bound,
        characters=media.characters,
    )
    return bound_nano(offer.sell, most)


def _tokens(call: Call, plan: Plan) -> int:
    """Return what the limit on tokens counts: none where media is not sold by the token."""
    if call.media is not None and not any(prices_tokens(offer.sell) for offer in plan.offers):
        return 0
    return call.input_tokens + max(_output_bound(call, offer.model) for offer in plan.offers)


def _output_bound(call: Call, model: Model) -> int:
    if not call.has_output:
        return 0
    ceiling = model.max_output
    if call.output_limit is None:
        each = DEFAULT_OUTPUT_TOKENS if ceiling is None else ceiling
    else:
        each = call.output_limit if ceiling is None else min(call.output_limit, ceiling)
    return each * call.choices
