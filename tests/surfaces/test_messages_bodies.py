"""What is read of a body of messages: what money rests on, and what is refused by its name."""

import json
from typing import Any

import pytest

from grip.errors import InvalidRequest
from grip.gateway.call import Call
from grip.providers.json_object import JsonObject
from grip.web.surfaces import messages
from grip.web.surfaces.messages_members import READ

HELLO = [{"role": "user", "content": "Hello"}]


def parsed(**members: Any) -> Call:
    """Return the call in a body with these members beside the least that it has."""
    body = {"model": "m", "max_tokens": 100, "messages": HELLO, **members}
    raw = json.dumps({name: value for name, value in body.items() if value is not ...}).encode()
    return messages.parse(JsonObject(raw), request_id="r", key_hash="k", ip="i")


def refused(**members: Any) -> str | None:
    """Return the member that a body is refused for."""
    with pytest.raises(InvalidRequest) as raised:
        parsed(**members)
    assert str(raised.value.param) in raised.value.message
    return raised.value.param


def test_a_body_makes_a_call_of_the_chat_type():
    """Its route, its model and its limit are known."""
    call = parsed()

    assert (call.path, call.type, call.model) == ("/messages", "chat", "m")
    assert (call.stream, call.output_limit, call.choices, call.reasons) == (False, 100, 1, False)
    assert (call.has_output, call.wants_usage) == (True, False)
    assert call.ending is not None
    assert parsed(stream=True).stream


def test_a_body_to_be_counted_needs_no_limit_and_generates_nothing():
    """It is the same body else."""
    body = JsonObject(json.dumps({"model": "m", "messages": HELLO}).encode())
    call = messages.parse_count(body, request_id="r", key_hash="k", ip="i")

    assert (call.path, call.type, call.has_output) == ("/messages/count_tokens", "chat", False)
    assert call.input_tokens == parsed().input_tokens


@pytest.mark.parametrize("limit", [..., None, -1, 10**9, "100", 1.5, [], True])
def test_a_limit_is_needed(limit: Any):
    """It is what the hold is made of; `...` stands for none."""
    assert refused(max_tokens=limit) == "max_tokens"


def test_a_limit_of_nothing_fills_a_cache():
    """Anthropic's API allows it."""
    assert parsed(max_tokens=0).output_limit == 0


@pytest.mark.parametrize(
    ("thinking", "reasons"),
    [
        ({"type": "enabled", "budget_tokens": 50}, True),
        ({"type": "adaptive"}, True),
        ({"type": "adaptive", "display": "omitted"}, True),
        ({"type": "disabled"}, False),
        (None, False),
    ],
)
def test_thoughts_are_noticed(thinking: Any, *, reasons: bool):
    """They stand within the limit."""
    call = parsed(thinking=thinking)

    assert (call.reasons, call.output_limit) == (reasons, 100)


def test_a_budget_of_thoughts_that_is_larger_than_the_limit_counts_beside_it():
    """Thoughts between calls of tools may go on past the limit of the answer."""
    assert parsed(thinking={"type": "enabled", "budget_tokens": 5000}).output_limit == 5100


@pytest.mark.parametrize("name", ["model", "messages"])
@pytest.mark.parametrize("value", [..., None, "", [], 7])
def test_a_member_that_everything_rests_on_is_needed(name: str, value: Any):
    """It is named."""
    assert refused(**{name: value}) == name


@pytest.mark.parametrize("name", sorted(map(str.title, READ)))
def test_a_lookalike_of_a_member_that_is_read_is_refused(name: str):
    """Some upstreams would take it for the one that it looks like."""
    assert refused(**{name: 1}) == name


UNMETERED: dict[str, Any] = {
    "speed": "fast",
    "inference_geo": "us",
    "container": "container_1",
    "fallbacks": [{"model": "claude-opus-5"}],
    "mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}],
    "thread": {"type": "create"},
    "compaction": {"type": "summary"},
    "billing_policy": {"type": "billing_policy", "bill_to": "user_profile"},
    "fallback_credit_token": "x",
    "user_profile_id": "up_1",
    "workspace_id": "wrkspc_1",
}


