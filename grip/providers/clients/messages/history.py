"""The messages of a messages request, and the system prompt before them."""

from typing import Final

from grip.providers.clients.members import Members, quoted
from grip.providers.clients.messages import blocks
from grip.providers.clients.turns import Turns
from grip.providers.conversation import Part, Role, Text, Thought, ToolCall

TOOL_SEAL: Final = "tool_use:"
"""Before the signature of a thinking block that carries the seal on the tool call behind it."""


def read_messages(members: Members) -> Turns:
    """Return the turns that the messages make."""
    turns = Turns()
    turns.add_system(blocks.texts(members, "system") or [], members)
    for message in members.children("messages"):
        role = message.needed("role")
        if role == "user":
            turns.add("user", _parts(message, "user", turns))
        elif role == "assistant":
            turns.add("assistant", _bound(_parts(message, "assistant", turns)))
        elif role == "system":
            turns.add_system(_system(message), message)
        else:
            raise message.wrong("role", f"there is no role {quoted(role)}")
        message.done()
    return turns


def _system(message: Members) -> list[Text]:
    texts = blocks.texts(message, "content")
    if texts is None:
        raise message.missing("content")
    return texts


def _parts(message: Members, role: Role, turns: Turns) -> list[Part]:
    """Return what a message says."""
    content = message.content("content")
    if content is None:
        raise message.missing("content")
    if isinstance(content, str):
        return [Text(text=content)]
    if not content:
        raise message.wrong("content", "the list is empty")
    return [blocks.block(each, role, turns) for each in content]


def _bound(parts: list[Part]) -> list[Part]:
    """Put the seals that were written as thoughts back on the tool calls that they belong to."""
    bound: list[Part] = []
    seal: str | None = None
    for part in parts:
        if isinstance(part, Thought) and (part.sealed or "").startswith(TOOL_SEAL):
            seal = (part.sealed or "").removeprefix(TOOL_SEAL)
        elif isinstance(part, ToolCall) and seal is not None:
            bound.append(
                ToolCall(id=part.id, name=part.name, arguments=part.arguments, sealed=seal)
            )
            seal = None
        else:
            bound.append(part)
    return bound
