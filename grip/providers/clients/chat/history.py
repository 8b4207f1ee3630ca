"""The messages of a chat request."""

from typing import Final

from grip.providers.clients.chat import parts
from grip.providers.clients.members import Members, invalid, is_object, quoted
from grip.providers.clients.turns import Turns
from grip.providers.conversation import Part, Text, ToolCall, ToolResult

_NAMELESS: Final = "no other API knows the names of speakers"


def read_messages(members: Members) -> Turns:
    """Return the turns that the messages make."""
    turns = Turns()
    for message in members.children("messages"):
        role = message.needed("role")
        if role in ("system", "developer"):
            message.only("name", why=_NAMELESS)
            turns.add_system(parts.texts(message), message)
        elif role == "user":
            message.only("name", why=_NAMELESS)
            turns.add("user", parts.user(message))
        elif role == "assistant":
            turns.add("assistant", _assistant(message))
        elif role == "tool":
            turns.add("user", [_result(message, turns)])
        elif role == "function":
            raise message.refused("role", "send tool calls and messages of the role tool")
        else:
            raise message.wrong("role", f"there is no role {quoted(role)}")
        message.done()
    return turns


def _assistant(message: Members) -> list[Part]:
    """Return what the model said: thoughts, then words, then calls."""
    message.only("name", why=_NAMELESS)
    message.only("annotations", [])
    message.only("function_call", why="send tool_calls")
    said: list[Part] = [*parts.thoughts(message), *parts.assistant(message)]
    refusal = message.text("refusal")
    if refusal:
        said.append(Text(text=refusal))
    said += [_call(call) for call in message.children("tool_calls")]
    if not said:
        raise message.wrong("content", "it is required where there are no tool_calls")
    return said


def _call(members: Members) -> ToolCall:
    kind = members.text("type")
    if kind not in (None, "function"):
        raise members.refused("type", f"no other API has tools of the type {quoted(kind)}")
    # Clients that put a stream together send the position in it back.
    members.drop("index")
    function = members.owned("function")
    arguments = function.needed("arguments").strip() or "{}"
    if not is_object(arguments):
        raise function.wrong("arguments", "they are not the JSON text of an object")
    call = ToolCall(
        id=members.needed("id"),
        name=function.needed("name"),
        arguments=arguments,
        sealed=_seal(members),
    )
    function.done()
    members.done()
    return call


def _seal(members: Members) -> str | None:
    extra = members.child("extra_content")
    if extra is None:
        return None
    google = extra.child("google")
    seal = None
    if google is not None:
        seal = google.text("thought_signature")
        google.done()
    extra.done()
    return seal


def _result(message: Members, turns: Turns) -> ToolResult:
    call_id = message.needed("tool_call_id")
    if not call_id:
        raise invalid(message.at("tool_call_id"), "it is empty")
    name = message.text("name") or turns.tool_name(call_id)
    return ToolResult(id=call_id, content=parts.result(message), name=name)
