"""The content blocks of messages."""

from collections.abc import Callable
from typing import Final

from grip.providers.clients import media
from grip.providers.clients.members import Members, quoted
from grip.providers.clients.turns import Turns
from grip.providers.conversation import (
    Document,
    Image,
    Part,
    Role,
    Text,
    Thought,
    ToolCall,
    ToolResult,
)

_HOSTED: Final = "no other API holds Anthropic's files"
_PLAIN: Final = "text/plain"


def texts(members: Members, name: str) -> list[Text] | None:
    """Return a string or text blocks; None where the member is absent."""
    content = members.content(name)
    if content is None or isinstance(content, str):
        return None if content is None else [Text(text=content)]
    return [_words(each) for each in content]


def block(members: Members, role: Role, turns: Turns) -> Part:
    """Return a block of a turn; raises InvalidRequest where it is the other side's to say."""
    kind = members.needed("type")
    if kind == "tool_result" and role == "user":
        return _result(members, turns)
    read = (_USERS if role == "user" else _MODELS).get(kind)
    if read is not None:
        return read(members)
    if kind in _USERS or kind in _MODELS or kind == "tool_result":
        raise members.wrong(
            "type", f"{quoted(kind)} cannot stand in a message of the role {quoted(role)}"
        )
    raise members.refused("type", f"no other API has blocks of the type {quoted(kind)}")


def _words(members: Members) -> Text:
    kind = members.needed("type")
    if kind != "text":
        raise members.refused("type", f"{quoted(kind)} cannot stand here")
    return _text(members)


def _text(members: Members) -> Text:
    found = Text(text=members.needed("text"))
    members.only("citations", [], why="no other API cites like this")
    members.done()
    return found


def _image(members: Members) -> Image:
    members.only("transformations", {}, {"oversized_image": "downsize"})
    source = members.owned("source")
    kind = source.needed("type")
    if kind == "base64":
        data = media.checked(source.needed("data"), source.at("data"))
        found = Image(media_type=source.needed("media_type"), data=data)
    elif kind == "url":
        found = Image(url=source.needed("url"))
    else:
        raise source.refused("type", _HOSTED)
    source.done()
    members.done()
    return found


def _document(members: Members) -> Document:
    members.only(
        "citations", {}, {"enabled": False}, {"enabled": None}, why="no other API cites like this"
    )
    members.only("context", "")
    name = members.text("title")
    source = members.owned("source")
    kind = source.needed("type")
    if kind == "base64":
        data = media.checked(source.needed("data"), source.at("data"))
        found = Document(media_type=source.needed("media_type"), data=data, name=name)
    elif kind == "text":
        source.only("media_type", _PLAIN)
        data = media.encoded(source.needed("data"))
        found = Document(media_type=_PLAIN, data=data, name=name)
    elif kind == "url":
        found = Document(url=source.needed("url"), name=name)
    else:
        raise source.refused("type", _HOSTED if kind == "file" else "send text or a PDF")
    source.done()
    members.done()
    return found


def _thought(members: Members) -> Thought:
    found = Thought(text=members.needed("thinking"), sealed=members.text("signature") or None)
    members.done()
    return found


def _redacted(members: Members) -> Thought:
    found = Thought(sealed=members.needed("data"), redacted=True)
    members.done()
    return found


def _call(members: Members) -> ToolCall:
    members.only("caller", {"type": "direct"}, why="no other API lets programs call tools")
    members.only("toolset_name")
    arguments = members.json("input")
    if arguments is None:
        raise members.missing("input")
    call = ToolCall(
        id=members.needed("id"), name=members.needed("name"), arguments=bytes(arguments).decode()
    )
    members.done()
    return call


def _result(members: Members, turns: Turns) -> ToolResult:
    members.only("toolset_name")
    call_id = members.needed("tool_use_id")
    content = members.content("content")
    parts: list[Text | Image | Document]
    if isinstance(content, list):
        parts = [_given(each) for each in content]
    else:
        parts = [Text(text=content or "")]
    found = ToolResult(
        id=call_id,
        content=tuple(part for part in parts if not isinstance(part, Text) or part.text),
        name=turns.tool_name(call_id),
        is_error=members.flag("is_error") or False,
    )
    members.done()
    return found


def _given(members: Members) -> Text | Image | Document:
    kind = members.needed("type")
    if kind == "text":
        return _text(members)
    if kind == "image":
        return _image(members)
    if kind == "document":
        return _document(members)
    raise members.refused("type", f"no other API has results of the type {quoted(kind)}")


_USERS: Final[dict[str, Callable[[Members], Part]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
}
_MODELS: Final[dict[str, Callable[[Members], Part]]] = {
    "text": _text,
    "thinking": _thought,
    "redacted_thinking": _redacted,
    "tool_use": _call,
}
