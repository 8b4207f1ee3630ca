"""The sandbox speaks OpenAI's wire to an address that no network has."""

from typing import ClassVar, Final

import msgspec

from grip.providers.json_object import JsonObject
from grip.providers.openai import OpenAIAdapter
from grip.providers.port import Target, UpstreamCall, UpstreamRequest
from grip.providers.sandbox.script import MEDIA

SCHEME: Final = "sandbox:"


class SandboxAdapter(OpenAIAdapter):
    """An upstream in the gateway's own process."""

    native: ClassVar[frozenset[str]] = frozenset({"/chat/completions", "/embeddings", *MEDIA})

    def request(self, call: UpstreamCall, target: Target) -> UpstreamRequest:
        """Return the request, for the transport that plays scripts.

        Of a form the sandbox is told the fields, and how large its files are.
        """
        here = msgspec.structs.replace(target, base_url=SCHEME, secret=None)
        if call.form is None:
            return super().request(call, here)
        size = sum(part.size for part in call.form.parts if part.filename is not None)
        body = call.body.replace({"model": call.model, "file_bytes": size})
        alone = msgspec.structs.replace(call, form=None, body=JsonObject(body))
        return super().request(alone, here)
