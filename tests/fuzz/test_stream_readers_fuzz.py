"""The readers of every vendor's streams, for every wire of clients.

However the network cuts a stream, it says the same; whatever bytes come, the only failures are the
channel's; and what is passed on without translation is the upstream's own bytes.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grip.app import ADAPTERS
from grip.providers.json_object import JsonObject
from grip.providers.port import ChannelFault, Report, RequestRefused, StreamReader, UpstreamCall
from tests.fuzz import polite

NATIVE = [
    ("openai", "/chat/completions"),
    ("openai", "/completions"),
    ("openai", "/responses"),
    ("azure", "/chat/completions"),
    ("anthropic", "/messages"),
]
TRANSLATED = [
    ("openai", "/messages"),
    ("anthropic", "/chat/completions"),
    ("gemini", "/chat/completions"),
    ("gemini", "/messages"),
]
STREAMS = {
    "openai": polite.CHAT_STREAM,
    "azure": polite.CHAT_STREAM,
    "anthropic": polite.MESSAGES_STREAM,
    "gemini": polite.GEMINI_STREAM,
}
TOLD = (
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"no"}}\n\n'
)
ODD = [
    b": wait\n\n",
    b"\n",
    b"\n\n\n",
    b"\r\n",
    b"\r",
    b"id: 7\nretry: 10\n\n",
    b"event: ping\ndata: {}\n\n",
    b'event: ping\r\ndata: {"type": "ping"}\r\n\r\n',
    b'data: {"type":"response.output_text.delta","delta":"lone \\ud83d","output_index":0}\n\n',
    b'data:{"choices":[{"index":0,"delta":{"content":"\xc3\xa9 \\u00e9 \\ud83d"}}]}\n\n',
    b'data: {"choices":[{"delta":{"content":"x"}}],\ndata: "usage":null}\n\n',
    b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{}}]}}]}\n\n',
    b'data: {"type":"content_block_delta","index":9,"delta":{"type":"text_delta","text":"y"}}\n\n',
    b'data: {"candidates":[{"content":{"parts":[{"text":"z"}]}}]}\n\n',
    b"data: [DONE]\n\n",
    b"data: \xff\n\n",
    b"data: 7\n\n",
    b"\xef\xbb\xbf",
    b"\0",
    TOLD,
    b'data: {"error":{"code":503,"message":"no","status":"UNAVAILABLE"}}\n\n',
]


def _pieces(stream: bytes) -> list[bytes]:
    return [event + b"\n\n" for event in stream.split(b"\n\n")[:-1]]


PIECES = [
    piece
    for stream in (*polite.STREAMED.values(), polite.TEXT_STREAM, polite.GEMINI_STREAM)
    for piece in _pieces(stream)
]
# Mostly a whole stream with something odd in it: chance alone would never come to a second event.
SENT = st.lists(
    st.sampled_from(ODD) | st.sampled_from(PIECES) | st.binary(max_size=12), max_size=8
).map(b"".join)


@st.composite
def streams(draw: st.DrawFn, kind: str, path: str) -> bytes:
    """Draw a vendor's stream with other pieces between its events, or only those."""
    good = polite.STREAMED.get(path, b"") if (kind, path) in NATIVE else STREAMS[kind]
    if draw(st.integers(0, 3)) == 0:
        return draw(SENT)
    pieces = _pieces(good)
    for _ in range(draw(st.integers(0, 3))):
        pieces.insert(draw(st.integers(0, len(pieces))), draw(st.sampled_from(ODD)))
    ends = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    return b"".join(pieces).replace(b"\n", ends)


@dataclass(kw_only=True)
class Said:
    """What came of a stream."""

    data: bytes = b""
    text: str = ""
    report: Report | None = None
    upstream_id: str | None = None
    has_ended: bool = False
    fault: str | None = None

    def add(self, reader: StreamReader, events: list[Any]) -> None:
        for event in events:
            assert not self.has_ended, "an event comes after the end"
            self.data += event.data
            self.text += reader.text(event.data) if event.unread else event.text
            if event.unread or event.text:
                # As for a relay: a count that more text follows was not the last word.
                self.report = None
            self.report = event.report or self.report
            self.upstream_id = self.upstream_id or event.upstream_id
            self.has_ended = event.is_end


