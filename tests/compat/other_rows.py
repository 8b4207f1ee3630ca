"""The rows of the other surfaces that OpenAI's client knows, and of rerank."""

import json
from typing import Any

from tests.compat.mind import CACHED_TOKENS, INPUT_TOKENS
from tests.compat.rows import ARGUMENTS, LINK, SCHEMA, Row, Surface

TOOL = {"type": "function", "name": "weather", "strict": True, "parameters": SCHEMA}


def _says(text: str) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": text}]}


def _greets(answer: Any) -> bool:
    return bool(answer["output"][0]["content"][0]["text"].startswith("Hello"))


def _calls(answer: Any) -> bool:
    (item,) = answer["output"]
    return bool(item["name"] == "weather" and json.loads(item["arguments"]) == ARGUMENTS)


def _cached(answer: Any) -> bool:
    used = answer["usage"]
    told = used["input_tokens"], used["input_tokens_details"]["cached_tokens"]
    return told == (INPUT_TOKENS, CACHED_TOKENS)


TRIP = {
    "tools": [TOOL],
    "input": [
        {"role": "user", "content": "Look"},
        {"type": "function_call", "call_id": "call_9", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_9", "output": "21 degrees"},
    ],
}
FORMAT = {"text": {"format": {"type": "json_schema", "name": "city", "schema": SCHEMA}}}
SEEN = [{"type": "input_text", "text": "Look"}, {"type": "input_image", "image_url": LINK}]

RESPONSES = Surface(
    path="/v1/responses",
    title="Responses (`/v1/responses`, OpenAI's Python SDK)",
    way="responses",
    type="chat",
    rows=(
        Row(name="answer, whole", sees=_greets),
        Row(name="answer, streamed", sees=_greets, streams=True),
        Row(name="`instructions`", asks={"instructions": "Be brief."}, sees=_greets),
        Row(name="picture", asks={"input": [{"role": "user", "content": SEEN}]}),
        Row(name="tool call, whole", asks={"tools": [TOOL]}, sees=_calls),
        Row(name="tool call, streamed", asks={"tools": [TOOL]}, sees=_calls, streams=True),
        Row(name="tool result", asks=TRIP, sees=_greets),
        Row(name="`text.format`", asks=FORMAT),
        Row(name="usage with cached tokens", asks=_says("[cached]"), sees=_cached),
        Row(name="`previous_response_id`", asks={"previous_response_id": "resp_1"}, sees=_greets),
        Row(name="tools that run at the vendor", asks={"tools": [{"type": "web_search"}]}),
        Row(name="`background`", asks={"background": True}),
        Row(
            name="the upstream's own refusal",
            asks=_says("[too long]"),
            sees=lambda error: "too long" in error["message"],
            fails=True,
        ),
    ),
)


def _completes(answer: Any) -> bool:
    return bool(answer["choices"][0]["text"].startswith("Hello"))


COMPLETIONS = Surface(
    path="/v1/completions",
    title="Completions (`/v1/completions`, OpenAI's Python SDK)",
    way="completions",
    type="chat",
    rows=(
        Row(name="answer, whole", sees=_completes),
        Row(name="answer, streamed", sees=_completes, streams=True),
        Row(name="`stop`", asks={"stop": ["what"]}, sees=_completes),
    ),
)


def _vectors(number: int) -> Any:
    return lambda answer: [len(one["embedding"]) > 1 for one in answer["data"]] == [True] * number


EMBEDDINGS = Surface(
    path="/v1/embeddings",
    title="Embeddings (`/v1/embeddings`, OpenAI's Python SDK)",
    way="embeddings",
    type="embedding",
    rows=(
        Row(name="a text", asks={"input": "Rome"}, marks=("Rome",), sees=_vectors(1)),
        Row(
            name="several texts",
            asks={"input": ["Rome", "Paris"]},
            marks=("Rome", "Paris"),
            sees=_vectors(2),
        ),
        Row(name="token numbers", asks={"input": [1, 2, 3]}, sees=_vectors(3)),
        Row(
            name="`dimensions`",
            asks={"input": "Rome", "dimensions": 3},
            marks=("3",),
            sees=_vectors(1),
        ),
        Row(
            name="`encoding_format: float`",
            asks={"input": "Rome", "encoding_format": "float"},
            marks=("Rome",),
            sees=_vectors(1),
        ),
        Row(name="`user`", asks={"input": "Rome", "user": "u-77"}, marks=("u-77",)),
        Row(name="a member that nobody knows", asks={"input": "Rome", "x_unknown": 7}),
    ),
)

MODERATIONS = Surface(
    path="/v1/moderations",
    title="Moderations (`/v1/moderations`, OpenAI's Python SDK)",
    way="moderations",
    type="moderation",
    rows=(
        Row(
            name="a text",
            asks={"input": "I hate it"},
            sees=lambda answer: answer["results"][0]["flagged"],
        ),
    ),
)

RERANK = Surface(
    path="/v1/rerank",
    title="Rerank (`/v1/rerank`, plain HTTP)",
    way="rerank",
    type="rerank",
    rows=(
        Row(
            name="texts",
            asks={"query": "capital?", "documents": ["Rome", "Paris"]},
            sees=lambda answer: answer["results"][0]["index"] == 1,
        ),
    ),
)
