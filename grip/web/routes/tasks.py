"""`/v1/tasks`: media jobs that outlive their request, from their start to their results."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery, QueryParameter

from grip import errors
from grip.app import App
from grip.providers.json_object import JsonObject
from grip.providers.task_input import is_deeper
from grip.store.idempotency import StoredAnswer
from grip.store.records import Caller
from grip.store.tasks import Task
from grip.tasks import phases
from grip.tasks.desk import Wish
from grip.tasks.shown import task_view
from grip.web import request as reading

_READ: Final = frozenset({"model", "input", "callback_url", "metadata"})
_MAX_METADATA_BYTES: Final = 16_384
_MAX_METADATA_DEPTH: Final = 32
_STATUSES: Final = (phases.PENDING, phases.PROCESSING, phases.COMPLETED, phases.FAILED)


@post("/v1/tasks")
async def create_task(request: Request[Any, Any, Any], state: State) -> Response[bytes]:
    """Begin a task; the answer is immediate."""
    app: App = state.app
    key_hash = reading.bearer_hash(request.scope)
    await app.pipeline.greet(key_hash)
    body = JsonObject(await request.body())
    return await begin(app, request, body, _wish(app, request, body, key_hash), _shown)


@get("/v1/tasks")
async def list_tasks(
    request: Request[Any, Any, Any],
    state: State,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
    after: FromQuery[str | None] = None,
    status: FromQuery[str | None] = None,
) -> dict[str, Any]:
    """Return tasks, newest first; `after` is the id of the last one of the page before."""
    app: App = state.app
    caller = await _caller(app, request)
    if status is not None and status not in _STATUSES:
        raise errors.InvalidRequest(
            f"status: a task is one of {', '.join(_STATUSES)}", param="status"
        )
    found = await app.tasks.desk.page(caller, status=status, after=after, limit=limit + 1)
    shown = [await app.tasks.desk.find(task.id, caller) for task in found[:limit]]
    now_us = app.context.clock()
    return {
        "object": "list",
        "data": [task_view(task, results, now_us) for task, results in shown],
        "has_more": len(found) > limit,
    }


@get("/v1/tasks/{task_id:str}")
async def show_task(
    request: Request[Any, Any, Any], state: State, task_id: FromPath[str]
) -> dict[str, Any]:
    """Return one task."""
    app: App = state.app
    task, results = await app.tasks.desk.find(task_id, await _caller(app, request))
    return task_view(task, results, app.context.clock())


@post("/v1/tasks/{task_id:str}/cancel", status_code=200)
async def cancel_task(
    request: Request[Any, Any, Any], state: State, task_id: FromPath[str]
) -> dict[str, Any]:
    """Stop a task, or ask its upstream to."""
    app: App = state.app
    caller = await _caller(app, request)
    await app.tasks.desk.cancel(task_id, caller)
    task, results = await app.tasks.desk.find(task_id, caller)
    return task_view(task, results, app.context.clock())


async def begin(
    app: App, request: Request[Any, Any, Any], body: JsonObject, wish: Wish, shown: Any
) -> Response[bytes]:
    """Begin a task for what a client wished, in the shape of its route."""
    idem_key = reading.idempotency_key(request.scope)
    if idem_key is not None:
        sent = wish.endpoint.encode() + b"\0" + body.raw
        wish = msgspec.structs.replace(
            wish, idem_key=idem_key, fingerprint=hashlib.sha256(sent).hexdigest()
        )
    created = await app.tasks.desk.create(wish, lambda task: shown(app, task))
    if isinstance(created, StoredAnswer):
        headers = {"idempotent-replayed": "true"}
        return Response(
            created.body, media_type=created.content_type, status_code=200, headers=headers
        )
    return Response(shown(app, created.task), media_type="application/json", status_code=200)


def _wish(app: App, request: Request[Any, Any, Any], body: JsonObject, key_hash: str) -> Wish:
    for name in body.names:
        if name not in _READ:
            raise errors.InvalidRequest(
                f"{name}: a task has {', '.join(sorted(_READ))}", param=name
            )
    model = body.get("model", str)
    if not model:
        raise errors.InvalidRequest("model: name the model to use", param="model")
    given: Mapping[str, Any] | None = body.get("input", dict[str, Any])
    if given is None:
        raise errors.InvalidRequest("input: an object is expected", param="input")
    if len(body.text_of("metadata")) > _MAX_METADATA_BYTES:
        raise errors.InvalidRequest(
            f"metadata: it is over {_MAX_METADATA_BYTES} bytes", param="metadata"
        )
    metadata = body.get("metadata", dict[str, Any])
    if is_deeper(metadata, _MAX_METADATA_DEPTH):
        raise errors.InvalidRequest(
            f"metadata: it is nested more than {_MAX_METADATA_DEPTH} deep", param="metadata"
        )
    return Wish(
        key_hash=key_hash,
        ip=reading.client_ip(request.scope, app.settings.server.trusted_proxies),
        endpoint="/tasks",
        model=model,
        input=given,
        metadata=metadata,
        callback_url=body.get("callback_url", str),
    )


def _shown(app: App, task: Task) -> bytes:
    return msgspec.json.encode(task_view(task, (), app.context.clock()))


async def _caller(app: App, request: Request[Any, Any, Any]) -> Caller:
    return await app.pipeline.identify(reading.bearer_hash(request.scope))
