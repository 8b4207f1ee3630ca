"""Anthropic's `count_tokens` by Gemini's `countTokens`: the same request, of which nothing is made.

Counting is free on both sides: the report says that nothing was used.
"""

from typing import Any

import msgspec

from grip.providers.gemini import refusals
from grip.providers.json_object import JsonObject
from grip.providers.openai.wire import UNREADABLE, count
from grip.providers.port import Answer, ChannelFault, Report


class _Counted(msgspec.Struct, rename="camel"):
    """The answer of `countTokens`."""

    total_tokens: Any = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Counted)


def request(body: bytes, resource: str) -> bytes:
    """Return the body that counts what the request `body` to `resource` would send."""
    whole = JsonObject(body).replace({"model": resource})
    return msgspec.json.encode({"generateContentRequest": msgspec.Raw(whole)})


def answer(body: bytes) -> Answer:
    """Return the count as Anthropic's answer; raises ChannelFault where there is none."""
    try:
        read = _decoder.decode(body)
    except UNREADABLE as error:
        raise ChannelFault("garbage", str(error)) from None
    if read.error is not None:
        raise refusals.fault("error_in_answer", read.error)
    counted = count(read.total_tokens)
    if counted is None:
        raise ChannelFault("garbage", "no count of tokens in the answer")
    return Answer(
        body=msgspec.json.encode({"input_tokens": counted}),
        report=Report(input_tokens=0, output_tokens=0),
        text="",
        upstream_id=None,
    )
