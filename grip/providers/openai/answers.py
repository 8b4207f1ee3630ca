"""Whole answers of each route, known by their own shape, with what they report of their use.

What does not look like a success of its route is the channel's fault, whatever its status said.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from grip.providers.openai import media_answers, responses, wire
from grip.providers.port import Answer, ChannelFault, Report

_DETAIL: Final = 2000


class Results(msgspec.Struct):
    """An answer of moderations or rerank; `meta` is where Cohere and its kin count."""

    id: Any = None
    results: list[Any] | None = None
    usage: Any = None
    meta: Any = None
    error: Any = None


_results = msgspec.json.Decoder(Results)


def chat(body: bytes) -> Answer:
    """Read an answer of chat or completions: one with `choices`."""
    read = decoded(body)
    if read.choices is None:
        raise ChannelFault("garbage", "no choices in the answer")
    return Answer(
        body=body,
        report=wire.report(read.usage),
        text=read.text(),
        upstream_id=read.upstream_id,
    )


def embeddings(body: bytes) -> Answer:
    """Read an answer of embeddings: a list under `data`, and no output to be paid."""
    read = decoded(body)
    if not bytes(read.data).startswith(b"["):
        raise ChannelFault("garbage", "no list of data in the answer")
    report = wire.report(read.usage)
    if report.output_tokens is None:
        report = Report(input_tokens=report.input_tokens, output_tokens=0)
    return Answer(body=body, report=report, text="", upstream_id=read.upstream_id)


def moderations(body: bytes) -> Answer:
    """Read an answer of moderations; only the input is metered, which OpenAI does not report."""
    read = _listed(body)
    report = wire.report(read.usage)
    return Answer(
        body=body,
        report=Report(input_tokens=report.input_tokens, output_tokens=report.output_tokens or 0),
        text="",
        upstream_id=wire.kept_id(read.id),
    )


def rerank(body: bytes) -> Answer:
    """Read an answer of rerank, in Jina's, vLLM's or Cohere's words; only the input is metered.

    Where an upstream counts searches instead of tokens, the tokens are not said.
    """
    read = _listed(body)
    input_tokens = _reranked(read.usage, read.meta)
    return Answer(
        body=body,
        report=Report(input_tokens=input_tokens, output_tokens=0),
        text="",
        upstream_id=wire.kept_id(read.id),
    )


READERS: Final[dict[str, Callable[[bytes], Answer]]] = {
    "/chat/completions": chat,
    "/completions": chat,
    "/embeddings": embeddings,
    "/responses": responses.answer,
    "/moderations": moderations,
    "/rerank": rerank,
    "/images/generations": media_answers.images,
    "/images/edits": media_answers.images,
    "/audio/transcriptions": media_answers.transcript,
}
"""The routes that are OpenAI's own, and who reads their answers; speech answers no text at all."""


def decoded(body: bytes) -> wire.Body:
    """Return the body of a success; raises ChannelFault where it is none, or carries an error."""
    try:
        read = wire.decode(body)
    except wire.UNREADABLE as error:
        raise ChannelFault("garbage", str(error)) from None
    if read.error is not None:
        raise ChannelFault("error_in_answer", str(read.error)[:_DETAIL])
    return read


def _listed(body: bytes) -> Results:
    read: Results = wire.read_success(_results, body)
    if read.results is None:
        raise ChannelFault("garbage", "no results in the answer")
    return read


def _reranked(usage: Any, meta: Any) -> int | None:
    """Return the tokens that were read, in whichever place they are counted."""
    found = meta if isinstance(meta, dict) else {}
    for counts in (usage, found.get("tokens"), found.get("billed_units")):
        if not isinstance(counts, dict):
            continue
        for name in ("total_tokens", "input_tokens", "prompt_tokens"):
            tokens = wire.count(counts.get(name))
            if tokens is not None:
                return tokens
    return None
