"""What an adapter takes and gives: the port between the request path and the vendors' wires."""

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from grip.providers.form import Form, Upload
from grip.providers.json_object import JsonObject


class Target(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a channel's calls go: its base URL without a trailing slash, and its secret."""

    base_url: str
    secret: str | None


class UpstreamCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call to be put on the wire.

    `path` is the route that the client called, behind `/v1`, and says on which wire `body` is;
    `model` is what this upstream calls the model, `named` what the client does; `ask_usage` asks
    for the usage chunk of a stream. `headers` are the client's own, where they belong to its wire
    (`anthropic-beta`); `created_s` is when the call came in. `max_output` is the most tokens that
    the model may generate where the client set no limit, for the wires that demand one. `form` is
    what was sent instead of JSON, and `body` then has its fields.
    """

    path: str
    body: JsonObject
    model: str
    named: str = ""
    stream: bool
    ask_usage: bool
    headers: tuple[tuple[str, str], ...] = ()
    created_s: int = 0
    max_output: int | None = None
    form: Form | None = None


class UpstreamRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An HTTP request, ready to be sent; an `upload` is its body instead of `body`."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    upload: Upload | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an upstream reported of its use; None where it did not say.

    `input_tokens` include those read from a cache and those written to one; `images` are those in
    the answer, `begun` those that it has shown previews of and not finished, `seconds` how long the
    upstream found the sound to be, rounded up.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    images: int | None = None
    begun: int = 0
    seconds: int | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A whole answer: its bytes for the client, what it reported, and the text it generated.

    `text` is what an estimate of the output is taken from, where nothing was reported.
    """

    body: bytes
    report: Report
    text: str
    upstream_id: str | None
    content_type: str = "application/json"


class StreamEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event of a stream: its bytes, and what they mean.

    `unread` is above 0 where this is a run of so many events that carry nothing but text, which
    nobody has looked at yet: `StreamReader.text` does. `is_usage` marks the chunk that carries
    nothing but the usage, `payload` being its JSON, `is_end` the `[DONE]`, and `is_comment` an
    event without data, as some servers send while they wait. Nothing comes after the end.
    `is_head` marks one that shows the answer as it begins, `payload` being its JSON.
    `block` is the content block that is open from here on, on a wire that numbers them; None where
    that does not change, -1 where none is.
    """

    data: bytes
    payload: bytes = b""
    unread: int = 0
    text: str = ""
    report: Report | None = None
    is_usage: bool = False
    is_end: bool = False
    is_comment: bool = False
    is_head: bool = False
    block: int | None = None
    upstream_id: str | None = None


class StreamReader(Protocol):
    """Turns the bytes of one stream into events, whatever the cuts between them."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events that are complete; raises ChannelFault on an error in the stream."""

    def text(self, data: bytes) -> str:
        """Return what was generated in the bytes of unread events."""

    def close(self) -> list[StreamEvent]:
        """Return what is left at the end; raises ChannelFault where the stream was cut."""


class Adapter(Protocol):
    """The wire of one vendor; `paths` are the routes of clients that it can answer on."""

    @property
    def paths(self) -> Collection[str]:
        """The routes behind `/v1`."""

    def request(self, call: UpstreamCall, target: Target) -> UpstreamRequest:
        """Return the request that carries `call` to `target`."""

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        """Return what an answer that is no success means: RequestRefused or ChannelFault."""

    def answer(self, call: UpstreamCall, body: bytes, content_type: str = "") -> Answer:
        """Read the body of a success; raises ChannelFault where it is none after all.

        `content_type` is what the upstream calls it, where it said.
        """

    def stream(self, call: UpstreamCall) -> StreamReader:
        """Return a reader for the body of a streaming success."""


class ChannelFault(Exception):
    """The channel failed, not the request: the next one may be tried.

    `reason` is a short word for logs and health (`status_503`, `timeout`, `garbage`, …);
    `retry_after_s` is what the upstream asked for.
    """

    def __init__(self, reason: str, detail: str = "", *, retry_after_s: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s


class RequestRefused(Exception):
    """The upstream refused the request itself; `error` is its error object for the client."""

    def __init__(self, status: int, error: Mapping[str, object]) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.error = error
        self.standings: tuple[object, object] = (None, None)