@pytest.mark.parametrize("name", UNMETERED)
def test_what_cannot_be_metered_is_refused_by_its_name(name: str):
    """Nothing of it would be in a report of tokens."""
    assert refused(**{name: UNMETERED[name]}) == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("speed", "standard"),
        ("inference_geo", "global"),
        ("fallbacks", []),
        ("mcp_servers", []),
        ("service_tier", "auto"),
        ("metadata", {"user_id": "u"}),
        ("diagnostics", {"previous_message_id": None}),
        *((name, None) for name in UNMETERED),
        ("tools", None),
        ("context_management", None),
        ("context_management", {"edits": [{"type": "clear_tool_uses_20250919", "keep": {}}]}),
        ("something_new", {"x": 1}),
    ],
)
def test_what_means_nothing_to_money_passes(name: str, value: Any):
    """It is the upstream's to judge."""
    assert parsed(**{name: value}).model == "m"


@pytest.mark.parametrize(
    "kind",
    [
        "web_search_20250305",
        "web_fetch_20260318",
        "code_execution_20260521",
        "tool_search_tool_regex_20251119",
        "mcp_toolset",
        "advisor_20260301",
        "bash",
        "bash_20250124x",
        "",
    ],
)
def test_a_tool_that_runs_at_the_vendors_is_refused(kind: str):
    """What it costs is not counted in tokens alone."""
    custom = {"name": "f", "input_schema": {"type": "object"}}
    assert refused(tools=[custom, {"type": kind, "name": "x"}]) == "tools[1].type"


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "custom",
        "bash_20250124",
        "text_editor_20250728",
        "memory_20250818",
        "computer_20251124",
        "computer_toolset_20260801",
        "browser_toolset_20260801",
    ],
)
def test_a_tool_that_the_client_runs_passes(kind: str | None):
    """Whoever defined it."""
    tool = {"name": "f", "input_schema": {"type": "object"}, "type": kind}
    assert parsed(tools=[tool]).model == "m"


def test_a_summary_on_the_way_is_refused():
    """It is counted apart from the answer."""
    edits = [{"type": "clear_thinking_20251015"}, {"type": "compact_20260112"}]
    assert refused(context_management={"edits": edits}) == "context_management.edits[1].type"


@pytest.mark.parametrize(
    "members",
    [
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"content": "x"}]},
        {"messages": [{"role": "user", "content": ["x"]}]},
        {"messages": {"role": "user", "content": "x"}},
        {"system": 7},
        {"system": ["x"]},
        {"tools": {"name": "f"}},
        {"tools": ["f"]},
        {"tools": [{"type": 7}]},
        {"thinking": "enabled"},
        {"stream": "yes"},
        {"context_management": []},
        {"context_management": {"edits": [{"type": 7}]}},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_refused(members: dict[str, Any]):
    """And named."""
    (name,) = members
    assert refused(**members) == name


@pytest.mark.parametrize("depth", [10, 100, 1_000, 100_000])
@pytest.mark.parametrize("kind", ["tool_result", "document"])
def test_blocks_within_blocks_are_no_failure_of_grips(kind: str, depth: int):
    """However deep, they are held for or refused."""
    begun, ended = '{"type":"tool_result","content":[', "]}"
    if kind == "document":
        begun = '{"type":"document","source":{"type":"content","content":['
        ended = "]}}"
    blocks = begun * depth + ended * depth
    raw = f'{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":[{blocks}]}}]}}'
    try:
        call = messages.parse(JsonObject(raw.encode()), request_id="r", key_hash="k", ip="i")
    except InvalidRequest:
        return

    assert call.input_bound >= call.input_tokens > 0
