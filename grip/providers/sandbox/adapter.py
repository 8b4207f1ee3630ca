"""The sandbox speaks OpenAI's wire to an address that no network has."""

import dataclasses
from typing import Final

from grip.providers.openai import OpenAIAdapter
from grip.providers.port import Target, UpstreamCall, UpstreamRequest

SCHEME: Final = "sandbox:"


class SandboxAdapter(OpenAIAdapter):
    """An upstream in the gateway's own process."""

    def request(self, call: UpstreamCall, target: Target) -> UpstreamRequest:
        """Return the request, for the transport that plays scripts."""
        return super().request(call, dataclasses.replace(target, base_url=SCHEME, secret=None))
