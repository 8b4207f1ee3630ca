"""Traces of a running gateway: what a collector is sent, and what an upstream is told."""

import gzip
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.e2e.conftest import Open
from tests.e2e.gateway import CONFIG, SECRET
from tests.e2e.house import HELLO
from tests.e2e.scripts import fails, polite, whole
from tests.e2e.upstream import Upstream

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def spans_of(requests: list[Any]) -> list[Any]:
    """Return every span that a collector was sent."""
    found: list[Any] = []
    for request in requests:
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                found += scope.spans
    return found


def told(span: Any) -> dict[str, Any]:
    """Return the attributes of a span."""
    values = {one.key: one.value for one in span.attributes}
    return {key: getattr(value, value.WhichOneof("value")) for key, value in values.items()}


@pytest.mark.parametrize("own_url", ["sqlite"], indirect=True)
def test_a_call_is_a_trace_from_its_client_to_its_upstream(own_house: Open, upstream: Upstream):
    """Below the client's span, with admission, attempts and settlement; no content, no secret."""
    collector = upstream.door(whole(b"", kind="application/x-protobuf"))
    config = CONFIG + f'[traces]\nendpoint = "{collector.url}/traces"\n'
    with own_house(config=config) as house:
        good, customer = house.sell(fails(503), polite), house.customer()
        answer = house.http.post(
            "/v1/chat/completions",
            json={"model": good.name, "messages": HELLO, "stream": True},
            headers={
                "authorization": f"Bearer {customer.secret}",
                "traceparent": f"00-{TRACE}-{PARENT}-01",
            },
        )
        house.gateway.stop()
    spans = {span.name: span for span in spans_of(collector.requests)}

    root = spans[f"chat {good.name}"]
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (TRACE, PARENT)
    assert told(root) == {
        "grip.request_id": answer.headers["x-grip-request-id"],
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": good.name,
        "gen_ai.response.model": good.name,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
    }
    first, second = (spans[f"upstream {good.name}-{number}"] for number in (0, 1))
    assert told(first)["error.type"] == "status_503"
    assert "error.type" not in told(second)
    for span, door in ((first, good.doors[0]), (second, good.doors[1])):
        (asked,) = door.requests
        assert asked.headers["traceparent"] == f"00-{TRACE}-{span.span_id.hex()}-01"
    parts = [spans["admit"], first, second, spans["settle"]]
    assert {span.parent_span_id for span in parts} == {root.span_id}
    moments = [
        moment for one in parts for moment in (one.start_time_unix_nano, one.end_time_unix_nano)
    ]
    assert moments == sorted(moments)
    assert root.start_time_unix_nano <= moments[0] <= moments[-1] <= root.end_time_unix_nano
    for secret in (HELLO[0]["content"], customer.secret, customer.email, SECRET):
        assert not any(secret.encode() in request.body for request in collector.requests)
