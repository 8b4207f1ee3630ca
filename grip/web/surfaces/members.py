"""The members of a body that grip reads, and what could be taken for one of them.

Some upstreams match names without regard to case: a body with `Max_Tokens` would be held for by
what grip reads and served by what it does not.
"""

import unicodedata
from collections.abc import Collection, Iterable
from typing import Final

from grip import errors
from grip.providers.json_object import JsonObject

READ: Final = frozenset(
    {
        "background",
        "best_of",
        "conversation",
        "data_sources",
        "documents",
        "echo",
        "functions",
        "input",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "messages",
        "model",
        "n",
        "previous_response_id",
        "prompt",
        "prompt_embeds",
        "query",
        "response_format",
        "stream",
        "stream_options",
        "tools",
        "web_search_options",
    }
)
"""The names that grip reads or refuses, over all surfaces."""


def refuse_lookalikes(body: JsonObject, read: Collection[str] = READ) -> None:
    """Raise InvalidRequest where a name differs from one that grip reads in its letters' case."""
    refuse_lookalike_names(body.names, read)


def refuse_lookalike_names(names: Iterable[str], read: Collection[str]) -> None:
    """Raise InvalidRequest where a name differs from one that is read in its letters' case."""
    for name in names:
        if name not in read and (meant := _folded(name)) in read:
            raise errors.InvalidRequest(f"{name!r}: write it {meant!r}", param=name)


def _folded(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
