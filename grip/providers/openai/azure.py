"""Azure OpenAI: OpenAI's wire at addresses of its own, with the key in a header of its own.

A channel's base URL says which form is spoken:

- `https://NAME.openai.azure.com?api-version=2024-10-21`: the deployment is in the path, and is what
  the channel maps the model to
- `https://NAME.openai.azure.com/openai/v1`: the deployment is in the body, and no version is needed

Wire facts: Microsoft Learn, "Azure OpenAI API version lifecycle", "REST API reference" and
"Content filtering".
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, Final
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

import msgspec

from grip.providers.openai.adapter import Headers, OpenAIAdapter
from grip.providers.openai.dialects import OPENAI, Dialect
from grip.providers.port import ChannelFault, RequestRefused, Target

_V1: Final = "/openai/v1"
_OPENAI: Final = "/openai"
_WITHOUT_DEPLOYMENT: Final = frozenset({"/responses"})
"""The routes that name the deployment in the body in either form."""
_OPERATORS: Final = frozenset({"deploymentnotfound", "operationnotsupported"})
"""Codes, in small letters, of what no client can mend: a deployment that is not there, or does not
have this route."""
_VERSION: Final = "api version not supported"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A base URL, read: its part before the deployment, the query, and which form it is."""

    root: str
    query: str
    is_v1: bool


@lru_cache(maxsize=256)
def address(base_url: str) -> Address:
    """Read a channel's base URL; raises ValueError, saying what to do, where it is unclear."""
    parts = urlsplit(base_url)
    path = parts.path.rstrip("/")
    if "/deployments" in path:
        raise ValueError("leave the deployment out of the address: a model is mapped to it")
    is_v1 = path.endswith(_V1)
    if not is_v1:
        if not parse_qs(parts.query).get("api-version"):
            raise ValueError(
                f"end the address with {_V1}, or name a version: ?api-version=2024-10-21"
            )
        path = path.removesuffix(_OPENAI) + _OPENAI
    root = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
    return Address(root=root, query=f"?{parts.query}" if parts.query else "", is_v1=is_v1)


class AzureAdapter(OpenAIAdapter):
    """A resource of Azure OpenAI."""

    native: ClassVar[frozenset[str]] = frozenset(
        {
            "/chat/completions",
            "/completions",
            "/embeddings",
            "/responses",
            "/images/generations",
            "/images/edits",
            "/audio/speech",
            "/audio/transcriptions",
        }
    )

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        """Return RequestRefused for what is wrong with the request, else the channel's fault."""
        refusal = super().refusal(status, headers, body)
        if isinstance(refusal, RequestRefused) and _is_operators(refusal.error):
            return ChannelFault(f"status_{status}", str(refusal.error.get("message")))
        return refusal

    def _url(self, path: str, model: str, target: Target) -> str:
        try:
            found = address(target.base_url)
        except ValueError as error:
            raise ChannelFault("misconfigured", str(error)) from None
        if not (found.is_v1 or path in _WITHOUT_DEPLOYMENT):
            path = f"/deployments/{quote(model, safe='')}{path}"
        return found.root + path + found.query

    def _credentials(self, target: Target) -> Headers:
        return () if target.secret is None else (("api-key", target.secret),)

    def _dialect(self, target: Target) -> Dialect:  # noqa: ARG002 - the same at every address
        return OPENAI


def _is_operators(error: Mapping[str, object]) -> bool:
    if error.get("param"):
        return False
    if str(error.get("code", "")).lower() in _OPERATORS:
        return True
    return _VERSION in str(error.get("message", "")).lower()
