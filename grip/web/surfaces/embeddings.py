"""`POST /v1/embeddings`: texts or token lists in, vectors out; only the input is metered."""

from typing import Any, Final

from grip import errors
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces.content import AROUND_BODY_BYTES, covering
from grip.web.surfaces.input_only import parser

_AROUND_TEXT_BYTES: Final = 4


def _tokens(body: JsonObject) -> tuple[int, int]:
    """Return the tokens of the input, near the truth and bounded.

    Token lists are exact; what stands beside the input counts by its bytes.
    """
    found: str | list[Any] | None = body.get("input", str | list[Any])  # type: ignore[arg-type]
    if not found:
        raise errors.InvalidRequest("input: a text or a list is needed", param="input")
    if isinstance(found, str):
        found = [found]
    if all(isinstance(item, str) for item in found):
        text = "\n".join(found)
        tokens, bound = estimates.text_tokens_and_bound(text)
        return tokens, covering(body.raw, text, bound, usual=_usual(found))
    tokens = _token_count(found)
    rest = body.raw.replace(body.text_of("input"), b"", 1)
    return tokens, tokens + covering(rest, "", 0)


def _usual(found: list[Any]) -> int:
    return AROUND_BODY_BYTES + _AROUND_TEXT_BYTES * len(found)


def _token_count(found: list[Any]) -> int:
    lists = found if all(isinstance(item, list) for item in found) else [found]
    if not all(type(token) is int for tokens in lists for token in tokens):
        raise errors.InvalidRequest(
            "input: a list holds texts, or token numbers, or lists of those", param="input"
        )
    return sum(len(tokens) for tokens in lists)


parse = parser("/embeddings", "embedding", _tokens)
"""Returns the call in a body; raises InvalidRequest, naming the member that is wrong."""
