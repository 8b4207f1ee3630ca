"""Bodies of `/v1/responses`: what they are held for, and which are refused."""

import base64
import json
from typing import Any

import pytest

from grip.errors import InvalidRequest
from grip.gateway.call import Call
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces import responses

MUCH = "All of this is text that a model reads. " * 500
FUNCTION = {"type": "function", "name": "look", "parameters": {"type": "object"}}
PIXELS = "data:image/png;base64," + base64.b64encode(b"\xff\xfe" * 300_000).decode()
PAPER = "data:application/pdf;base64," + base64.b64encode(b"\xff\xfe" * 300_000).decode()
SOUND = base64.b64encode(b"\xff\xfe" * 30_000).decode()
SEAL = base64.b64encode(b"\xff\xfe" * 300_000).decode()


def _call(**members: Any) -> Call:
    body = JsonObject(json.dumps({"model": "m", **members}, ensure_ascii=False).encode())
    return responses.parse(body, request_id="r", key_hash="k", ip="i")


def _said(*parts: dict[str, Any], role: str = "user") -> Call:
    return _call(input=[{"type": "message", "role": role, "content": list(parts)}])


def test_a_text_becomes_a_call():
    """Served by models of chat; it has no answer but one."""
    call = _call(input="Hello")

    assert (call.path, call.type, call.model, call.stream) == ("/responses", "chat", "m", False)
    assert (call.output_limit, call.choices, call.reasons) == (None, 1, False)
    assert 0 < call.input_tokens < call.input_bound < 70


def test_the_limit_and_the_thoughts_are_read():
    """The limit is one on thoughts as well."""
    call = _call(input="Hi", max_output_tokens=77, reasoning={"effort": "low"}, stream=True)

    assert (call.output_limit, call.reasons, call.stream) == (77, True, True)
    assert call.wants_usage is False
    assert call.ending is not None


SAID: dict[str, dict[str, Any]] = {
    "the input": {"input": MUCH},
    "a message": {"input": [{"role": "user", "content": MUCH}]},
    "a part": {"input": [{"role": "user", "content": [{"type": "input_text", "text": MUCH}]}]},
    "an answer": {
        "input": [{"role": "assistant", "content": [{"type": "output_text", "text": MUCH}]}]
    },
    "a refusal": {
        "input": [{"role": "assistant", "content": [{"type": "refusal", "refusal": MUCH}]}]
    },
    "a call": {"input": [{"type": "function_call", "name": "f", "arguments": MUCH}]},
    "a call's name": {"input": [{"type": "function_call", "name": MUCH, "arguments": "{}"}]},
    "what came of a call": {"input": [{"type": "function_call_output", "output": MUCH}]},
    "parts that came of a call": {
        "input": [
            {"type": "function_call_output", "output": [{"type": "input_text", "text": MUCH}]}
        ]
    },
    "a free call": {"input": [{"type": "custom_tool_call", "name": "f", "input": MUCH}]},
    "what came of a free call": {"input": [{"type": "custom_tool_call_output", "output": MUCH}]},
    "a shell's call": {"input": [{"type": "local_shell_call", "action": {"command": [MUCH]}}]},
    "a summary": {
        "input": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": MUCH}]}]
    },
    "a thought": {
        "input": [{"type": "reasoning", "content": [{"type": "reasoning_text", "text": MUCH}]}]
    },
    "an item that nobody knows": {"input": [{"type": "x", "y": {"z": MUCH}}]},
    "instructions": {"input": "a", "instructions": MUCH},
    "tools": {"input": "a", "tools": [FUNCTION | {"description": MUCH}]},
    "a schema": {
        "input": "a",
        "text": {"format": {"type": "json_schema", "schema": {"description": MUCH}}},
    },
    "tools that come later": {
        "input": [{"type": "additional_tools", "tools": [FUNCTION | {"description": MUCH}]}]
    },
}


