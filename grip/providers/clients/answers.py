"""What both wires write alike: ids, reports put together, and events of a stream."""

import hashlib
from typing import Final

from grip.providers.conversation import StopReason
from grip.providers.port import Report, UpstreamCall

_ID_CHARACTERS: Final = 24
_SILENT: Final = Report()


def made_id(prefix: str, call: UpstreamCall) -> str:
    """Return an id for an answer whose vendor gave it none: the same for the same call."""
    seed = hashlib.blake2b(call.body.raw, digest_size=16)
    seed.update(f"{call.named} {call.model} {call.created_s}".encode())
    return prefix + seed.hexdigest()[:_ID_CHARACTERS]


def joined(begun: Report, last: Report) -> Report:
    """Return the last word on the usage, and what was said at the beginning where it is silent."""
    if last.input_tokens is not None:
        return last
    return Report(
        input_tokens=begun.input_tokens,
        output_tokens=last.output_tokens,
        cached_input_tokens=begun.cached_input_tokens,
        cache_write_tokens=begun.cache_write_tokens,
    )


def told(report: Report) -> Report | None:
    """Return the report, None where it says nothing."""
    return None if report == _SILENT else report


def reason(stop: StopReason, *, called: bool) -> StopReason:
    """Return why an answer ended; one that asks for a tool has not ended by itself."""
    return "tool" if stop == "end" and called else stop
