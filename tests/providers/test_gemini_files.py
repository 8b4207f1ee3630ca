"""Files in requests to Gemini: inline, by a public URL, or refused."""

import json
from typing import Any

import pytest

from grip.providers.conversation import (
    Audio,
    Conversation,
    Document,
    Image,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    Untranslatable,
)
from grip.providers.gemini import request
from grip.providers.gemini.names import Names

NEW = "gemini-3-pro-preview"
HELLO = Turn(role="user", parts=(Text(text="Hi"),))


def _body(*turns: Turn) -> Any:
    conversation = Conversation(turns=turns)
    return json.loads(request.body(conversation, NEW, Names("/chat/completions")))


def _user(*parts: Any) -> Turn:
    return Turn(role="user", parts=parts)


def _model(*parts: Any) -> Turn:
    return Turn(role="assistant", parts=parts)


def _call() -> ToolCall:
    return ToolCall(id="c1", name="weather", arguments="{}")


def _result(call_id: str = "c1", **given: Any) -> ToolResult:
    return ToolResult(id=call_id, content=given.pop("content", (Text(text="sunny"),)), **given)


def test_files_go_inline_in_the_words_they_came_in():
    """Images, documents and sound are all data with a type."""
    told = _body(
        _user(
            Image(media_type="image/webp", data="AAAA"),
            Document(media_type="application/pdf", data="BBBB", name="a.pdf"),
            Audio(data="CCCC", format="mp3"),
        )
    )

    assert told["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/webp", "data": "AAAA"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "BBBB"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "CCCC"}},
    ]


def test_an_image_of_ten_megabytes_goes_through():
    """Base64 is never decoded on its way."""
    data = "A" * 14_000_000

    told = _body(_user(Image(media_type="image/png", data=data)))

    assert told["contents"][0]["parts"][0]["inlineData"]["data"] == data


@pytest.mark.parametrize(
    ("url", "media_type"),
    [
        ("https://a.example/x/cat.JPG?size=1", "image/jpeg"),
        ("https://a.example/report.pdf", "application/pdf"),
        ("https://a.example/picture", None),
    ],
)
def test_a_public_url_is_left_to_google_to_fetch(url: str, media_type: str | None):
    """With its type where its name tells it."""
    linked = {"fileUri": url} | ({"mimeType": media_type} if media_type else {})

    assert _body(_user(Image(url=url)))["contents"][0]["parts"] == [{"fileData": linked}]
    told = _body(_user(Document(url=url, media_type="text/plain")))
    assert told["contents"][0]["parts"][0]["fileData"]["mimeType"] == "text/plain"


@pytest.mark.parametrize(
    "url",
    [
        "gs://bucket/secret.pdf",
        "files/abc",
        "file:///etc/passwd",
        "https://",
        "https://[bad/x.png",
        "https://generativelanguage.googleapis.com/v1beta/files/abc",
        "https://Autopush-GenerativeLanguage.sandbox.googleapis.com/v1beta/files/abc",
        "",
    ],
)
def test_the_operators_own_files_cannot_be_named(url: str):
    """What lies behind the operator's key is no business of a client."""
    with pytest.raises(Untranslatable) as refused:
        _body(_user(Image(url=url)))

    assert refused.value.param == "messages"


def test_a_file_by_its_url_cannot_be_a_tools_result():
    """Gemini takes base64 there alone."""
    turns = (
        HELLO,
        _model(_call()),
        _user(_result(content=(Image(url="https://a.example/x.png"),))),
    )

    with pytest.raises(Untranslatable):
        _body(*turns)