def _reader(kind: str, path: str) -> StreamReader:
    body = JsonObject(b'{"model":"m","messages":[{"role":"user","content":"x"}]}')
    call = UpstreamCall(path=path, body=body, model="m", named="m", stream=True, ask_usage=True)
    return ADAPTERS[kind].stream(call)


def _read(kind: str, path: str, parts: list[bytes]) -> Said:
    """Read a stream in these parts to its end; any failure but a channel's is an error."""
    reader, said = _reader(kind, path), Said()
    try:
        for part in parts:
            said.add(reader, reader.feed(part))
        if not said.has_ended:
            said.add(reader, reader.close())
    except ChannelFault as fault:
        said.fault = fault.reason
    except RequestRefused as refused:
        # Gemini refuses a prompt in a success.
        said.fault = str(refused)
    return said


def _told(said: Said) -> dict[str, Any]:
    """Return what a client and the books learn.

    Blank lines behind the last event may be left out, and the upstream's id stands in any event of
    OpenAI's: it is read from the first that is looked into.
    """
    return asdict(said) | {"data": re.sub(rb"[\r\n]+", b"\n", said.data), "upstream_id": None}


def _cut(data: st.DataObject, sent: bytes) -> list[bytes]:
    places = sorted(data.draw(st.sets(st.integers(1, max(len(sent) - 1, 1)), max_size=12)))
    return [sent[start:end] for start, end in zip([0, *places], [*places, len(sent)], strict=True)]


@pytest.mark.parametrize(("kind", "path"), NATIVE + TRANSLATED)
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_stream_says_the_same_however_it_is_cut(kind: str, path: str, data: st.DataObject):
    """In random parts, and byte for byte."""
    sent = data.draw(streams(kind, path))
    whole = _read(kind, path, [sent])
    for parts in (_cut(data, sent), [sent[at : at + 1] for at in range(len(sent))]):
        cut = _read(kind, path, parts)

        assert (cut.fault is None) == (whole.fault is None)
        if whole.fault is None:
            assert _told(cut) == _told(whole)
        else:
            # What stood before the fault in the same part is not passed on.
            assert cut.text.startswith(whole.text)


@pytest.mark.parametrize(("kind", "path"), NATIVE)
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_what_is_not_translated_is_passed_on_as_it_came(kind: str, path: str, data: st.DataObject):
    """Up to the end, or to the fault; what a vendor left out of the end is added."""
    sent = data.draw(streams(kind, path))
    said = _read(kind, path, _cut(data, sent))
    added = (
        b"\n\n",
        b"data: [DONE]\n\n",
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    )

    left = said.data
    for end in reversed(added):
        if not sent.startswith(left):
            left = left.removesuffix(end)
    assert sent.startswith(left)
    if said.fault is None:
        rest = sent[len(left) :]
        assert said.has_ended
        assert not rest.strip() or left == said.data


@pytest.mark.parametrize(("kind", "path"), NATIVE + TRANSLATED)
@given(parts=st.lists(st.binary(max_size=40), max_size=6))
@settings(deadline=None, max_examples=60)
def test_any_bytes_are_a_stream_or_a_channels_fault(kind: str, path: str, parts: list[bytes]):
    """Nothing else is raised."""
    said = _read(kind, path, parts)

    assert said.fault is not None or said.has_ended


@pytest.mark.parametrize(("kind", "path"), NATIVE)
@pytest.mark.parametrize("blank", [b"\n", b"\n\n", b"\r\n", b"\r"])
def test_blank_lines_between_events_are_passed_on(kind: str, path: str, blank: bytes):
    """Nobody needs them; they are the upstream's own bytes all the same."""
    sent = polite.STREAMED[path].replace(b"\n\n", b"\n\n" + blank, 1)

    assert _read(kind, path, [sent]).data == sent


def test_an_id_is_read_from_the_first_event_that_has_one():
    """On every wire that has them."""
    for kind, path in NATIVE:
        said = _read(kind, path, [polite.STREAMED[path]])

        assert said.upstream_id in ("c", "msg_1", "resp_1")
        assert said.report is not None
        assert (said.report.input_tokens, said.report.output_tokens) == (10, 5)
