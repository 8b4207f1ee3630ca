"""The turns of a conversation, put together from messages: what one side says in a row is one."""

from typing import Final

from grip.providers.clients.members import Members, invalid
from grip.providers.conversation import Part, Role, Text, ToolCall, Turn, untranslatable

_UNFINISHED: Final = "the last message must be the user's or a tool's, not the model's own"


class Turns:
    """Takes the parts of messages in their order."""

    __slots__ = ("_names", "_parts", "_roles", "_system")

    def __init__(self) -> None:
        self._system: list[Text] = []
        self._roles: list[Role] = []
        self._parts: list[list[Part]] = []
        self._names: dict[str, str] = {}

    def add_system(self, texts: list[Text], message: Members) -> None:
        """Add to the instructions that everything begins with; none can be given later on."""
        if self._roles:
            raise message.refused("role", "instructions must stand before all other messages")
        self._system += texts

    def add(self, role: Role, parts: list[Part]) -> None:
        """Add what a message says; an empty text beside something else says nothing."""
        if not self._roles or self._roles[-1] != role:
            self._roles.append(role)
            self._parts.append([])
        self._parts[-1] += parts
        for part in parts:
            if isinstance(part, ToolCall):
                self._names[part.id] = part.name

    def tool_name(self, call_id: str) -> str | None:
        """Return the name of the tool that the call `call_id` asked for, if there was one."""
        return self._names.get(call_id)

    def system(self) -> tuple[Text, ...]:
        """Return the instructions."""
        return tuple(text for text in self._system if text.text)

    def turns(self, wire: str) -> tuple[Turn, ...]:
        """Return the turns; raises InvalidRequest where there are none to be answered."""
        if not self._roles:
            raise invalid("messages", "there is no message to be answered")
        if self._roles[-1] != "user":
            raise untranslatable("messages", wire, _UNFINISHED)
        return tuple(
            Turn(role=role, parts=_said(parts))
            for role, parts in zip(self._roles, self._parts, strict=True)
        )


def _said(parts: list[Part]) -> tuple[Part, ...]:
    said = tuple(part for part in parts if not isinstance(part, Text) or part.text)
    return said or tuple(parts[:1])
