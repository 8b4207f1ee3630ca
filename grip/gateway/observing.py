"""Who hears how calls ended: their details, and what is counted for Prometheus.

A call is counted once, where its record is taken: whether that finds room or not. Refuses to await.
"""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from grip import errors
from grip.gateway.call import Attempt, Call, Measured, Plan, Ticket
from grip.gateway.details import Details, Seen
from grip.gateway.streams import Relay
from grip.metrics import Counts
from grip.metrics.meters import OTHER
from grip.money.entries import COMPLETED, Settle, Settled
from grip.providers.port import Answer, RequestRefused
from grip.store.records import Caller
from grip.store.traces import LEFT

_OPERATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "/chat/completions": "chat",
        "/messages": "chat",
        "/responses": "chat",
        "/completions": "text_completion",
        "/embeddings": "embeddings",
    }
)
"""What OpenTelemetry calls what a route does; the others go by the type of their models."""

UPSTREAM_REFUSED: Final = "upstream_refused"
_BROKEN: Final = errors.GripError.code


class Observer:
    """Hears of each call when it is admitted, charged and over."""

    def __init__(self, details: Details, counts: Counts) -> None:
        self._details = details
        self._duration = counts.histogram("gen_ai_server_request_duration_seconds")
        self._first = counts.histogram("gen_ai_server_time_to_first_token_seconds")
        self._attempts = counts.histogram("gen_ai_client_operation_duration_seconds")
        self._tokens = counts.histogram("gen_ai_client_token_usage")
        self._admission = counts.histogram("grip_admission_seconds")
        self._settlement = counts.histogram("grip_settlement_seconds")
        self._credits = counts.counter("grip_charged_credits_total")
        self._cost = counts.counter("grip_cost_nanocredits_total")
        self._buy_cost = counts.counter("grip_buy_cost_nanocredits_total")
        self._estimated = counts.counter("grip_estimated_calls_total")

    def stream_bytes(self, caller: Caller) -> int:
        """Return how much of a stream is to be seen by its relay."""
        return self._details.stream_bytes(caller)

    def admitted(self, call: Call) -> None:
        """Hear that the hold is in the books."""
        call.admitted = time.monotonic()
        self._admission.observe((), call.admitted - call.started)

    def charged(self, call: Call, entry: Settle, settled: Settled) -> None:
        """Hear that a call is charged, whose settlement began at `call.answered`."""
        call.settled = time.monotonic()
        self._settlement.observe((), call.settled - call.answered)
        facts = entry.facts
        labels = facts.model, facts.channel
        self._credits.add(labels, settled.credits)
        self._cost.add(labels, settled.cost_nano)
        if facts.buy_cost_nano is not None:
            self._buy_cost.add(labels, facts.buy_cost_nano)
        if call.span is not None:
            call.span.charged(facts)
        if facts.estimated:
            self._estimated.add(labels)
        operation, tokens = operation_of(call), self._tokens
        tokens.observe((operation, facts.model, facts.provider, "input"), facts.input_tokens)
        tokens.observe((operation, facts.model, facts.provider, "output"), facts.output_tokens)

    def completed(self, call: Call, ticket: Ticket, answer: Answer, measured: Measured) -> None:
        """Hear of a call whose answer was whole and is charged."""
        self._count(call, ticket.plan, "")
        self._details.completed(call, ticket, answer, measured)

    def failed(self, call: Call, ticket: Ticket, error: BaseException) -> None:
        """Hear of a call that was admitted and not charged."""
        self._count(call, ticket.plan, error_type(error))
        self._details.failed(call, ticket, error)

    def streamed(
        self,
        call: Call,
        relay: Relay,
        *,
        measured: Measured | None = None,
        error: errors.GripError | RequestRefused | None = None,
    ) -> None:
        """Hear of a stream; without what it `measured`, it was not charged."""
        how = LEFT if measured is None else relay.status
        why = how if error is None else error_type(error)
        operation, model, provider, _ = self._count(
            call, relay.ticket.plan, "" if why == COMPLETED else why
        )
        if relay.stream is not None:
            self._first.observe((operation, model, provider), call.first_byte_ms / 1000)
        self._details.streamed(call, relay, measured=measured, error=error)

    def refused(self, call: Call, seen: Seen, error: errors.GripError) -> None:
        """Hear of a call that was not admitted."""
        self._count(call, seen.plan, error.code)
        self._details.refused(call, seen, error)

    def _count(self, call: Call, plan: Plan | None, why: str) -> tuple[str, str, str, str]:
        """Count the end of a call and its attempts; return the labels of it."""
        attempts = call.attempts
        provider = attempts[-1].candidate.channel.kind if attempts else ""
        labels = operation_of(call), _named(plan), provider, why
        self._duration.observe(labels, time.monotonic() - call.started)
        for attempt in attempts:
            self._attempted(labels[0], attempt)
        if call.span is not None:
            call.span.end(call, labels[0], labels[1], why)
        return labels

    def _attempted(self, operation: str, attempt: Attempt) -> None:
        if attempt.ended is None:
            return
        channel = attempt.candidate.channel
        model = attempt.candidate.offer.model.name
        labels = operation, model, channel.kind, channel.name, attempt.reason
        self._attempts.observe(labels, attempt.ended - attempt.begun)


def _named(plan: Plan | None) -> str:
    """Return the model that the client named, by the catalog; what is not in it has no name."""
    return OTHER if plan is None or plan.route is None else plan.route.model.name


def operation_of(call: Call) -> str:
    """Return what a call does, in OpenTelemetry's words where it has some."""
    return _OPERATIONS.get(call.path) or call.type


def error_type(error: BaseException) -> str:
    """Return the word for why a call failed."""
    if isinstance(error, RequestRefused):
        return UPSTREAM_REFUSED
    if isinstance(error, errors.GripError):
        return error.code
    return _BROKEN if isinstance(error, Exception) else errors.ServiceUnavailable.code
