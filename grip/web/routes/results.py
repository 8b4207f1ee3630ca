"""What tasks made: `/v1/tasks/{id}/results/{n}` and `/v1/videos/{id}/content`, to their owner only.

A bare ASGI handler, since it streams what may be large, and in ranges.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from grip import errors
from grip.app import App
from grip.storage import Stored
from grip.web import response
from grip.web.request import bearer_hash
from grip.web.results import respond_result

_PATH: Final = re.compile(
    r"/v1/(?:tasks/(?P<task>[^/]{1,100})/results/(?P<number>[0-9]{1,6})"
    r"|videos/(?P<video>[^/]{1,100})/content)"
)
_METHODS: Final = ("GET", "HEAD")

log = structlog.get_logger(__name__)


def is_result(path: str) -> bool:
    """Return whether a path leads to a result."""
    return path.startswith(("/v1/tasks/", "/v1/videos/")) and _PATH.fullmatch(path) is not None


def handler(app: App) -> ASGIApp:
    """Return the handler of all results."""
    new_id: Callable[[str], str] = app.context.new_id

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_id("req")
        try:
            await _answer(app, scope, receive, send)
        except errors.GripError as error:
            await response.respond_error(send, request_id, error)
        except Exception:
            log.exception("request.failed", request_id=request_id)
            failure = errors.GripError("grip failed; its log has the request's id")
            await response.respond_error(send, request_id, failure)

    return handle


async def _answer(app: App, scope: Any, receive: Receive, send: Send) -> None:
    if scope["method"] not in _METHODS:
        raise errors.MethodNotAllowed(f"{scope['path']} takes GET and HEAD only")
    caller = await app.pipeline.identify(bearer_hash(scope))
    wanted = _PATH.fullmatch(scope["path"])
    if wanted is None:
        raise errors.NotFound(f"{scope['path']} leads nowhere")
    task_id, number = wanted["task"] or wanted["video"], int(wanted["number"] or 0)
    _, results = await app.tasks.desk.find(task_id, caller)
    now_us = app.context.clock()
    found = next((one for one in results if one.n == number and not one.is_over(now_us)), None)
    if found is None or found.key is None:
        raise errors.NotFound(f"the task {task_id} has no result {number}, or none any more")
    stored = Stored(size=found.size, sha256=found.sha256, content_type=found.content_type)
    await respond_result(scope, receive, send, key=found.key, stored=stored, reader=app.tasks.store)
