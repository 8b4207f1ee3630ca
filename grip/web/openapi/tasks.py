"""Media tasks in the document: their paths and their shapes, and OpenAI's videos."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from grip.web.openapi.operations import (
    FORM,
    ID,
    IDEMPOTENCY,
    JSON,
    get,
    header,
    refusal,
)
from grip.web.openapi.schemas import Schema, closed, listing, open_object, ref

_TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer"}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_MAYBE_WHOLE: Final[Schema] = {"type": ["integer", "null"]}
_PERCENT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 100}
_MODEL: Final[Schema] = {"type": "string", "minLength": 1}
_MAYBE_OBJECT: Final[Schema] = {"type": ["object", "null"]}
_YES: Final[Schema] = {"type": "boolean"}
_STATUS: Final[Schema] = {"enum": ["pending", "processing", "completed", "failed"]}

_FAILURE: Final[Schema] = {
    "anyOf": [closed(code=_TEXT, message=_TEXT), {"type": "null"}],
    "description": "of a task that failed: the code, and a sentence",
}
_MADE: Final = closed(
    index=_WHOLE, url=_TEXT, content_type=_TEXT, bytes=_WHOLE, expires_at=_MAYBE_WHOLE
)

TASK_SCHEMAS: Final[Schema] = {
    "TaskRequest": {
        "type": "object",
        "properties": {
            "model": _MODEL,
            "input": {"type": "object"},
            "callback_url": {"type": ["string", "null"], "format": "uri", "maxLength": 2048},
            "metadata": _MAYBE_OBJECT,
        },
        "required": ["model", "input"],
        "additionalProperties": False,
    },
    "Task": closed(
        id=_TEXT,
        object={"const": "task"},
        model=_TEXT,
        type={"enum": ["image", "video", "audio"]},
        status=_STATUS,
        progress=_PERCENT,
        input={"type": "object"},
        metadata=_MAYBE_OBJECT,
        credits_reserved=_WHOLE,
        credits_charged=_WHOLE,
        credits_refunded=_WHOLE,
        results={"type": "array", "items": _MADE},
        error=_FAILURE,
        created_at=_WHOLE,
        completed_at=_MAYBE_WHOLE,
    ),
    "Tasks": listing(ref("Task"), has_more=_YES),
    "VideoRequest": open_object(
        {
            "model": _MODEL,
            "prompt": _TEXT,
            "seconds": {"type": ["integer", "string", "null"]},
            "size": _MAYBE_TEXT,
        },
        "model",
        "prompt",
    ),
    "Video": closed(
        id=_TEXT,
        object={"const": "video"},
        model=_TEXT,
        status={"enum": ["queued", "in_progress", "completed", "failed"]},
        progress=_PERCENT,
        created_at=_WHOLE,
        completed_at=_MAYBE_WHOLE,
        expires_at=_MAYBE_WHOLE,
        prompt=_MAYBE_TEXT,
        size=_TEXT,
        seconds=_TEXT,
        remixed_from_video_id=_MAYBE_TEXT,
        error=_FAILURE,
    ),
    "Videos": listing(ref("Video"), first_id=_MAYBE_TEXT, last_id=_MAYBE_TEXT, has_more=_YES),
    "VideoDeleted": closed(id=_TEXT, object={"const": "video.deleted"}, deleted={"const": True}),
}
"""The components that tasks add."""

_BEGINS: Final = (400, 401, 402, 403, 404, 409, 413, 422, 429, 503)
_READS: Final = (401, 404, 503)


def _path(name: str, kind: str = "string", **more: Any) -> Schema:
    schema = {"type": kind, **({"minLength": 1} if kind == "string" else {}), **more}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _changes(name: str, summary: str, schema: str, *codes: int, **more: Any) -> Schema:
    """Return an operation that is no mere reading."""
    operation: Schema = get(name, summary, schema, *codes, **more)["get"]
    return operation


def _begins(name: str, summary: str, schema: str, takes: Mapping[str, str]) -> Schema:
    contents = {kind: {"schema": ref(told)} for kind, told in takes.items()}
    return _changes(
        name,
        summary,
        schema,
        *_BEGINS,
        requestBody={"required": True, "content": contents},
        parameters=[IDEMPOTENCY],
    )


def _pages(*more: Schema) -> list[Schema]:
    limit = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    return [
        {"name": "limit", "in": "query", "schema": limit},
        {
            "name": "after",
            "in": "query",
            "description": "the id of the last one of the page before",
            "schema": _TEXT,
        },
        *more,
    ]


def _bytes(name: str, summary: str, *parameters: Schema, also: tuple[int, ...] = ()) -> Schema:
    """Return the path of a result: whole, a part of it, or nothing new."""
    kinds: Schema = {kind: {} for kind in ("image/*", "video/*", "audio/*")}
    headers = {"x-grip-request-id": ID, "etag": header("string", "the hash of the whole")}
    ranged = headers | {"content-range": header("string", "which bytes these are")}
    past = {"x-grip-request-id": ID, "content-range": header("string", "how many there are")}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "parameters": list(parameters),
            "responses": {
                "200": {"description": "The whole", "headers": headers, "content": kinds},
                "206": {"description": "The range", "headers": ranged, "content": kinds},
                "304": {"description": "What the client has is right", "headers": headers},
                "416": {"description": "There are no such bytes", "headers": past},
                **{str(code): refusal("Error", code) for code in (*also, *_READS)},
            },
        }
    }


TASK_PATHS: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "/v1/tasks": {
            "post": _begins(
                "tasks_create",
                "Begin a media task: the answer is immediate, and says what is held",
                "Task",
                {JSON: "TaskRequest"},
            ),
            **get(
                "tasks",
                "Tasks, newest first: all of the wallet to its owner, to a member their own",
                "Tasks",
                *(400, *_READS),
                parameters=_pages({"name": "status", "in": "query", "schema": _STATUS}),
            ),
        },
        "/v1/tasks/{task_id}": get(
            "task", "One task as it stands", "Task", *_READS, parameters=[_path("task_id")]
        ),
        "/v1/tasks/{task_id}/cancel": {
            "post": _changes(
                "task_cancel",
                "Stop a task, or ask its upstream to",
                "Task",
                *(401, 404, 409, 503),
                parameters=[_path("task_id")],
            )
        },
        "/v1/tasks/{task_id}/results/{n}": _bytes(
            "task_result",
            "What a task made, whole or in ranges",
            _path("task_id"),
            _path("n", "integer", minimum=0, maximum=999_999),
        ),
        "/v1/videos": {
            "post": _begins(
                "videos_create",
                "Begin a video, as OpenAI's Videos API has it",
                "Video",
                {JSON: "VideoRequest", FORM: "VideoRequest"},
            ),
            **get("videos", "Videos, newest first", "Videos", *(400, *_READS), parameters=_pages()),
        },
        "/v1/videos/{video_id}": {
            **get("video", "One video", "Video", *_READS, parameters=[_path("video_id")]),
            "delete": _changes(
                "video_delete",
                "Stop a video that is not done; let go of what one that is has made",
                "VideoDeleted",
                *(401, 404, 409, 503),
                parameters=[_path("video_id")],
            ),
        },
        "/v1/videos/{video_id}/content": _bytes(
            "video_content",
            "The video itself, whole or in ranges; of what else OpenAI has, grip has none",
            _path("video_id"),
            {"name": "variant", "in": "query", "schema": {"enum": ["video"]}},
            also=(400,),
        ),
    }
)
"""The routes of media tasks."""
