"""Ids of calls of tools: made where an upstream gave none, and remade where one is refused.

An id only ties a result to its call, so any other serves as well, as long as both have the same:
it is made from the old one alone.
"""

import hashlib
import re

_CHARACTERS = 9
"""Mistral takes no other length."""


def made(upstream_id: str | None, index: int, name: str) -> str:
    """Return an id for the `index`-th call of an answer, to which the upstream gave none."""
    return _short(f"{upstream_id} {index} {name}")


def fitted(call_id: str, ids: re.Pattern[str] | None) -> str:
    """Return the id, or another one in its place where a vendor takes only `ids`."""
    return call_id if ids is None or ids.fullmatch(call_id) else _short(call_id)


def _short(seed: str) -> str:
    return hashlib.blake2b(seed.encode(errors="replace")).hexdigest()[:_CHARACTERS]