@pytest.mark.parametrize("members", SAID.values(), ids=SAID)
def test_what_is_said_counts_in_full(members: dict[str, Any]):
    """In both estimates."""
    near, bound = estimates.text_tokens_and_bound(MUCH)
    call = _call(**members)

    assert near <= call.input_tokens < near + 100
    assert bound <= call.input_bound < 2 * bound


HIDDEN: dict[str, dict[str, Any]] = {
    "a member that nobody knows": {"input": "a", "y": MUCH},
    "a role": {"input": [{"role": MUCH, "content": "a"}]},
    "an id": {"input": [{"type": "function_call", "id": MUCH, "name": "f", "arguments": ""}]},
    "a lookalike": {"input": [{"role": "user", "content": "a", "Content": MUCH}]},
    "a part beside its text": {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "a", "y": MUCH}]}]
    },
    "an address": {
        "input": [{"role": "user", "content": [{"type": "input_image", "image_url": MUCH}]}]
    },
    "a payload that is no image": {
        "input": [
            {
                "role": "user",
                "content": [{"type": "input_image", "image_url": f"data:text/plain,{MUCH}"}],
            }
        ]
    },
    "a seal that is none": {
        "input": [{"type": "reasoning", "summary": [], "encrypted_content": "读" * 9000}]
    },
    "metadata": {"input": "a", "metadata": {"y": MUCH}},
}


@pytest.mark.parametrize("members", HIDDEN.values(), ids=HIDDEN)
def test_what_is_not_read_is_held_for(members: dict[str, Any]):
    """An upstream may read it."""
    assert _call(**members).input_bound >= estimates.text_tokens_bound(MUCH)


def test_an_image_is_no_text():
    """However large; a page that a tool has shown is one as well."""
    calls = [
        _said({"type": "input_image", "image_url": PIXELS}),
        _said({"type": "input_image", "image_url": "https://example.com/a.png"}),
        _said({"type": "input_image", "image_url": PIXELS, "file_id": None, "detail": "high"}),
        _call(
            input=[
                {
                    "type": "computer_call_output",
                    "output": {"type": "computer_screenshot", "image_url": PIXELS},
                }
            ]
        ),
        _call(
            input=[
                {
                    "type": "function_call_output",
                    "output": [{"type": "input_image", "image_url": PIXELS}],
                }
            ]
        ),
    ]

    for call in calls:
        assert 0 < call.input_tokens - estimates.IMAGE_TOKENS < 20
        assert 0 < call.input_bound - estimates.IMAGE_TOKENS_BOUND < 200


