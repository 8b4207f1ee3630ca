"""Spans of calls: whose trace they belong to, whatever a client sends."""

import time
from types import SimpleNamespace
from typing import cast

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from grip.clock import system_clock
from grip.gateway.call import Call
from grip.gateway.otel import OtelSpans

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def spans_of(traceparent: bytes | None, *, why: str = "") -> tuple[ReadableSpan, ...]:
    """Return what is exported of a call that was refused, with this header."""
    exporter = InMemorySpanExporter()
    spans = OtelSpans(exporter, system_clock, region="eu")
    call = cast(
        "Call",
        SimpleNamespace(
            type="chat",
            request_id="req_1",
            started=time.monotonic(),
            admitted=0.0,
            answered=0.0,
            settled=0.0,
        ),
    )
    spans.begin(call, traceparent).end(call, "chat", "a-model", why)
    await spans.stop()
    return exporter.get_finished_spans()


async def test_a_call_that_was_not_admitted_is_one_span_with_its_error():
    """It had neither attempts nor a settlement; its times are those of the clock."""
    (root,) = await spans_of(f"00-{TRACE}-{PARENT}-01".encode(), why="rate_limit_exceeded")

    assert root.name == "chat a-model"
    assert root.attributes is not None
    assert root.attributes["error.type"] == "rate_limit_exceeded"
    assert root.parent is not None
    assert (f"{root.parent.trace_id:032x}", f"{root.parent.span_id:016x}") == (TRACE, PARENT)
    assert root.start_time is not None
    assert abs(system_clock() * 1000 - root.start_time) < 60_000_000_000


@pytest.mark.parametrize(
    "traceparent",
    [None, b"", b"\xff" * 60_000, b"00-0-0-01", f"00-{'0' * 32}-{PARENT}-01".encode()],
)
async def test_what_is_no_traceparent_begins_a_trace_of_its_own(traceparent: bytes | None):
    """No call fails by it."""
    (root,) = await spans_of(traceparent)

    assert root.parent is None
    assert root.status.is_unset


async def test_a_client_may_say_that_its_trace_is_not_sampled():
    """Then nothing of it is sent."""
    assert await spans_of(f"00-{TRACE}-{PARENT}-00".encode()) == ()
