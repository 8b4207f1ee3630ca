"""Messages on an upstream of OpenAI's wire, and chats on one of Anthropic's."""

import json
from typing import Any

import anthropic
import pytest

from grip.money.amounts import NANO
from tests.e2e import scripts
from tests.e2e.anthropic_wire import (
    END,
    SAID,
    client,
    closes,
    delta,
    message,
    opens,
    polite,
    sell,
    start,
    stops,
)
from tests.e2e.house import HELLO, POLITE_NANO, Good, House
from tests.e2e.scripts import DONE, LAST_PART, STREAM_HEAD, chunk, event, part, raw, streams, whole

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL: Any = {"name": "weather", "description": "Tells it.", "input_schema": SCHEMA}
FUNCTION: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells it.", "parameters": SCHEMA},
}


def hello(good: Good, **more: Any) -> dict[str, Any]:
    """Return a request for a message that says hello."""
    return {"model": good.name, "max_tokens": 100, "messages": HELLO, **more}


def _calls(*calls: dict[str, Any]) -> bytes:
    """Return a chunk that asks for tools."""
    return event(
        chunk().replace(
            b'"delta": {}', b'"delta": {"tool_calls": ' + json.dumps(calls).encode() + b"}"
        )
    )


CALLED = [
    _calls({"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather"}}),
    _calls({"index": 0, "function": {"arguments": '{"city": '}}),
    _calls({"index": 0, "function": {"arguments": '"Rome"}'}}),
    event(chunk(finish="tool_calls")),
    scripts.USAGE_EVENT,
    DONE,
]


def test_a_tool_that_a_chat_asks_for_is_one_of_a_message(house: House):
    """Streamed piece by piece, and charged by the chat's own count."""
    ana, good = house.customer(), house.sell(streams(CALLED))
    with (
        client(house, ana) as client_,
        client_.messages.stream(**hello(good, tools=[TOOL], system="Be brief.")) as stream,
    ):
        said = stream.get_final_message()
    asked = good.door.requests[0]

    assert asked.path.endswith("/v1/chat/completions")
    assert asked.json["messages"][0]["role"] == "system"
    assert asked.json["tools"][0]["function"]["parameters"] == SCHEMA
    (used,) = said.content
    assert used.type == "tool_use"
    assert (used.name, used.input, said.stop_reason) == ("weather", {"city": "Rome"}, "tool_use")
    (row,) = house.usage(ana)
    assert (row.cost_nano, row.estimated, row.endpoint) == (POLITE_NANO, False, "/messages")


def test_a_chat_that_goes_past_the_limit_ends_as_a_message_does(house: House):
    """The block that was open is closed."""
    ana = house.customer()
    word = part(event(chunk("and so it goes on and on " * 40)))
    good = house.sell(raw(STREAM_HEAD + word * 200 + LAST_PART))
    with client(house, ana) as client_:
        events = list(client_.messages.create(**hello(good, max_tokens=10), stream=True))

    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert house.usage(ana)[0].status == "limited"


def test_what_no_chat_can_say_is_refused_by_its_name(house: House):
    """And nothing is held for it."""
    ana, good = house.customer(), house.sell(scripts.polite)
    with client(house, ana) as client_, pytest.raises(anthropic.BadRequestError) as raised:
        edits = [{"type": "clear_tool_uses_20250919"}]
        client_.messages.create(**hello(good), extra_body={"context_management": {"edits": edits}})
    error = raised.value.response.json()["error"]

    assert error["param"] == "context_management.edits[0].type"
    assert good.door.requests == []
    house.assert_untouched(ana)


@pytest.mark.parametrize("counted", [False, True])
def test_a_chat_streams_from_messages(house: House, *, counted: bool):
    """With its usage and its cost, where those are asked for."""
    ana, good = house.customer(), sell(house, polite)
    options: Any = {"include_usage": True} if counted else None
    chunks = list(
        ana.client.chat.completions.create(
            model=good.name, messages=HELLO, stream=True, stream_options=options
        )
    )
    text = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)

    assert text == SAID
    assert good.door.requests[0].path.endswith("/v1/messages")
    assert good.door.requests[0].json["max_tokens"] > 0
    told = [one.usage for one in chunks if one.usage is not None]
    assert [(usage.prompt_tokens, usage.completion_tokens) for usage in told] == [(10, 5)] * counted
    assert house.usage(ana)[0].cost_nano == POLITE_NANO


def test_a_tool_that_a_message_asks_for_is_one_of_a_chat(house: House):
    """Whole, and streamed."""
    ana = house.customer()
    block = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}}
    streamed = [
        start(),
        opens(0, type="tool_use", id="toolu_1", name="weather", input={}),
        delta(0, type="input_json_delta", partial_json='{"city": "Rome"}'),
        closes(0),
        stops("tool_use"),
        END,
    ]
    scripts_ = scripts.in_turn(whole(message(block, stop="tool_use")), streams(streamed))
    good = sell(house, scripts_)
    said = ana.client.chat.completions.create(model=good.name, messages=HELLO, tools=[FUNCTION])
    with ana.client.chat.completions.stream(
        model=good.name, messages=HELLO, tools=[FUNCTION]
    ) as stream:
        final = stream.get_final_completion()

    for each in (said, final):
        called = each.choices[0].message.tool_calls
        assert called is not None
        (call,) = called
        assert call.type == "function"
        assert call.function.name == "weather"
        assert '"Rome"' in call.function.arguments
        assert each.choices[0].finish_reason == "tool_calls"
    assert [row.cost_nano for row in house.usage(ana)] == [6 * NANO] * 2
