"""What an Anthropic upstream's refusal means: whose fault it is, and what the client may see.

The API's codes and types tell best. Sentences are read only as it is known to begin them, where it
gives the operator's trouble no other name than the client's.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from grip.providers.openai import refusals
from grip.providers.port import ChannelFault, RequestRefused

_REQUEST_FAULTS: Final = frozenset({400, 413, 422})
_DETAIL: Final = 2000
_OPERATORS_CODES: Final = re.compile(
    r"""
    ^(?: (?: cmek | org | organization | parent_organization | workspace | user_profile
         | linked_organization | claude_code_key | sandbox_egress | storage_quota )_\w+
      | \w+_spend_limit_reached
    )$
    """,
    re.VERBOSE,
)
_OPERATORS_SENTENCES: Final = re.compile(
    r"""
    (?: your[ ]credit[ ]balance[ ]is[ ]too[ ]low
      | you[ ]have[ ]reached[ ]your[ ]specified[ ](?:\w+[ ])?api[ ]usage[ ]limits
      | (?: this | your )[ ](?: organization | workspace | api[ ]key )[ ](?: has[ ]been | is )[ ]
        (?: disabled | suspended | on[ ]hold )
      | this[ ]credential[ ]is[ ]only[ ]authorized
    )
    """,
    re.VERBOSE,
)


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    """Return RequestRefused for what is wrong with the request, else the channel's fault."""
    if status in _REQUEST_FAULTS:
        error = _error(status, body)
        if not _is_operators(error):
            return RequestRefused(status, error)
    wait = headers.get("retry-after", "")
    return ChannelFault(
        f"status_{status}",
        body[:_DETAIL].decode(errors="replace"),
        retry_after_s=int(wait) if wait.isascii() and wait.isdigit() else None,
    )


def _error(status: int, body: bytes) -> Mapping[str, Any]:
    """Return the error with the members that OpenAI's has, Anthropic's own kept."""
    found = refusals.error_object(body)
    if found is None:
        return refusals.unexplained(status)
    kind = found.get("type")
    if not isinstance(kind, str) or not kind:
        kind = "invalid_request_error"
    details = found.get("details")
    code = details.get("error_code") if isinstance(details, dict) else found.get("code")
    return {
        **found,
        "type": kind,
        "param": found.get("param"),
        "code": code if isinstance(code, str) and code else kind,
    }


def _is_operators(error: Mapping[str, Any]) -> bool:
    return (
        _OPERATORS_CODES.match(error["code"]) is not None
        or _OPERATORS_SENTENCES.match(error["message"].lower()) is not None
        or refusals.is_operators(error)
    )
