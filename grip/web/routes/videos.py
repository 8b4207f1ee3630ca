"""`/v1/videos`: tasks of the type video in the shape of OpenAI's Videos API."""

import re
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery, QueryParameter

from grip import errors
from grip.app import App
from grip.providers.form import fields
from grip.providers.json_object import JsonObject
from grip.store.tasks import Task
from grip.tasks.desk import Wish
from grip.tasks.shown import video_view
from grip.web import forms
from grip.web import request as reading
from grip.web.routes.tasks import begin

_OWN: Final = frozenset({"model"})
_VIDEO: Final = "/videos"
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


@post("/v1/videos")
async def create_video(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    """Begin a video; the body is JSON, as grip takes no files for one."""
    app: App = state.app
    key_hash = reading.bearer_hash(request.scope)
    await app.pipeline.greet(key_hash)
    if forms.is_form(request.scope):
        body = await _fields(app, request)
    else:
        body = JsonObject(await request.body())
    return await begin(app, request, body, _wish(app, request, body, key_hash), _shown)


@get("/v1/videos")
async def list_videos(
    request: Request[Any, Any, Any],
    state: State,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
    after: FromQuery[str | None] = None,
) -> dict[str, Any]:
    """Return the videos, newest first."""
    app: App = state.app
    caller = await app.pipeline.identify(reading.bearer_hash(request.scope))
    page = await app.tasks.desk.page(caller, kind="video", after=after, limit=limit + 1)
    data = [video_view(*await app.tasks.desk.find(task.id, caller)) for task in page[:limit]]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(page) > limit,
    }


@get("/v1/videos/{video_id:str}")
async def show_video(
    request: Request[Any, Any, Any], state: State, video_id: FromPath[str]
) -> dict[str, Any]:
    """Return one video."""
    app: App = state.app
    caller = await app.pipeline.identify(reading.bearer_hash(request.scope))
    return video_view(*await app.tasks.desk.find(video_id, caller, kind="video"))


@delete("/v1/videos/{video_id:str}", status_code=200)
async def delete_video(
    request: Request[Any, Any, Any], state: State, video_id: FromPath[str]
) -> dict[str, Any]:
    """Stop a video that is not done, and let go of what one that is has made."""
    app: App = state.app
    caller = await app.pipeline.identify(reading.bearer_hash(request.scope))
    await app.tasks.desk.drop(video_id, caller, kind="video")
    return {"id": video_id, "object": "video.deleted", "deleted": True}


async def _fields(app: App, request: Request[Any, Any, Any]) -> JsonObject:
    """Return the fields of a form, as OpenAI's own client sends them; raises InvalidRequest."""
    server = app.settings.server
    form = await forms.read_form(request.scope, request.receive, server.max_body_bytes)
    try:
        if any(part.filename is not None for part in form.parts):
            raise errors.InvalidRequest(
                "input_reference: grip takes no files here; send JSON with the image's URL",
                param="input_reference",
            )
        return fields(form, frozenset(), frozenset())
    finally:
        form.close()


def _wish(app: App, request: Request[Any, Any, Any], body: JsonObject, key_hash: str) -> Wish:
    model = body.get("model", str)
    if not model:
        raise errors.InvalidRequest("model: name the model to use", param="model")
    given: dict[str, Any] = {name: body.get(name, Any) for name in body.names if name not in _OWN}
    seconds = given.get("seconds")
    if isinstance(seconds, str) and _SECONDS.fullmatch(seconds):
        # OpenAI writes them as a text.
        given["seconds"] = int(seconds)
    return Wish(
        key_hash=key_hash,
        ip=reading.client_ip(request.scope, app.settings.server.trusted_proxies),
        endpoint=_VIDEO,
        kind="video",
        model=model,
        input=given,
    )


def _shown(app: App, task: Task) -> bytes:  # noqa: ARG001 - the shape of tasks knows the time
    return msgspec.json.encode(video_view(task, ()))
