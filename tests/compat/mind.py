"""A model by rules: what an upstream of any wire answers, so that every client can be served.

It calls the first tool that it is given until results stand in the last turn, fills schemas from
the words of the prompt, and obeys stop sequences and limits. Some words ask for what a real model
does by itself: `[think]`, `[cached]`, `[refuse]`, `[both]` (two calls at once).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Stop = Literal["end", "length", "tool", "sequence", "refusal"]

THOUGHT = "Let me see."
INPUT_TOKENS = 20
CACHED_TOKENS = 8
WRITTEN_TOKENS = 4

_QUOTED = re.compile(r"'([^']+)'")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request in no vendor's words; `must` is a tool's name, or `*` for any of them."""

    text: str
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    must: str | None = None
    may_call: bool = True
    results: Sequence[str] = ()
    files: int = 0
    stop: Sequence[str] = ()
    limit: int | None = None
    schema: Mapping[str, Any] | None = None
    is_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A call of a tool."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer in no vendor's words; `input` includes what was cached and written."""

    text: str
    thought: str = ""
    calls: Sequence[Called] = ()
    stop: Stop = "end"
    sequence: str | None = None
    cached: int = 0
    written: int = 0
    input: int = INPUT_TOKENS

    @property
    def words(self) -> list[str]:
        """The text in the pieces that it is streamed in."""
        return re.findall(r"\S+\s*", self.text)

    @property
    def output(self) -> int:
        """The tokens that were generated."""
        return max(len(self.words) + 3 * len(self.calls), 1)


class Refused(Exception):
    """The upstream's own refusal of a request, with its status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def answer(asked: Asked) -> Said:
    """Return what the model says; raises Refused where it is asked to."""
    if "[too long]" in asked.text:
        raise Refused("the prompt is too long")
    said = _called(asked) if _calls(asked) else _cut(Said(text=_text(asked)), asked)
    if "[think]" in asked.text:
        said = replace(said, thought=THOUGHT)
    if "[cached]" in asked.text:
        said = replace(said, cached=CACHED_TOKENS)
    if "[written]" in asked.text:
        said = replace(said, written=WRITTEN_TOKENS)
    return replace(said, stop="refusal") if "[refuse]" in asked.text else said


def _calls(asked: Asked) -> bool:
    return bool(asked.tools) and asked.may_call and (bool(asked.must) or not asked.results)


def _called(asked: Asked) -> Said:
    names = list(asked.tools)
    first = asked.must if asked.must in asked.tools else names[0]
    wanted = [first, *names[1:]] if "[both]" in asked.text else [first]
    calls = tuple(
        Called(
            id=f"call_{at}",
            name=str(name),
            arguments=json.dumps(_filled(asked.tools[str(name)], asked.text), ensure_ascii=False),
        )
        for at, name in enumerate(wanted)
    )
    return Said(text="", calls=calls, stop="tool")


def _text(asked: Asked) -> str:
    if asked.schema is not None:
        return json.dumps(_filled(asked.schema, asked.text))
    if asked.is_json:
        return json.dumps(dict.fromkeys(_QUOTED.findall(asked.text), "a cat"))
    seen = f" I see {asked.files} file(s)." if asked.files else ""
    given = f" The tool says: {'; '.join(asked.results)}" if asked.results else ""
    return f"Hello there, what can I do for you?{seen}{given}"


def _cut(said: Said, asked: Asked) -> Said:
    found = [(at, word) for word in asked.stop if (at := said.text.find(word)) >= 0]
    if found:
        at, word = min(found)
        said = replace(said, text=said.text[:at], stop="sequence", sequence=word)
    if asked.limit is not None and len(said.words) > asked.limit:
        said = replace(said, text="".join(said.words[: asked.limit]), stop="length", sequence=None)
    return said


def _filled(schema: Mapping[str, Any], text: str) -> Any:
    """Return a value that fits a schema, with what the prompt quotes and counts."""
    return _Filler(schema, text).value(schema)


class _Filler:
    """Makes values of a schema."""

    def __init__(self, root: Mapping[str, Any], text: str) -> None:
        self._root = root
        self._quoted = iter(_QUOTED.findall(text))
        self._number = int(next(iter(_NUMBER.findall(text)), "7"))

    def value(self, schema: Mapping[str, Any]) -> Any:
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            return self.value((self._root.get("$defs") or self._root["definitions"])[name])
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self.value(schema[several][0])
        return schema["enum"][0] if "enum" in schema else self._plain(schema)

    def _plain(self, schema: Mapping[str, Any]) -> Any:
        kind = str(schema.get("type", "object")).lower()
        if kind == "object":
            members = schema.get("properties") or {}
            return {name: self.value(each) for name, each in members.items()}
        if kind == "array":
            return [self.value(schema.get("items", {}))]
        if kind == "string":
            return next(self._quoted, "Rome")
        return {"integer": self._number, "number": self._number, "boolean": True}.get(kind)
