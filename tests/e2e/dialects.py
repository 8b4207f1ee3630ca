"""Bodies in the spelling of vendors of whom no recording is at hand, for tests of fidelity.

Written by hand after each vendor's documentation: the order of members, the blanks, the comments,
the members of their own and the ways to tell the use that set them apart.
"""
# ruff: noqa: E501 - bodies are as long as they are

import json
from typing import Any

DONE = b"data: [DONE]\n\n"


def _chunk(name: str, delta: Any, *, finish: Any = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    told = {"id": name, "object": "chat.completion.chunk", "created": 1_761_000_000}
    return {**told, "model": "m", "choices": [choice], **more}


def _lines(*chunks: dict[str, Any], tight: bool = True) -> bytes:
    blanks = (",", ":") if tight else (", ", ": ")
    texts = (json.dumps(one, separators=blanks, ensure_ascii=False) for one in chunks)
    return b"".join(f"data: {text}\n\n".encode() for text in texts)


_USED = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
_LAST = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": []}
_CALL = {
    "index": 0,
    "id": "call_a",
    "type": "function",
    "function": {"name": "get_weather", "arguments": ""},
}
_LOGPROBS = {"content": [{"token": "Hé", "logprob": -0.31, "bytes": [72, 195], "top_logprobs": []}]}

STREAMS: dict[str, tuple[bytes, bytes]] = {
    "OpenAI, padded, with logprobs": (
        _lines(
            _chunk("c", {"role": "assistant", "content": "", "refusal": None}, obfuscation="Lq8"),
            _chunk("c", {"content": "Hé"}, obfuscation="x9Zk"),
            {
                **_chunk("c", {}),
                "choices": [
                    {
                        "index": 0,
                        "delta": {"content": "!"},
                        "logprobs": _LOGPROBS,
                        "finish_reason": None,
                    }
                ],
            },
            _chunk("c", {}, finish="stop", service_tier="default", system_fingerprint="fp_1"),
        ),
        _lines({**_LAST, "usage": {**_USED, "prompt_tokens_details": {"cached_tokens": 4}}}),
    ),
    "OpenAI, calling tools": (
        _lines(
            _chunk("c", {"role": "assistant", "content": None, "tool_calls": [_CALL]}),
            _chunk("c", {"tool_calls": [{"index": 0, "function": {"arguments": '{"ci'}}]}),
            _chunk("c", {"tool_calls": [{"index": 0, "function": {"arguments": 'ty":"Paris"}'}}]}),
            _chunk("c", {}, finish="tool_calls"),
        ),
        _lines({**_LAST, "usage": _USED}),
    ),
    "OpenAI, refusing": (
        _lines(
            _chunk("c", {"role": "assistant", "content": None, "refusal": ""}),
            _chunk("c", {"refusal": "I can't help with that."}),
            _chunk("c", {}, finish="stop"),
        ),
        _lines({**_LAST, "usage": _USED}),
    ),
    "Azure, filtering the prompt first": (
        _lines(
            {
                "choices": [],
                "created": 0,
                "id": "",
                "model": "",
                "object": "",
                "prompt_filter_results": [
                    {
                        "prompt_index": 0,
                        "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}},
                    }
                ],
            },
            _chunk("c", {"role": "assistant", "content": "Hello"}, content_filter_offsets=None),
            _chunk("c", {}, finish="stop"),
        ),
        _lines({**_LAST, "usage": _USED}),
    ),
    "DeepSeek, thinking": (
        _lines(
            _chunk("c", {"role": "assistant", "content": None, "reasoning_content": ""}),
            _chunk("c", {"content": None, "reasoning_content": "9.11 和 9.8。"}),
            _chunk("c", {"content": "9.8", "reasoning_content": None}),
        )
        + b": keep-alive\n\n"
        + _lines(_chunk("c", {"content": ""}, finish="stop")),
        _lines(
            {
                **_LAST,
                "usage": {**_USED, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6},
            }
        ),
    ),
    "OpenRouter, with comments": (
        b": OPENROUTER PROCESSING\n\n" * 3
        + _lines(
            _chunk(
                "gen-1", {"role": "assistant", "content": "", "reasoning": "Hm"}, provider="Groq"
            ),
            _chunk("gen-1", {"role": "assistant", "content": "Hello"}, provider="Groq"),
        )
        + b": OPENROUTER PROCESSING\n\n"
        + _lines(_chunk("gen-1", {"content": ""}, finish="stop", native_finish_reason="stop")),
        _lines({**_LAST, "usage": {**_USED, "cost": 0.00042, "is_byok": False}}),
    ),
    "vLLM, loosely spelled": (
        _lines(
            _chunk("chatcmpl-1", {"role": "assistant", "content": ""}, prompt_token_ids=None),
            _chunk("chatcmpl-1", {"content": "Hello"}, token_ids=None),
            _chunk("chatcmpl-1", {"content": ""}, finish="stop", stop_reason=None),
            tight=False,
        ),
        _lines({**_LAST, "usage": _USED}, tight=False),
    ),
    "Ollama": (
        _lines(
            _chunk(
                "chatcmpl-7", {"role": "assistant", "content": "He"}, system_fingerprint="fp_ollama"
            ),
            _chunk("chatcmpl-7", {"role": "assistant", "content": "llo"}),
            _chunk("chatcmpl-7", {"role": "assistant", "content": ""}, finish="stop"),
        ),
        _lines({**_LAST, "usage": _USED}),
    ),
    "with line ends of Windows": (
        _lines(
            _chunk("c", {"role": "assistant", "content": "Hello"}), _chunk("c", {}, finish="stop")
        ).replace(b"\n", b"\r\n"),
        _lines({**_LAST, "usage": _USED}).replace(b"\n", b"\r\n"),
    ),
}
"""Streams of chat up to their usage, and the chunk that tells nothing else."""

TOLD_WITHIN: dict[str, bytes] = {
    "Groq, telling the use twice": _lines(
        _chunk("c", {"role": "assistant", "content": "Hello"}, x_groq={"id": "req_1"}),
        _chunk(
            "c",
            {},
            finish="stop",
            x_groq={"id": "req_1", "usage": {**_USED, "queue_time": 0.01}},
            usage=_USED,
        ),
    ),
    "Mistral, in the last chunk": _lines(
        _chunk("c", {"role": "assistant", "content": ""}),
        _chunk(
            "c", {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]}
        ),
        _chunk("c", {"content": "Bonjour"}, p="abcdef"),
        _chunk("c", {"content": ""}, finish="stop", usage=_USED),
    ),
    "Together, with null before": _lines(
        _chunk("c", {"role": "assistant", "content": "Hello", "token_id": 1}, usage=None),
        _chunk("c", {"content": ""}, finish="stop", usage=_USED),
    ),
}
"""Streams that tell their use in a chunk that says more: it stays where it is."""

