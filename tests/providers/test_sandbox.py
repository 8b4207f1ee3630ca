"""The sandbox: it speaks OpenAI's wire, and misbehaves as its model's name says."""

import json
from typing import Any

import pytest

from grip.providers import sandbox
from grip.providers.json_object import JsonObject
from grip.providers.openai.stream import OpenAIStream
from grip.providers.port import ChannelFault, Target, UpstreamCall
from grip.providers.sandbox import SandboxAdapter, behaviour

CHAT = "/chat/completions"


def _play(model: str, path: str = CHAT, **members: Any) -> sandbox.Script:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **members}
    return sandbox.script(path, json.dumps(body).encode())


def _json(script: sandbox.Script) -> Any:
    return json.loads(b"".join(script.chunks))


def test_it_needs_no_network_and_no_secret():
    """Its requests go to an address that no network has."""
    call = UpstreamCall(
        path=CHAT, body=JsonObject(b'{"model":"m"}'), model="m", stream=False, ask_usage=False
    )
    request = SandboxAdapter().request(call, Target(base_url="http://x", secret="s"))

    assert request.url == sandbox.SCHEME + CHAT
    assert "authorization" not in dict(request.headers)


def test_it_answers_the_same_each_time():
    """So that tests can expect it."""
    first, second = _play("m"), _play("m")

    assert first.chunks == second.chunks
    assert _json(first)["choices"][0]["message"]["content"].startswith("Hello from the sandbox")
    assert _json(first)["usage"]["completion_tokens"] == 8


@pytest.mark.parametrize(("asked", "chunks"), [(True, 4), (False, 3)])
def test_a_stream_says_its_usage_where_it_was_asked(asked: bool, chunks: int):  # noqa: FBT001
    """One word to a chunk, then the end."""
    script = _play("m?chunks=3", stream=True, stream_options={"include_usage": asked})
    reader = OpenAIStream()
    events = [event for part in script.chunks for event in reader.feed(part)] + reader.close()

    said = [reader.text(event.data) if event.unread else event.text for event in events]
    assert "".join(said) == "Hello from the"
    assert [event.is_usage for event in events].count(True) == int(asked)
    assert events[-1].is_end
    assert script.content_type == "text/event-stream"


def test_embeddings_are_numbers_or_base64():
    """As asked, one for each text."""
    floats = _json(_play("m", "/embeddings", input=["a", "b"]))
    packed = _json(_play("m", "/embeddings", input="a", encoding_format="base64"))

    assert [item["index"] for item in floats["data"]] == [0, 1]
    assert len(floats["data"][0]["embedding"]) == 8
    assert isinstance(packed["data"][0]["embedding"], str)


@pytest.mark.parametrize("status", [400, 429, 500, 599])
def test_it_fails_with_the_status_it_is_told(status: int):
    """And an error object."""
    script = _play(f"m?fail={status}")

    assert script.status == status
    assert _json(script)["error"]["message"]


@pytest.mark.parametrize(("usage", "found"), [("none", None), ("zero", 0)])
def test_it_reports_no_usage_or_none_of_it(usage: str, found: int | None):
    """As an upstream may."""
    assert (_json(_play(f"m?usage={usage}")).get("usage") or {}).get("prompt_tokens") == found


def test_it_answers_garbage_errors_and_halves():
    """Each is a fault of the channel."""
    assert b"".join(_play("m?fail=garbage").chunks) == b"<html>"
    assert _json(_play("m?fail=error"))["error"]
    with pytest.raises(json.JSONDecodeError):
        _json(_play("m?fail=cut"))
    reader = OpenAIStream()
    for part in _play("m?fail=cut", stream=True).chunks:
        reader.feed(part)
    with pytest.raises(ChannelFault):
        reader.close()


@pytest.mark.parametrize(
    "settings",
    [
        "fail=what",
        "fail=200",
        "fail=600",
        "chunks=0",
        "chunks=x",
        "chunks=10001",
        "delay_s=-1",
        "delay_s=NaN",
        "delay_s=99999",
        "usage=some",
        "what=1",
        "chunks",
    ],
)
def test_settings_that_it_does_not_know_are_refused(settings: str):
    """With a 400 that says so."""
    script = _play(f"m?{settings}")

    assert script.status == 400
    assert _json(script)["error"]["type"] == "invalid_request_error"


def test_settings_are_read_off_the_name():
    """Several, joined by &."""
    assert behaviour.parse("m?delay_s=1.5&chunk_delay_s=2&chunks=3&fail=503") == (
        behaviour.Behaviour(delay_s=1.5, chunk_delay_s=2, chunks=3, fail="503")
    )
