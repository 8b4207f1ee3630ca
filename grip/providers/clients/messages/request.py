"""Requests for messages: every member carried, refused by its name, or known to change nothing.

`max_tokens` may be absent, as it is where tokens are counted only.
"""

from typing import Any, Final

from grip.providers.clients.effort import read_thinking
from grip.providers.clients.members import Members, quoted
from grip.providers.clients.messages.history import read_messages
from grip.providers.clients.messages.tools import read_choice, read_tools
from grip.providers.conversation import Conversation, Format, Thinking
from grip.providers.json_object import JsonObject

_DEFAULTS: Final[tuple[tuple[Any, ...], ...]] = (
    ("container",),
    ("fallbacks", []),
    ("mcp_servers", []),
    ("service_tier", "auto", "standard_only"),
    ("speed", "standard"),
)
"""Members with a meaning of their own, and the values with which they have none."""


def read(body: JsonObject, wire: str) -> Conversation:
    """Return what a request asks for."""
    members = Members.of(body, wire)
    # Diagnostics tell how a vendor's cache was used.
    members.drop("model", "stream", "diagnostics")
    for name, *values in _DEFAULTS:
        members.only(name, *values)
    _read_context(members)
    turns = read_messages(members)
    choice = read_choice(members)
    effort, output = _output(members)
    conversation = Conversation(
        turns=turns.turns(wire),
        system=turns.system(),
        tools=read_tools(members),
        tool_choice=choice.mode,
        forced_tool=choice.forced,
        parallel_tools=choice.parallel,
        max_tokens=_max_tokens(members),
        temperature=members.number("temperature"),
        top_p=_top_p(members),
        top_k=members.count("top_k"),
        stop=members.texts("stop_sequences"),
        format=output,
        thinking=_thinking(members, effort),
        user=_user(members),
    )
    members.done()
    return conversation


def _max_tokens(members: Members) -> int | None:
    limit = members.count("max_tokens")
    if limit == 0:
        raise members.refused("max_tokens", "no other API fills its cache without an answer")
    return limit


def _top_p(members: Members) -> float | None:
    """Return the share of likely words to choose from; all of them is what every model does."""
    share = members.number("top_p")
    return None if share == 1 else share


def _read_context(members: Members) -> None:
    """Take what forgets earlier thoughts, which mean nothing to others; refuse all other edits."""
    context = members.child("context_management")
    if context is None:
        return
    for edit in context.children("edits"):
        kind = edit.needed("type")
        if not kind.startswith("clear_thinking_"):
            raise edit.refused("type", f"no other API edits a conversation by {quoted(kind)}")
        edit.drop("keep")
        edit.done()
    context.done()


def _output(members: Members) -> tuple[str | None, Format | None]:
    """Return the effort and the format that are wanted; `output_format` is the older name."""
    older = members.child("output_format")
    found = None if older is None else _format(older)
    config = members.child("output_config")
    if config is None:
        return None, found
    effort, wanted = config.text("effort"), config.child("format")
    config.done()
    return effort, found if wanted is None else _format(wanted)


def _format(wanted: Members) -> Format:
    kind = wanted.needed("type")
    if kind != "json_schema":
        raise wanted.refused("type", f"no other API knows the format {quoted(kind)}")
    schema = wanted.json("schema")
    if schema is None:
        raise wanted.missing("schema")
    wanted.done()
    return Format(schema=schema, strict=True)


def _thinking(members: Members, effort: str | None) -> Thinking | None:
    thinking = members.child("thinking")
    if thinking is None:
        return None if effort is None else Thinking(effort=effort)
    found = read_thinking(thinking)
    return Thinking(effort=effort, budget_tokens=found.budget_tokens, off=found.off)


def _user(members: Members) -> str | None:
    """Return the end user's id; all else in `metadata` is a hint."""
    metadata = members.child("metadata")
    return None if metadata is None else metadata.text("user_id")