_TOLD: list[tuple[str, dict[str, Any]]] = [
    (
        "response.created",
        {
            "response": {
                "id": "resp_1",
                "status": "in_progress",
                "output": [],
                "tools": [{"type": "function", "name": "f", "strict": True}],
                "usage": None,
            }
        },
    ),
    (
        "response.in_progress",
        {"response": {"id": "resp_1", "status": "in_progress", "output": []}},
    ),
    (
        "response.output_item.added",
        {"output_index": 0, "item": {"id": "rs_1", "type": "reasoning", "summary": []}},
    ),
    (
        "response.reasoning_summary_text.delta",
        {
            "item_id": "rs_1",
            "output_index": 0,
            "summary_index": 0,
            "delta": "Hm",
            "obfuscation": "aZ",
        },
    ),
    (
        "response.function_call_arguments.delta",
        {"item_id": "fc_1", "output_index": 1, "delta": '{"a":', "obfuscation": "q"},
    ),
    (
        "response.function_call_arguments.done",
        {"item_id": "fc_1", "output_index": 1, "arguments": '{"a":1}'},
    ),
    (
        "response.output_text.delta",
        {
            "item_id": "msg_1",
            "output_index": 2,
            "content_index": 0,
            "delta": "H\u00e9llo",
            "logprobs": [],
        },
    ),
    ("response.some_event_of_tomorrow", {"x": [1.50, None]}),
    (
        "response.completed",
        {
            "response": {
                "id": "resp_1",
                "status": "completed",
                "output": [],
                "usage": {
                    "input_tokens": 10,
                    "input_tokens_details": {"cached_tokens": 2},
                    "output_tokens": 5,
                    "output_tokens_details": {"reasoning_tokens": 3},
                    "total_tokens": 15,
                },
            }
        },
    ),
]
RESPONSES = b"".join(
    f"event: {kind}\ndata: {json.dumps({'type': kind, **told, 'sequence_number': at}, separators=(',', ':'))}\n\n".encode()
    for at, (kind, told) in enumerate(_TOLD)
)

