"""The OpenAPI document: true to the routes, and every route true to it, whatever is sent.

schemathesis makes the requests, such as the document allows and such as it does not, and holds the
answers against it. No answer may be a failure of grip's own, and no hold stays.
"""

import json
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from grip.web.app import _framework
from grip.web.openapi import document
from grip.web.routes.metered import SURFACES
from grip.web.routes.results import is_result
from tests.fuzz.inside import Heard, Inside

DOCUMENT: dict[str, Any] = json.loads(document())
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = {
    f"{method.upper()} {path}": SCHEMA[path][method.upper()]
    for path, item in DOCUMENT["paths"].items()
    for method in item
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EITHER = GenerationMode.POSITIVE.name, GenerationMode.NEGATIVE.name


CHECKOUT = "/v1/checkout/sessions"
PAGES = {("/sandbox/checkout/{token}", method) for method in ("get", "post")}
"""The page of the sandbox, which is for browsers."""

RESULTS = {("/v1/tasks/{task_id}/results/{n}", "get"), ("/v1/videos/{video_id}/content", "get")}
"""The routes that stand before the framework, beside the metered ones."""


def _routes(app: Litestar) -> set[tuple[str, str]]:
    return {
        (route.path_format, method.lower())
        for route in app.routes
        for method in route.methods
        if method not in ("HEAD", "OPTIONS")
    }


def test_every_route_is_in_the_document_and_the_reverse(inside: Inside):
    """With its method."""
    found = _routes(_framework(inside.app))
    served = found - PAGES | {(path, "post") for path in SURFACES} | RESULTS
    shown = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}

    assert shown == served
    assert found > PAGES
    for path, _ in RESULTS:
        assert is_result(path.format(task_id="task_1", video_id="task_1", n=0))


def test_a_route_has_the_key_and_the_errors_of_its_wire():
    """Those of Anthropic's have Anthropic's; forms are taken where they are read."""
    for path, surface in SURFACES.items():
        operation = DOCUMENT["paths"][path]["post"]
        told = operation["responses"]["400"]["$ref"].rpartition("/")[2]
        takes = operation["requestBody"]["content"]

        assert (told == "AnthropicError400") == path.startswith("/v1/messages")
        assert ("security" in operation) == path.startswith("/v1/messages")
        assert ("multipart/form-data" in takes) == (surface.form is not None)
        assert ("parameters" in operation) == (not surface.free)


def test_it_is_served_to_anybody_as_it_is(inside: Inside):
    """Without a key."""
    heard = inside.ask("/openapi.json", method="GET", headers={"authorization": ""})

    assert heard.status == 200
    assert heard.headers["content-type"] == "application/json"
    assert heard.json == DOCUMENT


def _model(path: str) -> str:
    """Return a model that answers on this route."""
    for part, type_ in (("embed", "embedding"), ("moder", "moderation"), ("rerank", "rerank")):
        if part in path:
            return f"{type_}-openai"
    if "tasks" in path:
        return "image-openai"
    for part in ("image", "audio", "video"):
        if part in path:
            return f"{part}-openai"
    return "chat-openai"


def _send(inside: Inside, prepared: requests.PreparedRequest) -> Heard:
    """Let the gateway answer a request as `requests` would send it."""
    path, _, query = prepared.path_url.partition("?")
    body: Any = prepared.body or b""
    sent = {name.lower(): _text(value) for name, value in prepared.headers.items()}
    return inside.ask(
        unquote(path),
        body.encode() if isinstance(body, str) else body,
        method=str(prepared.method),
        headers={"authorization": f"Bearer {inside.secret}", **sent},
        query=query.encode(),
    )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


@pytest.mark.parametrize("name", OPERATIONS)
@given(data=st.data())
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_answer_is_as_the_document_says(inside: Inside, name: str, data: st.DataObject):
    """To requests that it allows, and to those that it does not; no hold stays."""
    operation = OPERATIONS[name]
    mode = GenerationMode[data.draw(st.sampled_from(EITHER))]
    case = data.draw(operation.as_strategy(generation_mode=mode))
    if isinstance(case.body, dict) and data.draw(st.booleans()):
        if operation.path == CHECKOUT:
            case.body.update(package="starter", currency="USD", provider="sandbox")
            case.body.pop("amount", None)
        else:
            case.body["model"] = _model(operation.path)
    kwargs = case.as_transport_kwargs(base_url="http://grip.test")
    kwargs = {name: value for name, value in kwargs.items() if name != "timeout"}
    prepared = requests.Request(**kwargs).prepare()
    heard = _send(inside, prepared)
    response = schemathesis.Response(
        status_code=heard.status,
        headers={name: [value] for name, value in heard.headers.items()},
        content=heard.body,
        request=prepared,
        elapsed=0.0,
        verify=False,
    )

    case.validate_response(response, checks=CHECKS)
    assert inside.held() == 0


def test_a_checkout_that_begins_is_as_the_document_says(inside: Inside):
    """Which chance alone would hardly reach."""
    bodies = [{"package": "growth"}, {"amount": "5.00", "success_url": "https://shop.example/"}]
    for body in bodies:
        heard = inside.ask(CHECKOUT, json.dumps(body).encode())
        schema = DOCUMENT["components"]["schemas"]["CheckoutSession"]

        assert heard.status == 200, heard
        assert set(heard.json) == set(schema["properties"]) == set(schema["required"])
