"""The messages of a chat request.

No other wire knows the names of speakers: a name stands before its words (`ada: Hello`), as
OpenRouter has it. A message that only calls tools has no words, and its speaker goes unnamed.
"""

from typing import TypeVar

from grip.providers.clients.chat import parts
from grip.providers.clients.members import Members, invalid, is_object, quoted
from grip.providers.clients.turns import Turns
from grip.providers.conversation import Part, Text, ToolCall, ToolResult

P = TypeVar("P", bound=Part)


def read_messages(members: Members) -> Turns:
    """Return the turns that the messages make."""
    turns = Turns()
    for message in members.children("messages"):
        role = message.needed("role")
        if role in ("system", "developer"):
            turns.add_system(_named(message, parts.texts(message)), message)
        elif role == "user":
            turns.add("user", _named(message, parts.user(message)))
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
    message.only("annotations", [])
    # OpenAI's client sends back what it parsed from the text beside it.
    message.drop("parsed")
    message.only("function_call", why="send tool_calls")
    thoughts, words = parts.thoughts(message), parts.assistant(message)
    refusal = message.text("refusal")
    if refusal:
        words.append(Text(text=refusal))
    said: list[Part] = [*thoughts, *_named(message, words)]
    said += [_call(call) for call in message.children("tool_calls")]
    if not said:
        raise message.wrong("content", "it is required where there are no tool_calls")
    return said


def _named(message: Members, said: list[P]) -> list[P | Text]:
    """Return what a message says, behind the name of its speaker where it has one."""
    name = message.text("name")
    if not name or all(isinstance(part, Text) and not part.text for part in said):
        return [*said]
    first = said[0]
    if isinstance(first, Text):
        return [Text(text=f"{name}: {first.text}"), *said[1:]]
    return [Text(text=f"{name}:"), *said]


def _call(members: Members) -> ToolCall:
    kind = members.text("type")
    if kind not in (None, "function"):
        raise members.refused("type", f"no other API has tools of the type {quoted(kind)}")
    # Clients that put a stream together send the position in it back.
    members.drop("index")
    function = members.owned("function")
    function.drop("parsed_arguments")
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