WHOLE: dict[str, tuple[str, bytes]] = {
    "chat of DeepSeek": ("/v1/chat/completions", b'\n\n\n{"id":"c","object":"chat.completion","created":1761000000,"model":"deepseek-reasoner","choices":[{"index":0,"message":{"role":"assistant","content":"9.8","reasoning_content":"\xe6\xaf\x94"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6},"system_fingerprint":"fp_1"}'),
    "chat of Groq": ("/v1/chat/completions", b'{"id":"c","object":"chat.completion","created":1761000000,"model":"llama","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"logprobs":null,"finish_reason":"stop"}],"usage":{"queue_time":0.037493756,"prompt_tokens":10,"prompt_time":0.000680594,"completion_tokens":5,"completion_time":0.463333333,"total_tokens":15,"total_time":0.464013927},"system_fingerprint":"fp_2","x_groq":{"id":"req_1"}}\n'),
    "chat of Ollama": ("/v1/chat/completions", b'{"id":"chatcmpl-7","object":"chat.completion","created":1761000000,"model":"llama3.2","system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{"role":"assistant","content":"a \\u003c b \\u0026 c"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}\n'),
    "completions of OpenAI": ("/v1/completions", b'{\n  "id": "cmpl-1",\n  "object": "text_completion",\n  "created": 1761000000,\n  "model": "gpt-3.5-turbo-instruct",\n  "choices": [\n    {\n      "text": "\\n\\nThis is a test",\n      "index": 0,\n      "logprobs": null,\n      "finish_reason": "length"\n    }\n  ],\n  "usage": {\n    "prompt_tokens": 5,\n    "completion_tokens": 6,\n    "total_tokens": 11\n  }\n}\n'),
    "embeddings of OpenAI": ("/v1/embeddings", b'{\n  "object": "list",\n  "data": [\n    {\n      "object": "embedding",\n      "index": 0,\n      "embedding": [\n        0.0023064255,\n        -0.009327292,\n        -2.8842222e-05\n      ]\n    }\n  ],\n  "model": "text-embedding-3-small",\n  "usage": {\n    "prompt_tokens": 8,\n    "total_tokens": 8\n  }\n}\n'),
    "embeddings in base64": ("/v1/embeddings", b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPgAAAL8AAIA/"}],"model":"m","usage":{"prompt_tokens":8,"total_tokens":8}}'),
    "moderations of OpenAI": ("/v1/moderations", b'{\n  "id": "modr-1",\n  "model": "omni-moderation-latest",\n  "results": [\n    {\n      "flagged": true,\n      "categories": {"violence": true, "self-harm": false},\n      "category_scores": {"violence": 0.9999, "self-harm": 1.1726e-06},\n      "category_applied_input_types": {"violence": ["image"]}\n    }\n  ]\n}'),
    "rerank of Jina": ("/v1/rerank", b'{"model":"jina-reranker-v2","object":"list","usage":{"total_tokens":15},"results":[{"index":0,"relevance_score":0.8783142566680908,"document":{"text":"b"}},{"index":1,"relevance_score":0.00001}]}'),
    "rerank of Cohere": ("/v1/rerank", b'{"id":"07734bd2","results":[{"index":3,"relevance_score":0.999071}],"meta":{"api_version":{"version":"2","is_experimental":false},"billed_units":{"search_units":1}}}'),
    "a message of Anthropic": ("/v1/messages", b'{"model":"claude-opus-4-1","id":"msg_01","type":"message","role":"assistant","content":[{"type":"thinking","thinking":"Let me \\u2026","signature":"EqQBCgIYAhIM"},{"type":"redacted_thinking","data":"EmwKAhgBEgy3"},{"type":"text","text":"H\xc3\xa9llo"},{"type":"tool_use","id":"toolu_01","name":"get_weather","input":{"location": "Paris",  "n": 1.50}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":0},"output_tokens":5,"service_tier":"standard"}}'),
    "a count of Anthropic": ("/v1/messages/count_tokens", b'{"input_tokens": 2095, "context_management": {"original_input_tokens": 3000}}'),
}  # fmt: skip
"""Whole answers, with the routes that they belong to."""
