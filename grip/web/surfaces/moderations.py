"""`POST /v1/moderations`: texts and images in, a judgement out; only the input is metered."""

from typing import Any, Final

from grip import errors
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces.content import AROUND_BODY_BYTES, Message, Tally, covering
from grip.web.surfaces.input_only import parser

_AROUND_TEXT_BYTES: Final = 4


def _tokens(body: JsonObject) -> tuple[int, int]:
    """Return the tokens of the input, near the truth and bounded."""
    found: str | list[Any] | None = body.get("input", str | list[Any])  # type: ignore[arg-type]
    if not found:
        raise errors.InvalidRequest("input: a text or a list is needed", param="input")
    given: list[Any] = [found] if isinstance(found, str) else found
    if all(isinstance(item, str) for item in given):
        text = "\n".join(given)
        tokens, bound = estimates.text_tokens_and_bound(text)
        usual = AROUND_BODY_BYTES + _AROUND_TEXT_BYTES * len(given)
        return tokens, covering(body.raw, text, bound, usual=usual)
    if not all(isinstance(item, dict) for item in given):
        raise errors.InvalidRequest("input: a list holds texts, or parts", param="input")
    return Tally([Message(role="user", content=given)]).tokens(body.raw)


parse = parser("/moderations", "moderation", _tokens)
"""Returns the call in a body; raises InvalidRequest, naming the member that is wrong."""
