"""`POST /v1/completions`: a text, or many, or their tokens in; each is gone on with.

Reads only what money rests on. Where the client asks for an echo, what an answer repeats of its
prompt is text like any other, and only a report can tell them apart.
"""

from typing import Any, Final

import msgspec

from grip import errors
from grip.gateway.call import Call
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces.chat import MAX_CHOICES, MAX_TOKENS, count, model_name, wants_usage
from grip.web.surfaces.chat_ending import CompletionsEnding
from grip.web.surfaces.content import AROUND_BODY_BYTES, covering
from grip.web.surfaces.members import refuse_lookalikes

_AROUND_TEXT_BYTES: Final = 4
_TEXTS_OR_TOKENS: Final = "a text, or a list of texts, of token numbers, or of lists of those"


class Prompts(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be gone on with: texts, or so many `tokens`; `count` is how many there are."""

    texts: list[str]
    tokens: int
    count: int


def parse(body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
    """Return the call in a body; raises InvalidRequest, naming the member that is wrong."""
    refuse_lookalikes(body)
    prompts = _prompts(body)
    tokens, bound = _input(prompts, body)
    stream = body.get("stream", bool, False)
    shown = count(body, "n", MAX_CHOICES) or 1
    best_of = count(body, "best_of", MAX_CHOICES) or 1
    echo = body.get("echo", bool, False)
    return Call(
        request_id=request_id,
        key_hash=key_hash,
        ip=ip,
        path="/completions",
        type="chat",
        body=body,
        model=model_name(body),
        stream=stream,
        wants_usage=stream and wants_usage(body),
        input_tokens=tokens,
        input_bound=bound,
        output_limit=_output_limit(body, flows=stream and echo),
        choices=max(shown, best_of) * prompts.count,
        echoed_tokens=tokens * shown if echo else 0,
        ending=CompletionsEnding(shown * prompts.count),
    )


def _output_limit(body: JsonObject, *, flows: bool) -> int | None:
    """Return what the client allows each answer; 0 is a limit, for who wants only the echo.

    An echo that flows is not bounded by it: it is held for as it comes.
    """
    limit = body.get("max_tokens", int)
    if limit is not None and not 0 <= limit <= MAX_TOKENS:
        raise errors.InvalidRequest(
            f"max_tokens: it must be from 0 to {MAX_TOKENS}", param="max_tokens"
        )
    return None if flows else limit


def _prompts(body: JsonObject) -> Prompts:
    """Return the prompts; where none is named, the upstream has one of its own."""
    found: str | list[Any] | None = body.get("prompt", str | list[Any])  # type: ignore[arg-type]
    given = [found] if isinstance(found, str) else found or []
    more = _embeds(body)
    if all(isinstance(item, str) for item in given):
        return Prompts(texts=given, tokens=0, count=max(len(given) + more, 1))
    lists = given if all(isinstance(item, list) for item in given) else [given]
    if not all(type(token) is int for tokens in lists for token in tokens):
        raise errors.InvalidRequest(f"prompt: it is {_TEXTS_OR_TOKENS}", param="prompt")
    return Prompts(texts=[], tokens=sum(map(len, lists)), count=len(lists) + more)


def _embeds(body: JsonObject) -> int:
    """Return how many prompts vLLM is given as vectors."""
    found: str | list[Any] | None = body.get("prompt_embeds", str | list[Any])  # type: ignore[arg-type]
    return len(found) if isinstance(found, list) else found is not None


def _input(prompts: Prompts, body: JsonObject) -> tuple[int, int]:
    """Return the tokens of the input, near the truth and bounded for the hold."""
    suffix = body.get("suffix", str)
    text = "\n".join(prompts.texts if suffix is None else [*prompts.texts, suffix])
    near, bound = estimates.text_tokens_and_bound(text)
    raw = body.raw.replace(body.text_of("prompt"), b"", 1) if prompts.tokens else body.raw
    usual = AROUND_BODY_BYTES + _AROUND_TEXT_BYTES * len(prompts.texts)
    bound = covering(raw, text, bound, usual=usual)
    return prompts.tokens + near, prompts.tokens + bound
