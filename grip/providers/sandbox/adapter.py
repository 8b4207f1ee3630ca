"""The sandbox speaks OpenAI's wire to an address that no network has."""

from typing import ClassVar, Final

import msgspec

from grip.providers.openai import OpenAIAdapter
from grip.providers.port import Target, UpstreamCall, UpstreamRequest

SCHEME: Final = "sandbox:"


class SandboxAdapter(OpenAIAdapter):
    """An upstream in the gateway's own process."""

    native: ClassVar[frozenset[str]] = frozenset({"/chat/completions", "/embeddings"})

    def request(self, call: UpstreamCall, target: Target) -> UpstreamRequest:
        """Return the request, for the transport that plays scripts."""
        here = msgspec.structs.replace(target, base_url=SCHEME, secret=None)
        return super().request(call, here)
