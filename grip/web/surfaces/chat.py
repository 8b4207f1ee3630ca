"""`POST /v1/chat/completions`: what grip reads of a body; the rest goes through unread.

Only what money rests on is checked here, and that nothing points to what the upstream has stored.
Everything else is the upstream's to accept or refuse.
"""

from types import MappingProxyType
from typing import Any, Final

from grip import errors
from grip.gateway.call import Call
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces.chat_ending import ChatEnding
from grip.web.surfaces.content import Message, Tally
from grip.web.surfaces.members import refuse_lookalikes
from grip.web.surfaces.stored import refuse_files, refuse_members, refused

MAX_TOKENS: Final = 100_000_000
MAX_CHOICES: Final = 128
_THOUGHTS: Final = ("reasoning_effort", "reasoning", "thinking")
_ENDING: Final = ChatEnding()
_COUNTED: Final = ("tools", "functions", "response_format")
_STORED: Final = MappingProxyType({"data_sources": "send what the model is to read as messages"})


def parse(body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
    """Return the call in a body; raises InvalidRequest, naming the member that is wrong."""
    refuse_lookalikes(body)
    _refuse_search(body)
    refuse_members(body, _STORED)
    refuse_files(body, "messages")
    messages = body.get("messages", list[Message])
    if not messages:
        raise errors.InvalidRequest("messages: at least one is needed", param="messages")
    _refuse_spoken(messages)
    tokens, bound = _input(messages, body)
    stream = body.get("stream", bool, False)
    return Call(
        request_id=request_id,
        key_hash=key_hash,
        ip=ip,
        path="/chat/completions",
        type="chat",
        body=body,
        model=model_name(body),
        stream=stream,
        wants_usage=stream and wants_usage(body),
        input_tokens=tokens,
        input_bound=bound,
        output_limit=_output_limit(body),
        choices=count(body, "n", MAX_CHOICES) or 1,
        reasons=any(name in body for name in _THOUGHTS),
        ending=_ENDING,
    )


def _refuse_search(body: JsonObject) -> None:
    """Raise InvalidRequest where the vendor is to search: it takes a price for each, untold."""
    if body.text_of("web_search_options") not in (b"", b"null"):
        raise errors.InvalidRequest(
            "web_search_options: searches have a price that this gateway cannot meter; leave it "
            "out, or bring a function of your own",
            param="web_search_options",
        )


def _refuse_spoken(messages: list[Message]) -> None:
    """Raise InvalidRequest for an answer that was spoken, and is named by its id."""
    for at, message in enumerate(messages):
        if message.audio is not None:
            raise refused(f"messages[{at}].audio", "send what was said, as content")


def model_name(body: JsonObject) -> str:
    """Return the model that the client names."""
    name = body.get("model", str)
    if not name:
        raise errors.InvalidRequest("model: name the model to use", param="model")
    return name


def count(body: JsonObject, name: str, most: int) -> int | None:
    """Return a member that is a whole number between 1 and `most`, None where it is absent."""
    value = body.get(name, int)
    if value is not None and not 1 <= value <= most:
        raise errors.InvalidRequest(f"{name}: it must be from 1 to {most}", param=name)
    return value


def _output_limit(body: JsonObject) -> int | None:
    limits = [
        limit
        for name in ("max_completion_tokens", "max_tokens")
        if (limit := count(body, name, MAX_TOKENS)) is not None
    ]
    return max(limits, default=None)


def wants_usage(body: JsonObject) -> bool:
    """Return whether the client asks for the usage of a stream; raises InvalidRequest."""
    options = body.get("stream_options", dict[str, Any], {})
    wanted = options.get("include_usage", False)
    if not isinstance(wanted, bool):
        raise errors.InvalidRequest(
            "stream_options.include_usage: it is true or false", param="stream_options"
        )
    for name in options:
        if name != "include_usage" and name.lower() == "include_usage":
            raise errors.InvalidRequest(
                f"stream_options.{name}: write it include_usage", param="stream_options"
            )
    return wanted


def _input(messages: list[Message], body: JsonObject) -> tuple[int, int]:
    """Return the tokens of the input, near the truth and bounded for the hold."""
    tally = Tally(messages)
    tools = 0
    for name in _COUNTED:
        if name in body:
            tally.add_json(body.text_of(name))
            tools = estimates.TOOLS_TOKENS_BOUND
    near, bound = tally.tokens(body.raw)
    return near, bound + tools
