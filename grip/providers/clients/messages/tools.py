"""The tools of a messages request, and which of them the model may, must or must not call."""

from typing import Literal, NamedTuple

from grip.providers.clients.members import Members, quoted
from grip.providers.conversation import Tool


class Choice(NamedTuple):
    """Whether tools may be called, the one that must be, and if several may be at once."""

    mode: Literal["auto", "none", "any"] | None = None
    forced: str | None = None
    parallel: bool | None = None


def read_tools(members: Members) -> tuple[Tool, ...]:
    """Return the client's tools; those that Anthropic runs or defines itself are refused."""
    return tuple(_tool(each) for each in members.children("tools"))


def read_choice(members: Members) -> Choice:
    """Return which tools may be called."""
    choice = members.child("tool_choice")
    if choice is None:
        return Choice()
    kind = choice.needed("type")
    parallel = False if choice.flag("disable_parallel_tool_use") else None
    if kind == "tool":
        found = Choice(None, choice.needed("name"), parallel)
    elif kind == "auto":
        found = Choice("auto", None, parallel)
    elif kind == "any":
        found = Choice("any", None, parallel)
    elif kind == "none":
        found = Choice("none", None, parallel)
    else:
        raise choice.wrong("type", f"{quoted(kind)} is none of auto, any, tool and none")
    choice.done()
    return found


def _tool(members: Members) -> Tool:
    kind = members.text("type")
    if kind not in (None, "custom"):
        raise members.refused("type", f"no other API has the tool {quoted(kind)}")
    schema = members.json("input_schema")
    if schema is None:
        raise members.missing("input_schema")
    tool = Tool(
        name=members.needed("name"),
        description=members.text("description"),
        schema=schema,
        strict=members.flag("strict"),
    )
    members.only("allowed_callers", ["direct"])
    members.only("defer_loading", False, why="no other API searches for tools")
    members.only("input_examples", [])
    # How arguments are cut into events changes nothing about them.
    members.drop("eager_input_streaming")
    members.done()
    return tool
