"""What strangers' programs call without a key of grip's: vendors of tasks, payment providers.

Owns the outermost net of these bare ASGI handlers. The answer comes when the work is done.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from grip import errors, logs
from grip.web import response
from grip.web.errors import OPENAI

MAX_BODY_BYTES: Final = 1024 * 1024

log = structlog.get_logger(__name__)

Take = Callable[[Scope, Receive], Awaitable[None]]


def handler(take: Take, new_id: Callable[[str], str], *, refused: str | None = None) -> ASGIApp:
    """Return the handler that answers 200 once `take` is through, and else what it raised.

    A refusal is logged as the event `refused`, where that is named.
    """

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_id("req")
        logs.of_request(request_id)
        try:
            await take(scope, receive)
        except errors.GripError as error:
            if refused is not None:
                log.warning(refused, path=scope["path"], error=str(error))
            await response.respond_error(send, request_id, error)
        except Exception:
            log.exception("request.failed")
            failure = errors.GripError("grip failed; its log has the request's id")
            await response.respond_error(send, request_id, failure)
        else:
            headers = [response.JSON, *OPENAI.id_headers(request_id)]
            await response.respond(send, 200, headers, b"{}")

    return handle


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers of a call as texts, their names in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
