"""Requests for chat: every member carried, refused by its name, or known to change nothing.

A value that says no more than OpenAI's default is no reason to refuse.
"""

from typing import Any, Final

import msgspec

from grip.errors import InvalidRequest
from grip.providers.clients.chat.history import read_messages
from grip.providers.clients.chat.tools import read_choice, read_tools
from grip.providers.clients.effort import read_thinking
from grip.providers.clients.members import Members, quoted
from grip.providers.conversation import Conversation, Format, Thinking
from grip.providers.json_object import JsonObject

_QUIET: Final = (
    # Speed and caching: the answer is the same without.
    "prediction",
    "prompt_cache_options",
    "prompt_cache_retention",
    # OpenRouter's clients ask so for the usage, which is always told.
    "usage",
)
_DEFAULTS: Final[tuple[tuple[Any, ...], ...]] = (
    ("audio",),
    ("function_call", "none", "auto"),
    ("functions", []),
    ("logit_bias", {}),
    ("logprobs", False),
    ("min_p", 0),
    ("modalities", ["text"]),
    ("repetition_penalty", 1),
    ("service_tier", "auto", "default"),
    ("store", False),
    ("top_a", 0),
    ("top_logprobs", 0),
    ("verbosity", "medium"),
)
"""Members with a meaning of their own, and the values with which they have none."""


def read(body: JsonObject, wire: str) -> Conversation:
    """Return what a request asks for."""
    members = Members.of(body, wire)
    members.drop("model", "stream", *_QUIET)
    _read_stream_options(members)
    for name, *values in _DEFAULTS:
        members.only(name, *values)
    turns = read_messages(members)
    choice = read_choice(members)
    conversation = Conversation(
        turns=turns.turns(wire),
        system=turns.system(),
        tools=read_tools(members, choice.allowed),
        tool_choice=choice.mode,
        forced_tool=choice.forced,
        parallel_tools=members.flag("parallel_tool_calls"),
        max_tokens=_max_tokens(members),
        temperature=members.number("temperature"),
        top_p=_unless(members.number("top_p"), 1),
        top_k=members.count("top_k"),
        stop=members.texts("stop"),
        seed=members.count("seed"),
        frequency_penalty=_unless(members.number("frequency_penalty"), 0),
        presence_penalty=_unless(members.number("presence_penalty"), 0),
        choices=_choices(members),
        format=_format(members),
        thinking=_thinking(members),
        user=members.text("user"),
    )
    members.done()
    return conversation


def _read_stream_options(members: Members) -> None:
    options = members.child("stream_options")
    if options is not None:
        options.drop("include_usage", "include_obfuscation")
        options.done()


def _unless(value: float | None, default: float) -> float | None:
    """Return `value`, or None where it is what every model does by itself."""
    return None if value == default else value


def _max_tokens(members: Members) -> int | None:
    old, new = members.count("max_tokens"), members.count("max_completion_tokens")
    if old is not None and new is not None and old != new:
        raise members.wrong("max_tokens", "it contradicts max_completion_tokens; send that alone")
    return old if new is None else new


def _choices(members: Members) -> int:
    choices = members.count("n")
    if choices is not None and choices < 1:
        raise members.wrong("n", "it must be at least 1")
    return choices or 1


def _format(members: Members) -> Format | None:
    """Return the format that is wanted; None stands for text."""
    wanted = members.child("response_format")
    if wanted is None:
        return None
    kind = wanted.needed("type")
    found = None
    if kind == "json_schema":
        found = _schema(wanted.owned("json_schema"))
    elif kind == "json_object":
        found = Format()
    elif kind != "text":
        raise wanted.refused("type", f"no other API knows the format {quoted(kind)}")
    wanted.done()
    return found


def _schema(members: Members) -> Format:
    schema, description = members.json("schema"), members.text("description")
    if description and schema is None:
        raise members.refused("description", "there is no schema to say it in")
    if description and schema is not None:
        schema = _described(schema, description, members)
    found = Format(name=members.text("name"), schema=schema, strict=members.flag("strict"))
    members.done()
    return found


def _described(schema: msgspec.Raw, description: str, members: Members) -> msgspec.Raw:
    """Return a schema that says itself what it is for, as other APIs have no place beside it."""
    try:
        read = JsonObject(bytes(schema))
        own = read.get("description", str)
    except InvalidRequest as error:
        raise members.wrong("schema", error.message) from None
    told = description if own in (None, "", description) else f"{description}\n\n{own}"
    return msgspec.Raw(read.replace({"description": told}))


def _thinking(members: Members) -> Thinking | None:
    """Return how much is to be thought, in OpenAI's word or in those of other gateways.

    `reasoning` is OpenRouter's, `thinking` Anthropic's as LiteLLM and DeepSeek take it.
    """
    effort = members.text("reasoning_effort")
    reasoning, thinking = members.child("reasoning"), members.child("thinking")
    asked = (
        None if effort is None else _by_effort(effort),
        None if reasoning is None else _by_reasoning(reasoning),
        None if thinking is None else read_thinking(thinking),
    )
    if members.flag("include_reasoning") is False:
        raise members.refused("include_reasoning", "thoughts are part of the answer")
    return next((found for found in asked if found is not None), None)


def _by_effort(effort: str) -> Thinking:
    return Thinking(off=True) if effort == "none" else Thinking(effort=effort)


def _by_reasoning(members: Members) -> Thinking | None:
    effort, budget = members.text("effort"), members.count("max_tokens")
    enabled = members.flag("enabled")
    members.only("exclude", False, why="thoughts are part of the answer")
    members.only("summary", "auto")
    members.done()
    if enabled is False or effort == "none":
        return Thinking(off=True)
    if effort is None and budget is None and enabled is None:
        return None
    return Thinking(effort=effort, budget_tokens=budget)
