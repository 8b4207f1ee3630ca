"""Traces of calls for OpenTelemetry: imported only where `[traces] endpoint` says where to.

A span is made of the times that a call carries anyway, and sent from a thread; what the endpoint
does not take in time is dropped. Refuses content, keys and addresses, and to hold up a call.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import grip
from grip.clock import Clock
from grip.gateway.call import Attempt, Call
from grip.money.entries import Facts

_EXPORT_WITHIN_S: Final = 5
_STOP_WITHIN_S: Final = 5.0
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class OtelSpans:
    """Begins the spans of calls, and sends them."""

    def __init__(self, exporter: SpanExporter, clock: Clock, *, region: str) -> None:
        about = {"service.name": "grip", "service.version": grip.__version__}
        if region:
            about["cloud.region"] = region
        self._provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("grip", grip.__version__)
        self._clock = clock

    def begin(self, call: Call, traceparent: bytes | None) -> "OtelSpan":
        """Return the span of a call, below the client's own where it told of one."""
        carrier = {"traceparent": (traceparent or b"").decode("latin-1")}
        origin_ns = self._clock() * 1000 - time.monotonic_ns()
        return OtelSpan(self._tracer.start_span, _PROPAGATOR.extract(carrier), call, origin_ns)

    async def stop(self) -> None:
        """Send what waits, within bounds; the rest is lost."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def work() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop did not wait for it
                loop.call_soon_threadsafe(done.set)

        threading.Thread(target=work, name="traces", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_WITHIN_S):
                await done.wait()


class OtelSpan:
    """One call, from its arrival to its end, with its attempts at upstreams."""

    def __init__(
        self, start: Callable[..., Span], parent: Context, call: Call, origin_ns: int
    ) -> None:
        self._start = start
        self._origin_ns = origin_ns
        self._root = start(
            call.type,
            context=parent,
            kind=SpanKind.SERVER,
            start_time=self._at(call.started),
            attributes={"grip.request_id": call.request_id},
        )
        self._inside = set_span_in_context(self._root, parent)
        self._attempts: list[tuple[Attempt, Span]] = []

    def attempt(self, attempt: Attempt) -> None:
        """Begin the span of an attempt."""
        candidate = attempt.candidate
        span = self._start(
            f"upstream {candidate.channel.name}",
            context=self._inside,
            kind=SpanKind.CLIENT,
            start_time=self._at(attempt.begun),
            attributes={
                "gen_ai.provider.name": candidate.channel.kind,
                "gen_ai.request.model": candidate.upstream_model,
                "grip.channel": candidate.channel.name,
            },
        )
        self._attempts.append((attempt, span))

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the headers that tell an upstream of the attempt that is under way."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(self._attempts[-1][1]))
        return tuple(carrier.items())

    def charged(self, facts: Facts) -> None:
        """Note what a call used."""
        self._root.set_attribute("gen_ai.usage.input_tokens", facts.input_tokens)
        self._root.set_attribute("gen_ai.usage.output_tokens", facts.output_tokens)
        self._root.set_attribute("gen_ai.response.model", facts.model)

    def end(self, call: Call, operation: str, model: str, why: str) -> None:
        """End the call's span and those below it; `why` is empty where all went well."""
        now = time.monotonic()
        for attempt, span in self._attempts:
            _judge(span, attempt.reason)
            span.end(self._at(attempt.ended or now))
        self._part("admit", call.started, call.admitted)
        self._part("settle", call.answered, call.settled)
        self._root.update_name(f"{operation} {model}")
        self._root.set_attribute("gen_ai.operation.name", operation)
        self._root.set_attribute("gen_ai.request.model", model)
        _judge(self._root, why)
        self._root.end(self._at(now))

    def _part(self, name: str, begun: float, ended: float) -> None:
        if begun and ended:
            span = self._start(name, context=self._inside, start_time=self._at(begun))
            span.end(self._at(ended))

    def _at(self, monotonic_s: float) -> int:
        return self._origin_ns + int(monotonic_s * 1_000_000_000)


def exporting_to(endpoint: str) -> SpanExporter:
    """Return what sends spans to this address, as OTLP over HTTP."""
    return OTLPSpanExporter(endpoint, timeout=_EXPORT_WITHIN_S)


def _judge(span: Span, why: str) -> None:
    if why:
        span.set_attribute("error.type", why)
        span.set_status(Status(StatusCode.ERROR))
