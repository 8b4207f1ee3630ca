"""What an upstream keeps in the operator's account is no customer's to name."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from grip.errors import InvalidRequest
from grip.gateway.call import Call
from grip.providers.json_object import JsonObject
from grip.web.surfaces import chat, images, messages, responses

ROUTES: dict[str, Callable[..., Call]] = {
    "chat": chat.parse,
    "responses": responses.parse,
    "messages": messages.parse,
    "count_tokens": messages.parse_count,
    "edits": images.parse_edit,
}

FILE = {"file_id": "file-1"}


def parsed(route: str, raw: bytes) -> Call:
    return ROUTES[route](JsonObject(raw), request_id="r", key_hash="k", ip="i")


def refusal(route: str, members: dict[str, Any]) -> InvalidRequest:
    """Return what is told about a body with these members."""
    with pytest.raises(InvalidRequest) as raised:
        parsed(route, json.dumps({"model": "m", "max_tokens": 5} | members).encode())
    return raised.value


def said(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a message of these parts."""
    return {"role": "user", "content": list(parts), **more}


STORED: list[tuple[str, dict[str, Any], str]] = [
    ("responses", {"input": "a", "previous_response_id": "resp_1"}, "previous_response_id"),
    ("responses", {"previous_response_id": "resp_1"}, "previous_response_id"),
    ("responses", {"input": "a", "conversation": "conv_1"}, "conversation"),
    ("responses", {"input": "a", "conversation": {"id": "conv_1"}}, "conversation"),
    ("responses", {"prompt": {"id": "pmpt_1"}}, "prompt"),
    ("responses", {"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    ("responses", {"input": [said(), {"id": "msg_1"}]}, "input[1]"),
    ("responses", {"input": [{"type": None, "id": "msg_1"}]}, "input[0]"),
    (
        "responses",
        {"input": [{"type": "image_generation_call", "id": "ig_1", "result": None}]},
        "input[0]",
    ),
    (
        "responses",
        {"input": [said({"type": "input_image", **FILE})]},
        "input[0].content[0].file_id",
    ),
    (
        "responses",
        {"input": [said(), said({"type": "text"}, {"type": "input_file", **FILE})]},
        "input[1].content[1].file_id",
    ),
    (
        "responses",
        {"input": [{"type": "computer_call_output", "output": {"type": "x", **FILE}}]},
        "input[0].output.file_id",
    ),
    (
        "responses",
        {"input": [{"type": "tomorrow", "deep": [[{"in": [FILE]}]]}]},
        "input[0].deep[0][0].in[0].file_id",
    ),
    (
        "chat",
        {"messages": [said({"type": "file", "file": FILE})]},
        "messages[0].content[0].file.file_id",
    ),
    ("chat", {"messages": [said({"type": "file", **FILE})]}, "messages[0].content[0].file_id"),
    (
        "chat",
        {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]},
        "messages[0].audio",
    ),
    (
        "chat",
        {"messages": [said()], "data_sources": [{"type": "azure_search"}]},
        "data_sources",
    ),
    (
        "messages",
        {"messages": [said({"type": "image", "source": {"type": "file", **FILE}})]},
        "messages[0].content[0].source.file_id",
    ),
    (
        "messages",
        {"messages": [said({"type": "container_upload", **FILE})]},
        "messages[0].content[0].file_id",
    ),
    (
        "messages",
        {
            "messages": [
                said(
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [{"type": "document", "source": {"type": "file", **FILE}}],
                    }
                )
            ]
        },
        "messages[0].content[0].content[0].source.file_id",
    ),
    ("edits", {"prompt": "a", "images": [FILE]}, "images[0].file_id"),
    ("edits", {"prompt": "a", "image": "https://x", "mask": FILE}, "mask.file_id"),
    (
        "count_tokens",
        {"messages": [said()], "system": [{"type": "document", "source": FILE}]},
        "system[0].source.file_id",
    ),
]


