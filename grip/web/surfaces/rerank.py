"""`POST /v1/rerank`: documents in the order in which they answer a query.

Only the input is metered. Vendors read the query once beside each document, and count it as often.
"""

from typing import Any, Final

import msgspec

from grip import errors
from grip.money import estimates
from grip.providers.json_object import JsonObject
from grip.web.surfaces.content import AROUND_BODY_BYTES, covering, json_text
from grip.web.surfaces.input_only import parser

_AROUND_DOCUMENT_BYTES: Final = 16
_IMAGES: Final = ("image", "image_url", "content")
"""Where a document may have an image instead of text, or parts of both."""


class _Counted:
    """What was found in the query, or in the documents."""

    def __init__(self, items: list[Any], name: str) -> None:
        self.count = len(items)
        self.payloads: list[str] = []
        self._texts: list[str] = []
        self._images = 0
        for item in items:
            self._add(item, name)
        self.text = "\n".join(self._texts)
        near, bound = estimates.text_tokens_and_bound(self.text)
        self.near = near + self._images * estimates.IMAGE_TOKENS
        self.media_bound = self._images * estimates.IMAGE_TOKENS_BOUND
        self.bound = bound + self.media_bound

    def _add(self, item: Any, name: str) -> None:
        match item:
            case str() | {"text": str()} if isinstance(item, str) or len(item) == 1:
                self._texts.append(item if isinstance(item, str) else item["text"])
            case {"image": str(url), **rest}:
                self._add_image(url)
                self._add_other(rest)
            case dict():
                self._images += any(key in item for key in _IMAGES)
                self._add_other(item)
            case _:
                raise errors.InvalidRequest(f"{name}: it holds texts, or objects", param=name)

    def _add_image(self, url: str) -> None:
        self._images += 1
        if url.startswith("data:image/"):
            self.payloads.append(url)

    def _add_other(self, members: dict[Any, Any]) -> None:
        if members:
            self._texts.append(json_text(msgspec.json.encode(members)))


def _tokens(body: JsonObject) -> tuple[int, int]:
    """Return the tokens of the input, near the truth and bounded."""
    query = _Counted(_listed(body, "query"), "query")
    documents = _Counted(_listed(body, "documents"), "documents")
    pairs = documents.count
    framing = pairs * estimates.PER_MESSAGE_TOKENS
    near = framing + pairs * query.near + documents.near
    text = f"{query.text}\n{documents.text}"
    around = AROUND_BODY_BYTES + _AROUND_DOCUMENT_BYTES * pairs
    payloads = [*query.payloads, *documents.payloads]
    read = query.bound - query.media_bound + documents.bound - documents.media_bound
    bound = covering(body.raw, text, read, usual=around, payloads=payloads)
    again = (pairs - 1) * query.bound + query.media_bound + documents.media_bound
    return near, framing + bound + again


def _listed(body: JsonObject, name: str) -> list[Any]:
    """Return a member as a list; raises InvalidRequest where there is nothing in it."""
    kinds: Any = str | list[Any] | dict[str, Any]
    found: Any = body.get(name, kinds)
    if not found:
        raise errors.InvalidRequest(f"{name}: it is needed", param=name)
    return found if isinstance(found, list) else [found]


parse = parser("/rerank", "rerank", _tokens)
"""Returns the call in a body; raises InvalidRequest, naming the member that is wrong."""
