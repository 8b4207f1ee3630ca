"""OpenAI's embeddings by Gemini: texts in, vectors out in OpenAI's shape."""

import base64
import json
import struct
from typing import Any

import msgspec
import pytest

from grip.errors import InvalidRequest
from grip.providers.conversation import Untranslatable
from grip.providers.gemini import GeminiAdapter
from grip.providers.json_object import JsonObject
from grip.providers.port import Answer, ChannelFault, Report, RequestRefused, Target, UpstreamCall

ADAPTER = GeminiAdapter({})
TARGET = Target(base_url="https://g.example/v1beta", secret="k")
# google-embedding-2-multimodal-batch.json of @ai-sdk/google (github.com/vercel/ai), recorded.
VECTORS = b"""{
  "embeddings": [
    {
      "values": [0.5138951, 0.857853]
    },
    {
      "values": [-0.5045317, -0.8633931]
    }
  ],
  "usageMetadata": {
    "promptTokenCount": 12,
    "promptTokenDetails": [{"modality": "TEXT", "tokenCount": 12}]
  }
}"""


def _call(**body: Any) -> UpstreamCall:
    return UpstreamCall(
        path="/embeddings",
        body=JsonObject(json.dumps({"model": "e", "input": ["a", "b"]} | body).encode()),
        model="gemini-embedding-2",
        named="e",
        stream=False,
        ask_usage=False,
    )


def _answer(body: bytes = VECTORS, **asked: Any) -> Answer:
    return ADAPTER.answer(_call(**asked), body)


def test_texts_are_asked_for_in_one_batch():
    """Each with the model's name, as the API wants it."""
    asked = ADAPTER.request(_call(dimensions=2, encoding_format="base64", user="u"), TARGET)

    one = {"model": "models/gemini-embedding-2", "outputDimensionality": 2}
    assert asked.url == "https://g.example/v1beta/models/gemini-embedding-2:batchEmbedContents"
    assert json.loads(asked.body) == {
        "requests": [
            one | {"content": {"parts": [{"text": "a"}]}},
            one | {"content": {"parts": [{"text": "b"}]}},
        ]
    }


def test_a_text_of_its_own_is_a_batch_of_one():
    """And nothing is asked for that the client did not."""
    asked = json.loads(ADAPTER.request(_call(input="hi", dimensions=None), TARGET).body)

    assert asked == {
        "requests": [{"model": "models/gemini-embedding-2", "content": {"parts": [{"text": "hi"}]}}]
    }


def test_vectors_come_back_in_openais_shape_with_their_usage():
    """The numbers are the vendor's own, to the letter."""
    answer = _answer()

    assert b"[0.5138951, 0.857853]" in answer.body
    assert json.loads(answer.body) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5138951, 0.857853]},
            {"object": "embedding", "index": 1, "embedding": [-0.5045317, -0.8633931]},
        ],
        "model": "e",
        "usage": {"prompt_tokens": 12, "total_tokens": 12},
    }
    assert answer.report == Report(input_tokens=12, output_tokens=0)


def test_vectors_in_base64_are_32_bit_floats():
    """As OpenAI's SDKs ask for them, and read them."""
    first = json.loads(_answer(encoding_format="base64").body)["data"][0]["embedding"]

    assert base64.b64decode(first) == struct.pack("<2f", 0.5138951, 0.857853)


def test_what_was_not_counted_is_left_open():
    """Older models report no usage: it is for others to estimate."""
    answer = _answer(b'{"embeddings":[{"values":[1]},{"values":[]}]}')

    assert json.loads(answer.body)["usage"] is None
    assert answer.report == Report()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"embeddings":[{"values":[1]}]}',
        b'{"embeddings":[{"values":[1]},{"values":["x"]}]}',
        b'{"embeddings":[{"values":[1]},{}]}',
        b'{"error":{"code":500,"message":"internal","status":"INTERNAL"}}',
    ],
)
def test_vectors_that_are_not_all_there_are_the_channels_fault(body: bytes):
    """A success that is none."""
    with pytest.raises(ChannelFault):
        _answer(body)


def test_a_number_that_32_bits_cannot_hold_is_the_channels_fault():
    """It is garbage in a vector."""
    with pytest.raises(ChannelFault, match="vector"):
        _answer(b'{"embeddings":[{"values":[1e300]},{"values":[1]}]}', encoding_format="base64")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"input": [1, 2]}, "input"),
        ({"input": [[1, 2], [3]]}, "input"),
        ({"input": ["a", 2]}, "input"),
        ({"task_type": "x"}, "task_type"),
    ],
)
def test_what_gemini_has_no_words_for_is_refused_by_name(given: dict[str, Any], param: str):
    """Lists of tokens most of all: they are another vendor's."""
    with pytest.raises(Untranslatable, match="Gemini") as refused:
        ADAPTER.request(_call(**given), TARGET)

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": {"text": "a"}}, "input"),
        ({"dimensions": "2"}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"encoding_format": 1}, "encoding_format"),
    ],
)
def test_a_malformed_request_is_refused_by_name(given: dict[str, Any], param: str):
    """Before anything is sent."""
    with pytest.raises(InvalidRequest) as refused:
        ADAPTER.request(_call(**given), TARGET)

    assert refused.value.param == param


def test_an_input_that_nests_too_deep_is_refused():
    """However the body was made."""
    body = JsonObject(b'{"model":"e","input":' + b"[" * 900 + b"]" * 900 + b"}")
    call = msgspec.structs.replace(_call(), body=body)

    with pytest.raises(InvalidRequest):
        ADAPTER.request(call, TARGET)


def test_hints_and_nulls_are_left_out():
    """They change nothing about the vectors."""
    hints = {"user": "u", "metadata": {"a": "b"}, "safety_identifier": "s", "other": None}

    plain = ADAPTER.request(_call(), TARGET).body
    assert ADAPTER.request(_call(**hints), TARGET).body == plain


def test_too_many_texts_are_the_vendors_to_refuse():
    """Recorded: issue-16101-google-batch-embed-150-error.json of @ai-sdk/google."""
    said = "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch\n"
    body = {"error": {"code": 400, "message": said, "status": "INVALID_ARGUMENT"}}

    refused = ADAPTER.refusal(400, {}, msgspec.json.encode(body))

    assert isinstance(refused, RequestRefused)
    assert refused.error["message"] == said
