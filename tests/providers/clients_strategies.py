"""Answers of all shapes for the tests of clients' wires, whole and cut into deltas."""

import json
from collections.abc import Iterator

from hypothesis import strategies as st

from grip.providers.conversation import (
    Begun,
    Completion,
    Delta,
    Stopped,
    Text,
    TextDelta,
    Thought,
    ThoughtDelta,
    ToolCall,
    ToolCallBegun,
    ToolCallDelta,
)
from grip.providers.json_object import JsonObject
from grip.providers.port import Report, UpstreamCall

Said = Text | Thought | ToolCall

CALL = UpstreamCall(
    path="/x",
    body=JsonObject(b'{"model":"named"}'),
    model="theirs",
    named="named",
    stream=True,
    ask_usage=False,
    created_s=1_700_000_000,
)

_words = st.text(min_size=1, max_size=12)
_seals = st.text("ABCabc012+/=", min_size=1, max_size=9)
_objects = st.dictionaries(st.text(max_size=3), st.none() | st.integers() | st.text(max_size=3))
_thoughts = (
    st.builds(Thought, text=_words)
    | st.builds(Thought, text=_words, sealed=_seals)
    | st.builds(Thought, sealed=_seals, redacted=st.booleans())
)
_calls = st.builds(
    ToolCall,
    id=st.uuids().map(str),
    name=st.sampled_from(["f", "g"]),
    arguments=_objects.map(json.dumps),
    sealed=st.none() | _seals,
)
_counts = st.integers(0, 99)
reports = st.builds(
    Report,
    input_tokens=_counts.map(lambda count: count + 200),
    output_tokens=_counts,
    cached_input_tokens=_counts,
    cache_write_tokens=_counts,
)


def _stands_apart(before: Said, after: Said) -> bool:
    """Whether a stream can tell two parts in a row from one."""
    if isinstance(before, Text):
        return not isinstance(after, Text)
    if isinstance(before, Thought) and before.sealed is None:
        return not isinstance(after, Thought) or after.redacted
    return True


def _apart(parts: list[Said]) -> tuple[Said, ...]:
    kept: list[Said] = []
    for part in parts:
        if not kept or _stands_apart(kept[-1], part):
            kept.append(part)
    return tuple(kept)


completions = st.builds(
    Completion,
    id=st.none() | st.just("theirs-1"),
    parts=st.lists(st.builds(Text, text=_words) | _thoughts | _calls, max_size=6).map(_apart),
    stop=st.sampled_from(["end", "length", "stop_sequence", "refusal"]),
    report=reports,
)


def deltas(answer: Completion, at: int, *, early: bool) -> Iterator[Delta]:
    """Say an answer as a stream whose texts are cut at `at`; `early` tells the input at once."""
    report = answer.report
    begun = Report(
        input_tokens=report.input_tokens,
        cached_input_tokens=report.cached_input_tokens,
        cache_write_tokens=report.cache_write_tokens,
    )
    yield Begun(id=answer.id, report=begun if early else Report())
    index = 0
    for part in answer.parts:
        if isinstance(part, Text):
            yield from (TextDelta(text=text) for text in (part.text[:at], part.text[at:]) if text)
        elif isinstance(part, Thought):
            yield from (
                ThoughtDelta(text=text) for text in (part.text[:at], part.text[at:]) if text
            )
            if part.sealed is not None:
                yield ThoughtDelta(sealed=part.sealed, redacted=part.redacted)
        else:
            yield ToolCallBegun(index=index, id=part.id, name=part.name, sealed=part.sealed)
            yield ToolCallDelta(index=index, arguments=part.arguments[:at])
            yield ToolCallDelta(index=index, arguments=part.arguments[at:])
            index += 1
    last = Report(output_tokens=report.output_tokens) if early else report
    yield Stopped(stop=answer.stop, stop_sequence=answer.stop_sequence, report=last)


def generated(answer: Completion) -> str:
    """Return all that was generated, in its order."""
    said = [
        part.name + part.arguments if isinstance(part, ToolCall) else part.text
        for part in answer.parts
    ]
    return "".join(said)
