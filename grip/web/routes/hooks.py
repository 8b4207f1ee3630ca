"""`/hooks/up/{kind}/{task}/{token}`: where vendors call about tasks, without a key of grip's.

A bare ASGI handler: the address is judged before the body is read, and the signature is over the
body's very bytes. No part of the API that customers use.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from grip import errors
from grip.tasks.hooks.addresses import PATH
from grip.tasks.hooks.reception import Reception, refused
from grip.web import response
from grip.web.errors import OPENAI
from grip.web.request import check_length, read_body

MAX_BODY_BYTES: Final = 1024 * 1024

_PARTS: Final = re.compile(r"([^/]{1,40})/([^/]{1,100})/([^/]{1,100})")

log = structlog.get_logger(__name__)


def is_hook(path: str) -> bool:
    """Return whether a path is one where vendors call."""
    return path.startswith(PATH)


def handler(reception: Reception, new_id: Callable[[str], str]) -> ASGIApp:
    """Return the handler of all these calls."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_id("req")
        try:
            await _take(reception, scope, receive)
        except errors.GripError as error:
            await response.respond_error(send, request_id, error)
        except Exception:
            log.exception("request.failed", request_id=request_id)
            failure = errors.GripError("grip failed; its log has the request's id")
            await response.respond_error(send, request_id, failure)
        else:
            headers = [response.JSON, *OPENAI.id_headers(request_id)]
            await response.respond(send, 200, headers, b"{}")

    return handle


async def _take(reception: Reception, scope: Any, receive: Receive) -> None:
    if scope["method"] != "POST":
        raise errors.MethodNotAllowed("a vendor's call is a POST")
    check_length(scope, MAX_BODY_BYTES)
    parts = _PARTS.fullmatch(scope["path"].removeprefix(PATH))
    if parts is None:
        raise refused()
    async with reception.expected(*parts.groups()) as task:
        raw = await read_body(scope, receive, MAX_BODY_BYTES)
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        await reception.take(task, raw, headers)
