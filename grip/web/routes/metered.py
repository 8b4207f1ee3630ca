"""The routes that cost money, as bare ASGI handlers: they answer every failure themselves.

They stand before the framework, which would cost a fifth of a call's time (docs/adr/0004).
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Protocol

import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from grip import errors
from grip.app import App
from grip.gateway.call import Call
from grip.gateway.upstream import RequestRefused
from grip.providers.json_object import JsonObject
from grip.web import request, response
from grip.web.errors import error_body
from grip.web.surfaces import chat, embeddings

log = structlog.get_logger(__name__)


class Parse(Protocol):
    """Turns a body into a call; raises InvalidRequest."""

    def __call__(self, body: JsonObject, *, request_id: str, key_hash: str, ip: str) -> Call:
        """Return the call in a body."""
        ...


SURFACES: dict[str, Parse] = {
    "/v1/chat/completions": chat.parse,
    "/v1/embeddings": embeddings.parse,
}


def handlers(app: App) -> dict[str, ASGIApp]:
    """Return the handler of each metered path; all of them are POST."""
    return {path: _handler(app, parse) for path, parse in SURFACES.items()}


def _handler(app: App, parse: Parse) -> ASGIApp:
    new_id: Callable[[str], str] = app.context.new_id
    server = app.settings.server

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_id("req")
        sink = response.EventStream(receive, send, request_id)
        try:
            key_hash = request.bearer_hash(scope)
            await app.pipeline.greet(key_hash)
            body = await request.read_body(scope, receive, server.max_body_bytes)
            call = parse(
                JsonObject(body),
                request_id=request_id,
                key_hash=key_hash,
                ip=request.client_ip(scope, server.trusted_proxies),
            )
            call.idem_key = request.idempotency_key(scope)
            if call.idem_key is not None and await _answered_before(app, call, body, send):
                return
            if call.stream:
                await app.pipeline.stream(call, sink)
            else:
                await _complete(app, call, send)
        except RequestRefused as refused:
            headers = [
                response.JSON,
                response.request_id_header(request_id),
                *response.standing_headers(refused.standings),
            ]
            await response.respond(send, refused.status, headers, error_body(refused.error))
        except errors.GripError as error:
            await _refuse(send, sink, request_id, error)
        except asyncio.CancelledError:
            # Only a gateway whose time to stop is over cancels; a stream says so itself.
            if not sink.started:
                stopped = errors.ServiceUnavailable("the gateway is being stopped; retry")
                await response.respond_error(send, request_id, stopped)
        except Exception:
            log.exception("request.failed", request_id=request_id)
            failure = errors.GripError("grip failed; its log has the request's id")
            await _refuse(send, sink, request_id, failure)
        finally:
            await sink.close()

    return handle


async def _refuse(
    send: Send, sink: response.EventStream, request_id: str, error: errors.GripError
) -> None:
    """Tell an error: as an answer, or as the end of a stream that has begun."""
    if error.detail:
        log.warning("request.refused", request_id=request_id, code=error.code, detail=error.detail)
    if sink.started:
        await sink.fail(error)
    else:
        await response.respond_error(send, request_id, error)


async def _answered_before(app: App, call: Call, body: bytes, send: Send) -> bool:
    """Give the answer of the first call with this Idempotency-Key again, where there is one."""
    call.fingerprint = hashlib.sha256(call.path.encode() + b"\0" + body).hexdigest()
    kept = await app.pipeline.recall(call)
    if kept is None:
        return False
    headers = [
        (b"content-type", kept.content_type.encode()),
        (b"idempotent-replayed", b"true"),
        response.request_id_header(kept.request_id),
    ]
    if not call.stream:
        headers += response.charge_headers(kept.credits, kept.cost_nano)
    await response.respond(send, 200, headers, kept.body)
    return True


async def _complete(app: App, call: Call, send: Send) -> None:
    done = await app.pipeline.complete(call)
    headers = [
        response.JSON,
        response.request_id_header(call.request_id),
        *response.charge_headers(done.settled.credits, done.settled.cost_nano),
        *response.limit_headers(done.admitted.requests, done.admitted.tokens),
    ]
    await response.respond(send, 200, headers, done.body)
