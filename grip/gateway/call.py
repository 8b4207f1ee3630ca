"""What one request carries through the gateway."""

import time
from collections.abc import Collection
from typing import Protocol

import msgspec

from grip.money.entries import Admitted, Facts, Settled
from grip.money.limits import Standing
from grip.money.pricing import Rates, Usage
from grip.providers.form import Form
from grip.providers.json_object import JsonObject
from grip.store.health import Ailment
from grip.store.records import Caller, Catalog, Channel, Model, ProviderPolicy


class Ending(Protocol):
    """How the last events of a stream look on the wire of the surface that it came through."""

    end: bytes
    content_type: str

    def usage(self, call: "Call", of: "Told", usage: Usage, cost_nano: int) -> bytes:
        """Return the event that tells the usage and its cost."""

    def length(self, call: "Call", of: "Told") -> bytes:
        """Return the event that ends every answer at its length."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream has told of itself: its id, its time, and the JSON and bytes of its usage.

    `block` is the content block that is still open, -1 where none is, on a wire that numbers them;
    `input_tokens` and `output_tokens` are what is charged for. `head` is the JSON of the event that
    showed the answer as it began, where the wire has one, and `events` is how many were sent.
    """

    stream_id: str
    created_s: int
    usage_payload: bytes | None
    usage_event: bytes = b""
    block: int = -1
    input_tokens: int = 0
    output_tokens: int = 0
    head: bytes = b""
    events: int = 0


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """What a request for media tells of its units before anyone has answered.

    `images` are asked for; `seconds` is how long the sound is that was sent, near the truth, and
    `seconds_bound` at the most; `characters` are to be spoken. `output_tokens` is the estimate of
    what is generated for each image, or in all where there is none.
    """

    images: int = 0
    seconds: int = 0
    seconds_bound: int = 0
    characters: int = 0
    output_tokens: int = 0


class CallSpan(Protocol):
    """The trace of one call, where somebody wants traces."""

    def attempt(self, attempt: "Attempt") -> None:
        """Hear that a channel is asked."""

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the headers that tell an upstream of the attempt that is under way."""
        ...

    def charged(self, facts: Facts) -> None:
        """Hear what the call used."""

    def end(self, call: "Call", operation: str, model: str, why: str) -> None:
        """Hear that it is over; `why` is empty where all went well."""


class Spans(Protocol):
    """Makes traces of calls, and sends them."""

    def begin(self, call: "Call", traceparent: bytes | None) -> CallSpan:
        """Return the trace of a call, below its client's own where this header tells of one."""
        ...

    async def stop(self) -> None:
        """Send what waits, within bounds."""


class Attempt(msgspec.Struct):
    """One channel that was asked for a call, `begun` on the clock of `Call.started`.

    `ended` is None while it is asked. Without a `reason` it serves; else that is why it did not,
    or broke, with a `detail` for the operator.
    """

    candidate: "Candidate"
    begun: float
    ended: float | None = None
    reason: str = ""
    detail: str = ""


class Call(msgspec.Struct, kw_only=True):
    """A request as it came in, read as far as the gateway needs it.

    `path` is the route behind `/v1`, `type` the model type that serves it. `input_tokens` is the
    estimate near the truth, `input_bound` the careful one that a hold is made of. `output_limit`
    is what the client allows each of `choices` answers; None where it did not say. `has_output`
    is false where nothing is generated (embeddings), `reasons` true where the client asked for
    thoughts that it may not see, and `echoed_tokens` is the estimate of what the answer repeats of
    the input. `idem_key` is the client's Idempotency-Key, `fingerprint` the
    SHA-256 of what came with it. `headers` are the client's own that go along, names in small
    letters. `media` is there where not all is text; `form` is what was sent instead of JSON, and
    `body` then has its fields. `units` are the rates that the route counts by, where they are not
    those of the type. `attempts` are the channels that were asked so far. `admitted`, `answered`
    and `settled` are when the hold was in the books, the charge was asked for, and was on disk, on
    the clock of `started`; 0 before. `span` is its trace, where there are any.
    """

    request_id: str
    key_hash: str
    ip: str
    path: str
    type: str
    body: JsonObject
    model: str
    stream: bool = False
    wants_usage: bool = False
    has_output: bool = True
    input_tokens: int
    input_bound: int
    output_limit: int | None = None
    choices: int = 1
    reasons: bool = False
    echoed_tokens: int = 0
    ending: Ending | None = None
    idem_key: str | None = None
    fingerprint: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    media: Media | None = None
    form: Form | None = None
    units: frozenset[str] | None = None
    started: float = msgspec.field(default_factory=time.monotonic)
    created_s: int = 0
    first_byte_ms: int = 0
    attempts: list[Attempt] = []
    admitted: float = 0.0
    answered: float = 0.0
    settled: float = 0.0
    span: CallSpan | None = None

    def elapsed_ms(self) -> int:
        """Return the milliseconds since the request came in."""
        return int((time.monotonic() - self.started) * 1000)


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A model that may serve the call, and the version of its price that holds for it."""

    model: Model
    price_id: str
    sell: Rates


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that may serve the call, as which model, and what it is called there.

    `buy` is what the operator pays to this channel for it.
    """

    channel: Channel
    offer: Offer
    upstream_model: str
    buy: Rates


class Route(msgspec.Struct, kw_only=True):
    """What a call's choices were made of, which holds until the catalog changes.

    `units` are those of the call. `told` is the id under which its detail is kept, once somebody
    has told of it.
    """

    catalog: Catalog
    caller: Caller
    model: Model
    reach: "Reach"
    units: Collection[str] | None = None
    told: str | None = None


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How far a call may go: what narrows the channels of a model.

    `allowed` are the groups that key, tier and wallet allow, None allows all; `providers` is the
    wallet's policy; `kinds` are those of channels that can answer on the route that was called;
    `attempts` is how many channels of one model are tried.
    """

    allowed: tuple[frozenset[str] | None, ...] = ()
    providers: ProviderPolicy | None = None
    kinds: Collection[str]
    region: str = ""
    attempts: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, and which models may serve through which channels, best first.

    The first of `offers` is the model that the client named, the others are its fallbacks; of
    these, only those are here that a channel may serve. `route` is where the candidates come from,
    and `sick` what was wrong with some of them at that moment: for the call's detail.
    """

    caller: Caller
    offers: tuple[Offer, ...]
    candidates: tuple[Candidate, ...]
    catalog_version: int
    route: "Route | None" = None
    sick: tuple[Ailment, ...] = ()


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A call whose hold is in the books: `held_nano`, which covers `held_tokens` of output."""

    plan: Plan
    admitted: Admitted
    held_nano: int
    held_tokens: int

    def fallback(self, candidate: Candidate) -> str | None:
        """Return the model that serves where it is not the one that the client named."""
        return None if candidate.offer is self.plan.offers[0] else candidate.offer.model.name

    @property
    def standings(self) -> tuple[Standing | None, Standing | None]:
        """How the limits on requests and tokens stand, for the headers of the answer."""
        return self.admitted.requests, self.admitted.tokens


class Completed(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer and what it was charged; `fallback` is the model that served instead."""

    body: bytes
    content_type: str
    admitted: Admitted
    settled: Settled
    fallback: str | None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The usage of a call and its cost to the customer; `buy_cost_nano` is the operator's."""

    usage: Usage
    estimated: bool
    cost_nano: int
    buy_cost_nano: int | None
