"""Bodies of many megabytes: read beside the loop, so that nobody waits for them."""

import json
import threading
from typing import Any

import pytest

from grip.gateway.beside import LARGE_BYTES
from grip.providers.openai import OpenAIAdapter
from grip.web.surfaces import content
from tests.fuzz.inside import Inside
from tests.fuzz.polite import WHOLE

HELLO = [{"role": "user", "content": "Hello"}]
LARGE = "x" * LARGE_BYTES


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where chats were read since the test began: the names of threads."""
    found: list[str] = []
    weigh = content.Count.tokens

    def spied(self: content.Count, raw: bytes) -> tuple[int, int]:
        found.append(threading.current_thread().name)
        return weigh(self, raw)

    monkeypatch.setattr(content.Count, "tokens", spied)
    return found


def test_a_large_body_is_read_beside_the_loop_and_a_small_one_on_it(
    inside: Inside, threads: list[str]
):
    """Reading ten megabytes takes a tenth of a second, in which nobody else would be answered."""
    for user in ("", LARGE):
        body = {"model": "chat-openai", "messages": HELLO, "user": user}
        assert inside.ask("/v1/chat/completions", json.dumps(body).encode()).status == 200

    small, large = threads
    assert not small.startswith("beside")
    assert large.startswith("beside")


@pytest.mark.parametrize("stream", [False, True])
def test_a_large_body_is_translated_beside_the_loop(
    inside: Inside,
    monkeypatch: pytest.MonkeyPatch,
    stream: bool,  # noqa: FBT001
):
    """And a small one on it."""
    found: list[str] = []
    request = OpenAIAdapter.request

    def spied(self: OpenAIAdapter, *args: Any) -> Any:
        found.append(threading.current_thread().name)
        return request(self, *args)

    monkeypatch.setattr(OpenAIAdapter, "request", spied)
    for text in ("Hello", LARGE):
        messages = [{"role": "user", "content": text}]
        body = {"model": "chat-openai", "max_tokens": 5, "messages": messages, "stream": stream}
        assert inside.ask("/v1/messages", json.dumps(body).encode()).status == 200

    small, large = found
    assert not small.startswith("beside")
    assert large.startswith("beside")


def test_a_large_answer_is_read_beside_the_loop(inside: Inside, monkeypatch: pytest.MonkeyPatch):
    """And arrives as it is."""
    found: list[str] = []
    answer = OpenAIAdapter.answer

    def spied(self: OpenAIAdapter, *args: Any) -> Any:
        found.append(threading.current_thread().name)
        return answer(self, *args)

    monkeypatch.setattr(OpenAIAdapter, "answer", spied)
    said = json.dumps(WHOLE["/chat/completions"] | {"x": LARGE}).encode()
    monkeypatch.setattr(inside.upstream, "script", lambda _: ("application/json", said))
    body = json.dumps({"model": "chat-openai", "messages": HELLO}).encode()

    assert inside.ask("/v1/chat/completions", body).body == said
    assert found[0].startswith("beside")


def test_what_is_wrong_with_a_large_body_is_said_as_of_a_small_one(inside: Inside):
    """By the member's name."""
    body = json.dumps({"model": 7, "messages": HELLO, "user": LARGE}).encode()
    heard = inside.ask("/v1/chat/completions", body)

    assert (heard.status, heard.json["error"]["param"]) == (400, "model")
