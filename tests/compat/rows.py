"""What a row of the matrix is: a feature of a surface, how it is asked for, and how it is seen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("openai", "azure", "anthropic", "gemini", "sandbox")
"""The columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A feature in words, and the members of a request that ask for it.

    `marks` are what the upstream's request must show of it; `on` has those of the kinds that say it
    in other words. `sees` looks at the answer, as the client's own library put it together; where
    the upstream is to refuse, at its error.
    """

    name: str
    asks: Mapping[str, Any] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sees: Callable[[Any], object] = bool
    streams: bool = False
    fails: bool = False

    def marks_on(self, kind: str) -> tuple[str, ...]:
        """Return what a request to this kind must show."""
        return self.on.get(kind, self.marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A route with its rows; `way` is how its clients call it, `type` that of its models."""

    path: str
    title: str
    way: str
    type: str
    rows: tuple[Row, ...]


PIXEL = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
PAPER = "JVBERi0xLjQKJSVFT0YK"
SOUND = "UklGRiQAAABXQVZFZm10IBAAAAABAAEA"
LINK = "https://example.com/cat.png"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ARGUMENTS = {"city": "Rome"}
