"""What an upstream's 400 means: the client's mistake, or trouble with the operator's account.

Vendors refuse a key, an empty balance or a closed account with a 400 at times. Codes and types
tell it best; sentences are read where no parameter is named, and without what they quote, since
that is often the client's own text.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from grip.providers.openai import wire

_OPERATORS: Final = re.compile(
    r"""
    ^(?: \w*(?: api_?key | auth(?:entication|orization)? | unauthori[sz]ed | permission | billing
         | quota | arrear(?:age|s)? | balance | payment | credits? )\w*
      | account\w* | access_(?:denied|terminated) | accessdenied\w* | organization\w*
    )$
    """,
    re.VERBOSE,
)
_SENTENCES: Final = re.compile(
    r"""
    \b(?: api[ ]key\b.{0,40}\b(?: invalid | incorrect | expired | not[ ]valid | missing
           | revoked | disabled | not[ ]found | required )
      | (?: invalid | incorrect | expired | missing | no | wrong | valid )[ ]api[ ]key
      | credit[ ]balance | balance[ ]is[ ](?:too[ ]low|insufficient) | in[ ]arrears | arrearage
      | (?: insufficient | not[ ]enough | out[ ]of )[ ](?: account[ ])?(?: balance | quota
           | credits? | funds )
      | exceeded[ ]your[ ](?:current[ ])?quota | quota[ ](?:has[ ]been[ ])?(?:exceeded|exhausted)
      | billing\b.{0,40}\b(?: limit | active | enabled? | disabled | details | account )
      | overdue[ ](?:payment|balance|bill)
      | account\b.{0,40}\b(?: deactivated | suspended | disabled | terminated | overdue
           | good[ ]standing | not[ ]active )
      | (?: invalid | failed )[ ]authentication | authentication[ ](?: failed | error )
      | user[ ]location[ ]is[ ]not[ ]supported
    )
    """,
    re.VERBOSE,
)
_QUOTED: Final = re.compile(
    r"'[^']*'|\"[^\"]*\"|`[^`]*`|\u2018[^\u2019]*\u2019|\u201c[^\u201d]*\u201d"
)
_NO_WORD: Final = re.compile(r"\W+")
_READ_CHARACTERS: Final = 2000


def error_object(body: bytes) -> Mapping[str, Any] | None:
    """Return the error object in a body, in whichever shape upstreams have for one.

    None where the body has none: a proxy's page, say, which may name hosts that are not public.
    """
    try:
        found = msgspec.json.decode(body)
    except wire.UNREADABLE:
        return None
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        return None
    error = found.get("error", found)
    if isinstance(error, str):
        return _made(error) if error else None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return error if error is not found else _kept(found)
    return None


def is_operators(error: Mapping[str, Any]) -> bool:
    """Return whether an error is about the operator's account rather than about the request."""
    names = (error.get("code"), error.get("type"), error.get("status"))
    words = [_NO_WORD.sub("_", name).lower() for name in names if isinstance(name, str)]
    if any(_OPERATORS.match(word) for word in words):
        return True
    if isinstance(error.get("param"), str) and error["param"]:
        return False
    said = str(error["message"])[:_READ_CHARACTERS].lower()
    return _SENTENCES.search(_QUOTED.sub("", said)) is not None


def unexplained(status: int) -> Mapping[str, Any]:
    """Return grip's own error for a refusal that gives no reason."""
    return _made(f"the upstream refused the request with status {status}")


def _kept(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the error that a body is, rather than has."""
    return {name: found.get(name) for name in ("message", "type", "param", "code")}


def _made(message: str) -> Mapping[str, Any]:
    return {
        "message": message,
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_request_error",
    }
