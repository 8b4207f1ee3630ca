"""What tasks made: `/v1/tasks/{id}/results/{n}` and `/v1/videos/{id}/content`, to their owner only.

A bare ASGI handler, since it streams what may be large, and in ranges.
"""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl

import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from grip import errors, logs
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
_VIDEO: Final = "video"
_ABSENT_VARIANTS: Final = ("thumbnail", "spritesheet")

log = structlog.get_logger(__name__)


def is_result(path: str) -> bool:
    """Return whether a path leads to a result."""
    return path.startswith(("/v1/tasks/", "/v1/videos/")) and _PATH.fullmatch(path) is not None


def handler(app: App) -> ASGIApp:
    """Return the handler of all results."""
    new_id: Callable[[str], str] = app.context.new_id

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_id("req")
        logs.of_request(request_id)
        try:
            await _answer(app, scope, receive, send)
        except errors.GripError as error:
            await response.respond_error(send, request_id, error)
        except Exception:
            log.exception("request.failed")
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
    is_video = wanted["video"] is not None
    task, results = await app.tasks.desk.find(task_id, caller, kind=_VIDEO if is_video else None)
    if is_video:
        _check_variant(scope)
    now_us = app.context.clock()
    found = next((one for one in results if one.n == number and not one.is_over(now_us)), None)
    if found is None:
        raise errors.NotFound(f"the task {task_id} has no result {number}, or none any more")
    key = found.key or f"{task.id}/{number}"
    stored = Stored(size=found.size, sha256=found.sha256, content_type=found.content_type)
    reader = await app.tasks.reader(task, found)
    await respond_result(scope, receive, send, key=key, stored=stored, reader=reader)


def _check_variant(scope: Any) -> None:
    """Refuse what OpenAI has beside the video itself; raises InvalidRequest for all other words."""
    asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    for variant in [value for name, value in asked if name == "variant"]:
        if variant in _ABSENT_VARIANTS:
            raise errors.VariantUnavailable(
                f"grip has no {variant} of a video, only the video itself", param="variant"
            )
        if variant != _VIDEO:
            raise errors.InvalidRequest(f"variant: {_VIDEO} is expected", param="variant")
