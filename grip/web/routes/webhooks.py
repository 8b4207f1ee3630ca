"""`/webhooks/{provider}`: where payment providers tell of payments, without a key of grip's.

A bare ASGI handler: the signature is over the body's very bytes. The answer comes after the commit,
and whatever is not committed is answered so that the provider sends it again.
"""

import re
from functools import partial
from typing import Any, Final

from litestar.types import ASGIApp, Receive

from grip import errors
from grip.app import App
from grip.services.selling import listening
from grip.web import calls
from grip.web.calls import MAX_BODY_BYTES, headers_of
from grip.web.request import check_length, read_body

_PATH: Final = re.compile(r"/webhooks/(?P<name>[^/]{1,100})")


def is_webhook(path: str) -> bool:
    """Return whether a path is one where payment providers call."""
    return path.startswith("/webhooks/") and _PATH.fullmatch(path) is not None


def handler(app: App) -> ASGIApp:
    """Return the handler of all these calls."""
    return calls.handler(partial(_take, app), app.context.new_id, refused="webhook.not_taken")


async def _take(app: App, scope: Any, receive: Receive) -> None:
    if scope["method"] != "POST":
        raise errors.MethodNotAllowed("a payment provider's call is a POST")
    check_length(scope, MAX_BODY_BYTES)
    found = _PATH.fullmatch(scope["path"])
    if found is None:
        raise errors.NotFound(f"{scope['path']} leads nowhere")
    provider = app.payments.usable(found["name"])
    raw = await read_body(scope, receive, MAX_BODY_BYTES)
    await listening.receive(app.context, provider, raw, headers_of(scope))
