"""The tools of a chat request, and which of them the model may, must or must not call."""

from typing import Literal, NamedTuple

from grip.providers.clients.members import Members, quoted
from grip.providers.conversation import Tool


class Choice(NamedTuple):
    """Whether tools may be called, the one that must be, and those that may be (None: all)."""

    mode: Literal["auto", "none", "any"] | None = None
    forced: str | None = None
    allowed: frozenset[str] | None = None


def read_tools(members: Members, allowed: frozenset[str] | None) -> tuple[Tool, ...]:
    """Return the tools, without those that the model may not call.

    Raises InvalidRequest where one is allowed that is not there.
    """
    tools = tuple(_tool(each) for each in members.children("tools"))
    if allowed is None:
        return tools
    unknown = allowed - {tool.name for tool in tools}
    if unknown:
        raise members.wrong("tool_choice", f"there is no tool {quoted(min(unknown))}")
    return tuple(tool for tool in tools if tool.name in allowed)


def read_choice(members: Members) -> Choice:
    """Return which tools may be called."""
    choice = members.word("tool_choice")
    if choice is None:
        return Choice()
    if isinstance(choice, Members):
        return _by_object(choice)
    if choice in ("auto", "none"):
        return Choice("auto" if choice == "auto" else "none")
    if choice == "required":
        return Choice("any")
    raise members.wrong("tool_choice", f"{quoted(choice)} is none of auto, none and required")


def _tool(members: Members) -> Tool:
    kind = members.needed("type")
    if kind != "function":
        raise members.refused("type", f"no other API has tools of the type {quoted(kind)}")
    function = members.owned("function")
    tool = Tool(
        name=function.needed("name"),
        description=function.text("description"),
        schema=function.json("parameters"),
        strict=function.flag("strict"),
    )
    function.done()
    members.done()
    return tool


def _by_object(members: Members) -> Choice:
    kind = members.needed("type")
    if kind == "function":
        choice = Choice(forced=_named(members))
    elif kind == "allowed_tools":
        choice = _allowed(members.owned("allowed_tools"))
    else:
        raise members.refused("type", f"no other API has tools of the type {quoted(kind)}")
    members.done()
    return choice


def _named(members: Members) -> str:
    function = members.owned("function")
    name = function.needed("name")
    function.done()
    return name


def _allowed(members: Members) -> Choice:
    mode = members.needed("mode")
    if mode not in ("auto", "required"):
        raise members.wrong("mode", f"{quoted(mode)} is neither auto nor required")
    names = set()
    for tool in members.children("tools"):
        kind = tool.needed("type")
        if kind != "function":
            raise tool.refused("type", f"no other API has tools of the type {quoted(kind)}")
        names.add(_named(tool))
        tool.done()
    members.done()
    if not names:
        raise members.wrong("tools", "no tool is allowed")
    return Choice("any" if mode == "required" else "auto", None, frozenset(names))