def test_files_and_sound_count_by_rules_of_their_own():
    """By their pages and seconds; one that is elsewhere by the most that a file can be."""
    file_bound = estimates.file_tokens_bound(len(PAPER))
    near_file = _said({"type": "input_file", "filename": "a.pdf", "file_data": PAPER})
    elsewhere = [
        _said({"type": "input_file", "file_url": "https://example.com/a.pdf"}),
        _said({"type": "input_video", "text": "a"}),
    ]
    sound = _said({"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}})
    sound_bound = estimates.audio_tokens_bound(len(SOUND), compressed=False)

    assert file_bound <= near_file.input_bound < file_bound + 200
    assert sound_bound <= sound.input_bound < sound_bound + 200
    for call in elsewhere:
        assert call.input_bound >= estimates.file_tokens_bound(1 << 40)


@pytest.mark.parametrize("kind", ["reasoning", "compaction"])
def test_a_sealed_thought_is_shorter_than_its_seal(kind: str):
    """A token for every four letters is near, and one for two is never too few."""
    call = _call(input=[{"type": kind, "encrypted_content": SEAL}])

    assert 0 < call.input_tokens - len(SEAL) // 4 < 20
    assert 0 < call.input_bound - len(SEAL) // 2 < 200


@pytest.mark.parametrize(
    "tool",
    [
        FUNCTION,
        {"type": "custom", "name": "patch", "format": {"type": "grammar"}},
        {"type": "local_shell"},
        {"type": "apply_patch"},
        {"type": "tool_search"},
        {"type": "shell", "environment": {"type": "local"}},
        {"type": "namespace", "name": "crm", "description": "d", "tools": [FUNCTION]},
    ],
)
def test_tools_that_the_client_runs_pass(tool: dict[str, Any]):
    """They cost what their text costs."""
    call = _call(input="Hi", tools=[tool])

    assert estimates.TOOLS_TOKENS_BOUND < call.input_bound < estimates.TOOLS_TOKENS_BOUND + 300


HOSTED: list[dict[str, Any]] = [
    {"type": "web_search"},
    {"type": "web_search_preview_2025_03_11"},
    {"type": "file_search", "vector_store_ids": ["vs_1"]},
    {"type": "code_interpreter", "container": {"type": "auto"}},
    {"type": "image_generation"},
    {"type": "mcp", "server_url": "https://example.com"},
    {"type": "computer"},
    {"type": "computer_use_preview"},
    {"type": "programmatic_tool_calling"},
    {"type": "shell"},
    {"type": "shell", "environment": {"type": "container_auto"}},
    {"type": "shell", "environment": ["local"]},
    {"type": "tomorrow"},
    {"type": "namespace", "tools": [FUNCTION, {"type": "web_search"}]},
    {"type": "namespace", "tools": [1]},
    {"type": "namespace"},
]


@pytest.mark.parametrize("tool", HOSTED, ids=json.dumps)
def test_a_tool_that_the_upstream_runs_is_refused_by_its_name(tool: dict[str, Any]):
    """What it costs stands in no report; also where an item of the input brings it."""
    with pytest.raises(InvalidRequest, match=r"tools\[1\].* runs at the upstream") as raised:
        _call(input="Hi", tools=[FUNCTION, tool])
    assert raised.value.param == "tools"
    for kind in ("additional_tools", "tool_search_output"):
        with pytest.raises(InvalidRequest, match=r"input\[0\].tools\[0\]"):
            _call(input=[{"type": kind, "tools": [tool]}])


def test_what_a_server_listed_is_no_tool():
    """It only tells what there was."""
    item = {"type": "mcp_list_tools", "server_label": "s", "tools": [{"name": "f"}]}

    assert _call(input=[item]).model == "m"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": 1}, "input"),
        ({"input": ["a"]}, "input"),
        ({"input": {"role": "user"}}, "input"),
        ({"background": True}, "background"),
        ({"background": 1}, "background"),
        ({"Background": True}, "Background"),
        ({"instructions": 1}, "instructions"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": "7"}, "max_output_tokens"),
        ({"Max_Output_Tokens": 7}, "Max_Output_Tokens"),
        ({"Previous_Response_Id": "r"}, "Previous_Response_Id"),
        ({"stream": 1}, "stream"),
        ({"tools": 1}, "tools"),
        ({"tools": ["web_search"]}, "tools"),
        ({"tools": [{}]}, "tools"),
        ({"tools": [{"type": 1}]}, "tools"),
        ({"model": ""}, "model"),
    ],
)
def test_a_body_that_cannot_be_is_refused_by_its_member(members: dict[str, Any], param: str):
    """By name."""
    with pytest.raises(InvalidRequest) as raised:
        _call(**({"input": "Hi"} | members))
    assert raised.value.param == param


def test_a_response_in_the_background_is_refused_with_what_to_do():
    """Until somebody can come back for one."""
    with pytest.raises(InvalidRequest, match="wait for the answer or stream it"):
        _call(input="Hi", background=True)
    assert _call(input="Hi", background=False).model == "m"
    assert _call(input="Hi", background=None).model == "m"


@pytest.mark.parametrize(
    "members",
    [{"store": False}, {"store": True}, {"include": ["x"]}, {"truncation": "auto"}, {"user": 1}],
)
def test_what_money_does_not_rest_on_passes(members: dict[str, Any]):
    """It is the upstream's to judge."""
    call = _call(input="Hi", **members)

    assert json.loads(call.body.raw) == {"model": "m", "input": "Hi", **members}
