"""How the servers that speak OpenAI's chat differ in what grip itself writes to them.

Read off a channel's address alone. Only translated requests are written in a dialect, and whether
the usage of a stream is asked for: what else a client of OpenAI's API sends goes through as it is.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """The words of one vendor.

    `limit` is the member that bounds the output; `off` is the member, and its value, that stops a
    model from thinking; `thoughts` is the member of a message in which the vendor wants to see a
    model's thoughts again, None where it has none; `seals` says that calls of tools carry Google's
    seals; `is_asked` says that streams tell their usage where `include_usage` asks for it; `ids`
    are the only ones that calls of tools may have, None where any will do.
    """

    limit: str = "max_tokens"
    off: tuple[str, Any] = ("reasoning_effort", "none")
    thoughts: str | None = None
    seals: bool = False
    is_asked: bool = True
    ids: re.Pattern[str] | None = None


COMMON: Final = Dialect()
"""Servers that are not in the list mostly know `max_tokens` alone, and leave out in silence what
they do not know: a limit that is left out costs somebody money."""

# platform.openai.com/docs/api-reference/chat: `max_tokens` is deprecated, and refused by models
# that reason. Both at once are refused as well. An id of a call above 40 characters is refused, and
# other vendors' are longer: openclaw/openclaw#875, agno-agi/agno#5382.
OPENAI: Final = Dialect(limit="max_completion_tokens", ids=re.compile(r".{1,40}"))

# A message that calls tools must keep its reasoning_content, and `thinking` turns it off:
# api-docs.deepseek.com/guides/thinking_mode, docs.z.ai/guides/capabilities/thinking-mode,
# platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model.
_THINKER: Final = Dialect(thoughts="reasoning_content", off=("thinking", {"type": "disabled"}))

_BY_HOST: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        "openai.com": OPENAI,
        "openai.azure.com": OPENAI,
        "cognitiveservices.azure.com": OPENAI,
        "services.ai.azure.com": OPENAI,
        "deepseek.com": _THINKER,
        "moonshot.ai": _THINKER,
        "moonshot.cn": _THINKER,
        "z.ai": _THINKER,
        "bigmodel.cn": _THINKER,
        # Its streams always tell their usage, and `include_usage` is an unknown member, which it
        # refuses: avante-corp/avante.nvim#2347, openai/openai-agents-python#442. Ids of calls:
        # langchain-ai/langchain#24668, anomalyco/opencode#1680.
        "mistral.ai": Dialect(is_asked=False, ids=re.compile("[a-zA-Z0-9]{9}")),
        # ai.google.dev/gemini-api/docs/thought-signatures, "OpenAI compatibility"
        "generativelanguage.googleapis.com": Dialect(seals=True),
    }
)


@lru_cache(maxsize=256)
def dialect(base_url: str) -> Dialect:
    """Return how the server at this address speaks, by its host or the domain of it."""
    labels = (urlsplit(base_url).hostname or "").split(".")
    for at in range(len(labels) - 1):
        found = _BY_HOST.get(".".join(labels[at:]))
        if found is not None:
            return found
    return COMMON
