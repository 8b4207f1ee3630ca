"""The official clients' own conveniences through grip: loops of tools, parsed answers, async."""

import json
from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel

from tests.compat.callers import Callers
from tests.compat.mind import THOUGHT
from tests.compat.rows import SCHEMA
from tests.compat.shop import SPEECHES, name
from tests.e2e.house import House

pytestmark = [
    pytest.mark.parametrize("house", ["sqlite"], indirect=True),
    pytest.mark.parametrize("kind", SPEECHES),
    pytest.mark.usefixtures("doors"),
]

FUNCTION: Any = {
    "type": "function",
    "function": {"name": "weather", "strict": True, "parameters": SCHEMA},
}
ASKED: list[Any] = [{"role": "user", "content": "What is the weather?"}]


THINKING: list[Any] = [{"role": "user", "content": "[think] What is the weather?"}]
TOOL: Any = {"name": "weather", "description": "Tells it.", "input_schema": SCHEMA}


class City(BaseModel):
    """A city."""

    city: str


def test_openais_client_puts_a_stream_of_tools_together(callers: Callers, kind: str):
    """And sends its own message back with the result."""
    create = callers.openai.chat.completions
    with create.stream(model=name(kind), messages=ASKED, tools=[FUNCTION]) as stream:
        said = stream.get_final_completion().choices[0]
    assert said.message.tool_calls
    (call,) = said.message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}
    told = create.create(
        model=name(kind),
        messages=[*ASKED, said.message, result],  # type: ignore[list-item]
        tools=[FUNCTION],
    )

    assert json.loads(call.function.arguments) == {"city": "Rome"}
    assert said.finish_reason == "tool_calls"
    assert "21 degrees" in (told.choices[0].message.content or "")


def test_openais_client_parses_an_answer(callers: Callers, kind: str):
    """Into the class that it was asked for."""
    said = callers.openai.chat.completions.parse(
        model=name(kind), messages=ASKED, response_format=City
    )

    assert said.choices[0].message.parsed == City(city="Rome")


async def test_openais_client_streams_asynchronously(house: House, callers: Callers, kind: str):
    """With the usage in the last chunk."""
    async with openai.AsyncOpenAI(
        api_key=callers.customer.secret, base_url=f"{house.gateway.url}/v1", max_retries=0
    ) as client:
        stream = await client.chat.completions.create(
            model=name(kind),
            messages=ASKED,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]

    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)[:5] == "Hello"
    assert chunks[-1].usage
    assert chunks[-1].usage.total_tokens == 28


def test_anthropics_client_runs_tools_by_itself(callers: Callers, kind: str):
    """On its beta route, until the model has what it asked for."""
    asked: list[str] = []

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """Tell the weather."""
        asked.append(city)
        return "21 degrees"

    runner = callers.anthropic.beta.messages.tool_runner(
        model=name(kind), max_tokens=100, messages=ASKED, tools=[weather]
    )
    said = runner.until_done().content[-1]

    assert asked == ["Rome"]
    assert said.type == "text"
    assert "21 degrees" in said.text


def test_anthropics_client_parses_an_answer(callers: Callers, kind: str):
    """Into the class that it was asked for."""
    said = callers.anthropic.messages.parse(
        model=name(kind), max_tokens=100, messages=ASKED, output_format=City
    )

    assert said.parsed_output == City(city="Rome")


async def test_anthropics_client_streams_asynchronously(house: House, callers: Callers, kind: str):
    """Thoughts before words, each in a block of its own."""
    asked: list[Any] = [{"role": "user", "content": "[think] Say hello"}]
    async with (
        anthropic.AsyncAnthropic(
            api_key=callers.customer.secret, base_url=house.gateway.url, max_retries=0
        ) as client,
        client.messages.stream(model=name(kind), max_tokens=100, messages=asked) as stream,
    ):
        said = await stream.get_final_message()

    assert [block.type for block in said.content] == ["thinking", "text"]
    assert said.usage.output_tokens == 8


def test_a_turn_with_thoughts_may_be_sent_back_by_openais_client(callers: Callers, kind: str):
    """As it came, with the thoughts, and the seals of the vendors that have them."""
    create = callers.openai.chat.completions.create
    said = create(model=name(kind), messages=THINKING, tools=[FUNCTION]).choices[0].message
    assert said.tool_calls
    result: Any = {"role": "tool", "tool_call_id": said.tool_calls[0].id, "content": "21 degrees"}
    back: Any = said.model_dump(exclude_none=True)
    told = create(model=name(kind), messages=[*THINKING, back, result], tools=[FUNCTION])

    assert back["reasoning_content"] == THOUGHT
    assert "21 degrees" in (told.choices[0].message.content or "")


def test_a_turn_with_thoughts_may_be_sent_back_by_anthropics_client(callers: Callers, kind: str):
    """As it came, streamed, with whatever signature it had."""
    asked: Any = {"model": name(kind), "max_tokens": 100, "tools": [TOOL]}
    with callers.anthropic.messages.stream(messages=THINKING, **asked) as stream:
        said = stream.get_final_message()
    call = said.content[-1]
    assert call.type == "tool_use"
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"}
    turns: Any = [
        *THINKING,
        {"role": "assistant", "content": said.content},
        {"role": "user", "content": [result]},
    ]
    told = callers.anthropic.messages.create(messages=turns, **asked).content[-1]

    assert said.content[0].type == "thinking"
    assert told.type == "text"
    assert "21 degrees" in told.text


def test_what_a_coding_agent_sends_is_served(callers: Callers, kind: str):
    """Marks for caches, betas, thoughts that are cleared, results beside words: all in one."""
    mark: Any = {"cache_control": {"type": "ephemeral"}}
    result = {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": [{"type": "text", "text": "a.py"}],
    }
    turns: Any = [
        {"role": "user", "content": [{"type": "text", "text": "<system-reminder/>"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}},
            ],
        },
        {
            "role": "user",
            "content": [{**result, **mark}, {"type": "text", "text": "Go on", **mark}],
        },
    ]
    asked: Any = {
        "model": name(kind),
        "max_tokens": 32_000,
        "system": [{"type": "text", "text": "You are an agent.", **mark}],
        "messages": turns,
        "tools": [{**TOOL, **mark}],
        "tool_choice": {"type": "auto"},
        "metadata": {"user_id": "user_1"},
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "betas": ["claude-code-20250219", "interleaved-thinking-2025-05-14"],
        "extra_body": {"temperature": 1},
    }
    with callers.anthropic.beta.messages.stream(**asked) as stream:
        said = stream.get_final_message().content[-1]

    assert said.type == "text"
    assert "a.py" in said.text
