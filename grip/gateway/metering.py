"""What a call used and what it costs: the upstream's report, else an estimate marked as one."""

from collections.abc import Callable

import msgspec

from grip.gateway.call import Call, Candidate, Measured, Media
from grip.money.estimates import text_tokens
from grip.money.pricing import Rates, Usage, cost_nano, prices_tokens
from grip.providers.port import Report


def measure(
    call: Call, candidate: Candidate, report: Report | None, text: Callable[[], str]
) -> Measured:
    """Return what the call comes to at the price of the model that served.

    `text` gives what was generated, for want of a report. An answer has a report, be it one that
    says nothing: None is a stream that was left before any of it had come.
    """
    reported = report or Report()
    sell = candidate.offer.sell
    if call.media is None:
        usage, estimated = _tokens(call, reported, text)
    else:
        media = call.media if report is not None else _unseen(call.media)
        usage, estimated = _media(call, media, sell, reported, text)
    return Measured(
        usage=usage,
        estimated=estimated,
        cost_nano=cost_nano(sell, usage),
        buy_cost_nano=cost_nano(candidate.buy, usage) if candidate.buy.named else None,
    )


def _tokens(call: Call, reported: Report, text: Callable[[], str]) -> tuple[Usage, bool]:
    """Return the tokens of a call, and whether any of them had to be estimated."""
    output_tokens = reported.output_tokens
    if output_tokens is None:
        output_tokens = _generated(call, text)
    input_tokens = reported.input_tokens
    return Usage(
        input_tokens=call.input_tokens if input_tokens is None else input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=reported.cached_input_tokens,
        cache_write_tokens=reported.cache_write_tokens,
    ), input_tokens is None or reported.output_tokens is None


def _media(
    call: Call, media: Media, sell: Rates, reported: Report, text: Callable[[], str]
) -> tuple[Usage, bool]:
    """Return the units of a call for media, and whether any that has a price was estimated.

    Tokens that nobody reported and nobody sells are none. Characters are the client's own.
    """
    images = reported.begun + (media.images if reported.images is None else reported.images)
    seconds = media.seconds if reported.seconds is None else reported.seconds
    unsaid_images = reported.images is None or reported.begun > 0
    estimated = (sell.image_nano is not None and unsaid_images) or (
        sell.second_nano is not None and reported.seconds is None
    )
    if prices_tokens(sell):
        generated = text if media.output_tokens == 0 else str
        tokens, unsaid = _tokens(call, reported, generated)
        uncounted = max(images, 1) if reported.output_tokens is None else reported.begun
        of_media = media.output_tokens * uncounted
        tokens = tokens._replace(output_tokens=tokens.output_tokens + of_media)
        estimated = estimated or unsaid or reported.begun > 0
    else:
        tokens = Usage(
            input_tokens=reported.input_tokens or 0, output_tokens=reported.output_tokens or 0
        )
    return tokens._replace(images=images, seconds=seconds, characters=media.characters), estimated


def _unseen(media: Media) -> Media:
    """Return the units where nothing has come: what was sent, and the picture that was begun with.

    Whoever sells by the image sells nothing less.
    """
    return msgspec.structs.replace(media, images=min(media.images, 1), output_tokens=0)


def _generated(call: Call, text: Callable[[], str]) -> int:
    return max(text_tokens(text()) - call.echoed_tokens, 0) if call.has_output else 0