@pytest.mark.parametrize(("route", "members", "param"), STORED, ids=str)
def test_what_the_upstream_has_stored_is_refused_by_its_name(
    route: str, members: dict[str, Any], param: str
):
    """With what to send instead: its account is all customers' at once."""
    told = refusal(route, members)

    assert told.param == param
    assert told.message.startswith(f"{param}: ")
    assert "; send " in told.message


@pytest.mark.parametrize("letter", range(len("file_id")))
def test_an_escape_hides_no_name(letter: int):
    """JSON may write every letter of a name as its number."""
    name = "file_id"
    hidden = f"{name[:letter]}\\u{ord(name[letter]):04X}{name[letter + 1 :]}"
    body = json.dumps({"model": "m", "messages": [said(FILE)]}).replace(name, hidden)
    with pytest.raises(InvalidRequest, match="file_id"):
        parsed("chat", body.encode())


@pytest.mark.parametrize("deep", [[FILE], {"y" * 90: FILE}])
def test_a_file_in_the_depths_is_found(deep: Any):
    """However deep, without a failure of grip's own, and told in a line."""
    for _ in range(100):
        deep = [{"z" * 90: deep}]
    told = refusal("chat", {"messages": [said({"type": "x", "y": deep})]})

    assert told.param is not None
    assert told.param.startswith("messages[0].content[0].y[0].zzz")
    assert len(told.message) < 500


def test_long_names_on_the_way_to_many_places_cost_nothing():
    """A place is no text until it is told."""
    wide: dict[str, Any] = {"y" * 50_000: [{} for _ in range(5_000)]}
    body = {"model": "m", "messages": [said({"type": "x", "y": wide})], "file_id": 1}
    raw = json.dumps(body).encode()
    tracemalloc.start()
    parsed("chat", raw)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 20_000_000


@pytest.mark.parametrize(
    ("route", "members"),
    [
        ("responses", {"input": "file_id", "store": False}),
        ("responses", {"input": "a", "store": True, "previous_response_id": None}),
        ("responses", {"input": "a", "conversation": None, "prompt": None}),
        ("responses", {"input": [said({"type": "input_text", "text": '"file_id": "x"'})]}),
        (
            "responses",
            {"input": [said({"type": "input_image", "image_url": "https://x", "file_id": None})]},
        ),
        (
            "responses",
            {"input": [{"type": "image_generation_call", "id": "ig_1", "result": "AAAA"}]},
        ),
        (
            "responses",
            {"input": [{"type": "tool_search_call", "arguments": {"file_id": "mine"}}]},
        ),
        (
            "responses",
            {
                "input": "a",
                "tools": [
                    {
                        "type": "function",
                        "name": "f",
                        "parameters": {"properties": {"file_id": {"type": "string"}}},
                    }
                ],
            },
        ),
        ("chat", {"messages": [{"role": "user", "content": "a", "audio": None}]}),
        (
            "messages",
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": [
                            {
                                "type": "tool_use",
                                "id": "t",
                                "name": "open",
                                "input": {"file_id": "mine"},
                            }
                        ],
                    }
                ]
            },
        ),
    ],
    ids=str,
)
def test_what_stands_in_the_body_passes(route: str, members: dict[str, Any]):
    """Words of that name, and the arguments of the client's own tools."""
    raw = json.dumps({"model": "m", "max_tokens": 5} | members).encode()

    assert parsed(route, raw).model == "m"


@pytest.mark.parametrize("options", [{}, {"search_context_size": "high"}])
def test_a_search_of_the_vendor_s_is_refused_by_its_name(options: dict[str, Any]):
    """Each has a price that no report of tokens tells."""
    told = refusal("chat", {"messages": [said()], "web_search_options": options})

    assert told.param == "web_search_options"
    assert "cannot meter" in told.message
    assert (
        refusal("chat", {"messages": [said()], "Web_Search_Options": options}).param
        == "Web_Search_Options"
    )
