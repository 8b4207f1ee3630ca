"""Whole answers of OpenAI's chat, read into a `Completion`."""

from typing import Final

import msgspec

from grip.providers.conversation import Completion, StopReason, Text, Thought, ToolCall
from grip.providers.openai import chat_parts, tool_ids, wire
from grip.providers.openai.chat_parts import Call
from grip.providers.port import ChannelFault

_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def completion(body: wire.Body) -> Completion:
    """Return what an answer says; raises ChannelFault where it says nothing that can be passed."""
    choice = body.choices[0] if body.choices else None
    if choice is None or choice.message is None:
        raise ChannelFault("garbage", "no message in the answer")
    calls = chat_parts.calls(choice.message)
    stop = chat_parts.stop(choice.finish_reason, called=bool(calls))
    if stop == "end" and isinstance(choice.message.refusal, str) and choice.message.refusal:
        stop = "refusal"
    parts: list[Text | Thought | ToolCall] = [*chat_parts.said(choice.message)]
    parts += [_called(call, index, body.upstream_id, stop) for index, call in enumerate(calls)]
    return Completion(
        id=body.upstream_id, parts=tuple(parts), stop=stop, report=wire.report(body.usage)
    )


def _called(call: Call, index: int, upstream_id: str | None, stop: StopReason) -> ToolCall:
    """Return a call of a tool, with the text of an object unless the answer's limit cut it off."""
    arguments = call.arguments or "{}"
    if not call.name:
        raise ChannelFault("garbage", "a call of a tool that is not named")
    if stop != "length":
        try:
            _object.decode(arguments)
        except wire.UNREADABLE as error:
            raise ChannelFault("garbage", f"the arguments of a tool: {error}") from None
    return ToolCall(
        id=call.call_id or tool_ids.made(upstream_id, index, call.name),
        name=call.name,
        arguments=arguments,
        sealed=call.sealed,
    )
