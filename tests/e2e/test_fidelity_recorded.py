"""Bodies of real upstreams through grip, cut wherever the network may cut: the client has the same.

Recordings from the vendors' own SDKs, and the spellings of vendors who have none (`dialects.py`).
What grip may change of them is in the contract: the usage chunk that was not asked for, and the
cost in the one that was.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.dialects import DONE, RESPONSES, STREAMS, TOLD_WITHIN, WHOLE
from tests.e2e.house import HELLO, Customer, Good, House
from tests.e2e.scripts import LAST_PART, STREAM_HEAD, part, sends
from tests.e2e.upstream import Script

pytestmark = pytest.mark.parametrize("house", ["sqlite"], indirect=True, scope="session")

RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(path.name for path in RECORDED.iterdir() if path.suffix in (".json", ".sse"))
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
TYPES = {"/v1/embeddings": "embedding", "/v1/moderations": "moderation", "/v1/rerank": "rerank"}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": HELLO},
    "/v1/completions": {"prompt": "Hello"},
    "/v1/responses": {"input": "Hello"},
    "/v1/messages": {"messages": HELLO, "max_tokens": 100},
    "/v1/messages/count_tokens": {"messages": HELLO},
    "/v1/embeddings": {"input": "Hello"},
    "/v1/moderations": {"input": "Hello"},
    "/v1/rerank": {"query": "a", "documents": ["b", "c"]},
}
CUTS = [1, 7, 61, 1_000_000]
"""How many bytes come at once."""


def _sends(body: bytes, size: int, kind: bytes) -> Script:
    """Answer with these bytes, so many to a chunk of the transfer."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    head = STREAM_HEAD.replace(b"text/event-stream", kind)
    return sends(head + b"".join(map(part, pieces)) + LAST_PART)


def _sell(house: House, path: str) -> tuple[Customer, Good]:
    kind = "anthropic" if path.startswith("/v1/messages") else "openai"
    type_ = TYPES.get(path, "chat")
    good = house.sell(_sends(b"", 1, b""), channel={"kind": kind}, kind=type_)
    return house.customer(), good


def _said(house: House, path: str, body: bytes, *, stream: bool = False, **more: Any) -> set[bytes]:
    """Return what clients get of a body, over all the ways to cut it."""
    ana, good = _sell(house, path)
    kind = b"text/event-stream" if stream else b"application/json"
    asked = {"model": good.name, **BODIES[path], **({"stream": True} if stream else {}), **more}
    found = set()
    for size in CUTS:
        good.door.script = _sends(body, size, kind)
        answer = house.post(ana, asked, path=path)
        assert answer.status_code == 200, answer.text
        found.add(answer.content)
    if path.endswith("count_tokens"):
        house.assert_untouched(ana)
    else:
        assert len(house.usage(ana)) == len(CUTS)
    assert house.holds(ana) == 0
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_body_reaches_the_client_as_it_is(house: House, name: str):
    """Every byte of it."""
    body = (RECORDED / name).read_bytes()
    route, form, *_ = name.split("-")

    assert _said(house, PATHS[route], body, stream=form == "stream") == {body}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_answer_reaches_the_client_in_its_vendors_spelling(house: House, name: str):
    """Blanks, numbers, escapes and members of its own."""
    path, body = WHOLE[name]

    assert _said(house, path, body) == {body}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_reaches_the_client_but_for_the_usage_that_was_not_asked_for(
    house: House, name: str
):
    """Comments, padding and members of its own; who asks for the usage has it with its cost."""
    events, usage = STREAMS[name]
    end = DONE.replace(b"\n", b"\r\n") if b"\r" in events else DONE
    path, whole = "/v1/chat/completions", events + usage + end
    (with_cost,) = _said(house, path, whole, stream=True, stream_options={"include_usage": True})

    assert _said(house, path, whole, stream=True) == {events + end}
    assert re.sub(rb',\s*"cost_nano":\s*\d+', b"", with_cost) == whole
    assert with_cost.count(b'"cost_nano"') == 1


@pytest.mark.parametrize("name", TOLD_WITHIN)
def test_a_usage_within_another_chunk_stays_where_it_is(house: House, name: str):
    """It is charged all the same."""
    whole = TOLD_WITHIN[name] + DONE

    assert _said(house, "/v1/chat/completions", whole, stream=True) == {whole}


def test_events_of_a_response_reach_the_client_as_they_are(house: House):
    """Also those that nobody knows yet."""
    assert _said(house, "/v1/responses", RESPONSES, stream=True) == {RESPONSES}
