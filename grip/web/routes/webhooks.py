"""`/webhooks/{provider}`: where payment providers tell of payments, without a key of grip's.

A bare ASGI handler: the signature is over the body's very bytes. The answer comes after the commit,
and whatever is not committed is answered so that the provider sends it again.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from grip import errors
from grip.app import App
from grip.services.selling import listening
from grip.web import response
from grip.web.errors import OPENAI
from grip.web.request import check_length, read_body

MAX_BODY_BYTES: Final = 1024 * 1024

_PATH: Final = re.compile(r"/webhooks/(?P<name>[^/]{1,100})")

log = structlog.get_logger(__name__)


def is_webhook(path: str) -> bool:
    """Return whether a path is one where payment providers call."""
    return path.startswith("/webhooks/") and _PATH.fullmatch(path) is not None


def handler(app: App) -> ASGIApp:
    """Return the handler of all these calls."""
    new_id: Callable[[str], str] = app.context.new_id

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_id("req")
        try:
            await _take(app, scope, receive)
        except errors.GripError as error:
            log.warning("webhook.not_taken", path=scope["path"], error=str(error))
            await response.respond_error(send, request_id, error)
        except Exception:
            log.exception("request.failed", request_id=request_id)
            failure = errors.GripError("grip failed; its log has the request's id")
            await response.respond_error(send, request_id, failure)
        else:
            headers = [response.JSON, *OPENAI.id_headers(request_id)]
            await response.respond(send, 200, headers, b"{}")

    return handle


async def _take(app: App, scope: Any, receive: Receive) -> None:
    if scope["method"] != "POST":
        raise errors.MethodNotAllowed("a payment provider's call is a POST")
    check_length(scope, MAX_BODY_BYTES)
    found = _PATH.fullmatch(scope["path"])
    if found is None:
        raise errors.NotFound(f"{scope['path']} leads nowhere")
    provider = app.payments.usable(found["name"])
    raw = await read_body(scope, receive, MAX_BODY_BYTES)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    await listening.receive(app.context, provider, raw, headers)
