"""The routes of models, as bare ASGI handlers: they answer every failure themselves.

They stand before the framework, which would cost a fifth of a call's time (docs/adr/0004).
"""

import asyncio
import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from grip import errors, logs
from grip.app import App
from grip.gateway.beside import LARGE_BYTES
from grip.gateway.call import Call
from grip.gateway.observing import UPSTREAM_REFUSED
from grip.gateway.upstream import RequestRefused
from grip.providers.form import Form
from grip.providers.json_object import JsonObject
from grip.web import forms, request, response
from grip.web.errors import OPENAI, Shape
from grip.web.surfaces import (
    chat,
    completions,
    embeddings,
    images,
    messages,
    moderations,
    rerank,
    responses,
    speech,
    transcriptions,
)
from grip.web.surfaces.messages_errors import ANTHROPIC

log = structlog.get_logger(__name__)


class Parse(Protocol):
    """Turns a body into a call; raises InvalidRequest."""

    def __call__(self, body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
        """Return the call in a body, with its ending where it may stream."""
        ...


class ParseForm(Protocol):
    """Turns a form into a call; raises InvalidRequest."""

    async def __call__(self, form: Form, *, request_id: str, key_hash: str, ip: str) -> Call:
        """Return the call in a form, with its ending where it may stream."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What is special of one route: how it is read, and how its clients read errors.

    `form` reads a form, on the routes that take files. `key` finds the hash of the API key,
    `passes` names the headers that go along to the upstream. A route that is `free` counts the
    tokens of a body, and no limit counts it.
    """

    parse: Parse
    form: ParseForm | None = None
    key: Callable[[Scope], str] = request.bearer_hash
    shape: Shape = OPENAI
    passes: Collection[bytes] = ()
    free: bool = False


SURFACES: Mapping[str, Surface] = MappingProxyType(
    {
        "/v1/chat/completions": Surface(parse=chat.parse),
        "/v1/completions": Surface(parse=completions.parse),
        "/v1/responses": Surface(parse=responses.parse),
        "/v1/embeddings": Surface(parse=embeddings.parse),
        "/v1/moderations": Surface(parse=moderations.parse),
        "/v1/rerank": Surface(parse=rerank.parse),
        "/v1/images/generations": Surface(parse=images.parse_generation),
        "/v1/images/edits": Surface(parse=images.parse_edit, form=images.parse_edit_form),
        "/v1/audio/speech": Surface(parse=speech.parse),
        "/v1/audio/transcriptions": Surface(
            parse=transcriptions.parse, form=transcriptions.parse_form
        ),
        "/v1/messages": Surface(
            parse=messages.parse,
            key=request.client_hash,
            shape=ANTHROPIC,
            passes=messages.HEADERS,
        ),
        "/v1/messages/count_tokens": Surface(
            parse=messages.parse_count,
            key=request.client_hash,
            shape=ANTHROPIC,
            passes=messages.HEADERS,
            free=True,
        ),
    }
)
"""The routes that models answer on; all of them are POST."""


def handlers(app: App) -> dict[str, ASGIApp]:
    """Return the handler of each metered path."""
    return {path: _handler(app, surface) for path, surface in SURFACES.items()}


def _handler(app: App, surface: Surface) -> ASGIApp:
    new_id: Callable[[str], str] = app.context.new_id
    counts, shape = app.counts, surface.shape
    refusals = counts.counter("grip_refusals_total")

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_id("req")
        logs.of_request(request_id)
        sink = response.EventStream(receive, send, request_id, shape)
        call: Call | None = None
        counts.in_flight += 1
        try:
            call = await _read(app, surface, scope, receive, request_id)
            if call.idem_key is not None and await _answered_before(app, call, send, shape):
                return
            if app.spans is not None and not surface.free:
                call.span = app.spans.begin(call, request.header(scope, b"traceparent"))
            if call.stream:
                await app.pipeline.stream(call, sink)
            else:
                await (_count if surface.free else _complete)(app, call, send, shape)
        except RequestRefused as refused:
            refusals.add((UPSTREAM_REFUSED,))
            await _pass_on(send, request_id, refused, shape)
        except errors.GripError as error:
            refusals.add((error.code,))
            await _refuse(send, sink, request_id, error, shape)
        except asyncio.CancelledError:
            # Only a gateway whose time to stop is over cancels; a stream says so itself.
            if not sink.started:
                stopped = errors.ServiceUnavailable("the gateway is being stopped; retry")
                await response.respond_error(send, request_id, stopped, shape)
        except Exception:
            log.exception("request.failed")
            refusals.add((errors.GripError.code,))
            failure = errors.GripError("grip failed; its log has the request's id")
            await _refuse(send, sink, request_id, failure, shape)
        finally:
            counts.in_flight -= 1
            _give_up_files(call)
            await sink.close()

    return handle


def _give_up_files(call: Call | None) -> None:
    if call is not None and call.form is not None:
        call.form.close()


async def _read(
    app: App, surface: Surface, scope: Scope, receive: Receive, request_id: str
) -> Call:
    """Return the call in a request of somebody who may call at all."""
    if scope.get("method") != "POST":
        raise errors.MethodNotAllowed(f"{scope['path']} takes POST only")
    server = app.settings.server
    key_hash = surface.key(scope)
    await app.pipeline.greet(key_hash)
    ip = request.client_ip(scope, server.trusted_proxies)
    if surface.form is not None and forms.is_form(scope):
        form = await forms.read_form(scope, receive, server.max_upload_bytes)
        try:
            call = await surface.form(form, request_id=request_id, key_hash=key_hash, ip=ip)
            call.idem_key = request.idempotency_key(scope)
        except BaseException:
            form.close()
            raise
        call.form = form
        return call
    body = await request.read_body(scope, receive, server.max_body_bytes)
    if len(body) > LARGE_BYTES:
        call = await app.beside.run(_parse, surface, body, request_id, key_hash, ip)
    else:
        call = _parse(surface, body, request_id, key_hash, ip)
    if surface.passes:
        call.headers = request.passed(scope, surface.passes)
    if not surface.free:
        call.idem_key = request.idempotency_key(scope)
    return call


def _parse(surface: Surface, body: bytes, request_id: str, key_hash: str, ip: str) -> Call:
    return surface.parse(JsonObject(body), request_id=request_id, key_hash=key_hash, ip=ip)


async def _pass_on(send: Send, request_id: str, refused: RequestRefused, shape: Shape) -> None:
    """Tell what the upstream itself said of the request."""
    headers = [
        response.JSON,
        *shape.id_headers(request_id),
        *response.standing_headers(refused.standings),
    ]
    body = shape.refused(refused.status, refused.error, request_id)
    await response.respond(send, refused.status, headers, body)


async def _refuse(
    send: Send, sink: response.EventStream, request_id: str, error: errors.GripError, shape: Shape
) -> None:
    """Tell an error: as an answer, or as the end of a stream that has begun."""
    if error.detail:
        log.warning("request.refused", code=error.code, detail=error.detail)
    if sink.started:
        await sink.fail(error)
    else:
        await response.respond_error(send, request_id, error, shape)


async def _answered_before(app: App, call: Call, send: Send, shape: Shape) -> bool:
    """Give the answer of the first call with this Idempotency-Key again, where there is one."""
    sent = call.body.raw if call.form is None else call.form.digest.encode()
    call.fingerprint = hashlib.sha256(call.path.encode() + b"\0" + sent).hexdigest()
    kept = await app.pipeline.recall(call)
    if kept is None:
        return False
    headers = [
        (b"content-type", kept.content_type.encode()),
        (b"idempotent-replayed", b"true"),
        *shape.id_headers(kept.request_id),
    ]
    if not call.stream:
        headers += response.charge_headers(kept.credits, kept.cost_nano)
    await response.respond(send, 200, headers, kept.body)
    return True


async def _complete(app: App, call: Call, send: Send, shape: Shape) -> None:
    done = await app.pipeline.complete(call)
    headers = [
        (b"content-type", done.content_type.encode("latin-1")),
        *shape.id_headers(call.request_id),
        *response.charge_headers(done.settled.credits, done.settled.cost_nano),
        *response.fallback_headers(done.fallback),
        *response.limit_headers(done.admitted.requests, done.admitted.tokens),
    ]
    await response.respond(send, 200, headers, done.body)


async def _count(app: App, call: Call, send: Send, shape: Shape) -> None:
    body = await app.pipeline.count(call)
    headers = [response.JSON, *shape.id_headers(call.request_id)]
    await response.respond(send, 200, headers, body)
