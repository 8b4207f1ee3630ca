"""`POST /v1/messages`: what grip reads of a body; the rest goes through unread.

Only what money rests on is checked here, and that nothing points to what the upstream has stored.
Everything else is the upstream's to accept or refuse.
`/v1/messages/count_tokens` reads the same bodies, and costs nothing.
"""

from typing import Any, Final

from grip import errors
from grip.gateway.call import Call
from grip.providers.json_object import JsonObject
from grip.web.surfaces.chat import model_name
from grip.web.surfaces.members import refuse_lookalikes
from grip.web.surfaces.messages_content import input_tokens
from grip.web.surfaces.messages_ending import MessagesEnding
from grip.web.surfaces.messages_members import READ, refuse_unmetered
from grip.web.surfaces.stored import refuse_files

HEADERS: Final = frozenset({b"anthropic-version", b"anthropic-beta"})
"""The client's headers that say how its body is meant."""

_MAX_TOKENS: Final = 100_000_000
_ENDING: Final = MessagesEnding()
_THINKS: Final = ("enabled", "adaptive")


def parse(body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
    """Return the call in a body; raises InvalidRequest, naming the member that is wrong."""
    call = parse_count(body, request_id=request_id, key_hash=key_hash, ip=ip)
    thinking: dict[str, Any] = body.get("thinking", dict[str, Any], {})
    call.path = "/messages"
    call.stream = body.get("stream", bool, False)
    call.has_output = True
    call.output_limit = _output_limit(body, thinking)
    call.reasons = thinking.get("type") in _THINKS
    call.ending = _ENDING
    return call


def parse_count(body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
    """Return the call in a body of which only the tokens are asked for; raises InvalidRequest."""
    refuse_lookalikes(body, READ)
    refuse_unmetered(body)
    refuse_files(body, "messages", "system")
    tokens, bound = input_tokens(body)
    return Call(
        request_id=request_id,
        key_hash=key_hash,
        ip=ip,
        path="/messages/count_tokens",
        type="chat",
        body=body,
        model=model_name(body),
        has_output=False,
        input_tokens=tokens,
        input_bound=bound,
    )


def _output_limit(body: JsonObject, thinking: dict[str, Any]) -> int:
    """Return the tokens that an answer may have; none where it is only to fill a cache.

    Thoughts between calls of tools have a budget beside it, where it is the larger one.
    """
    limit = body.get("max_tokens", int)
    if limit is None:
        raise errors.InvalidRequest(
            "max_tokens: say how many tokens the answer may have", param="max_tokens"
        )
    if not 0 <= limit <= _MAX_TOKENS:
        raise errors.InvalidRequest(
            f"max_tokens: it must be from 0 to {_MAX_TOKENS}", param="max_tokens"
        )
    budget = thinking.get("budget_tokens")
    return limit + budget if isinstance(budget, int) and budget >= limit else limit
