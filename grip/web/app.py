"""The ASGI application: metered routes first, the framework for everything else."""

from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.plugins import PluginProtocol
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from grip import errors, logs
from grip.app import App
from grip.web import response
from grip.web.errors import OPENAI, error_object, status_of
from grip.web.routes import (
    checkout,
    health,
    hooks,
    metered,
    metrics,
    models,
    openapi,
    regions,
    results,
    tasks,
    videos,
    wallet,
    webhooks,
)

log = structlog.get_logger(__name__)


def build(app: App) -> ASGIApp:
    """Return the application around `app`, which its caller starts and stops."""
    routes = metered.handlers(app)
    made = results.handler(app)
    told = webhooks.handler(app)
    called = hooks.handler(app.tasks.reception, app.context.new_id)
    framework = _framework(app)
    new_id = app.context.new_id

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await framework(scope, receive, send)
            return
        handler = routes.get(scope["path"])
        if handler is None and results.is_result(scope["path"]):
            handler = made
        if handler is None and hooks.is_hook(scope["path"]):
            handler = called
        if handler is None and webhooks.is_webhook(scope["path"]):
            handler = told
        if handler is not None:
            await handler(scope, receive, send)
        else:
            request_id = new_id("req")
            logs.of_request(request_id)
            await framework(scope, receive, _naming(send, request_id))

    return front


def _naming(send: Send, request_id: str) -> Send:
    """Return a `send` that puts the request's id on the head of the answer, for nobody to keep."""

    async def named(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), *OPENAI.id_headers(request_id)]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append(response.NOT_KEPT)
            message = {**message, "headers": headers}
        await send(message)

    return named


class _Framework(Litestar):
    """Litestar without its plugins for models of other libraries: nine megabytes a worker."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return plugins


def _framework(app: App) -> Litestar:
    return _Framework(
        route_handlers=[
            health.healthz,
            health.readyz,
            metrics.show_metrics,
            models.list_models,
            models.show_model,
            wallet.show_wallet,
            wallet.list_usage,
            regions.list_regions,
            tasks.create_task,
            tasks.list_tasks,
            tasks.show_task,
            tasks.cancel_task,
            videos.create_video,
            videos.list_videos,
            videos.show_video,
            videos.delete_video,
            checkout.create_session,
            checkout.show_page,
            checkout.press_button,
            openapi.show_document,
        ],
        state=State({"app": app}),
        exception_handlers={
            errors.GripError: _grip_error,
            HTTPException: _http_error,
            Exception: _unexpected,
        },
        request_max_body_size=app.settings.server.max_body_bytes,
        openapi_config=None,
        logging_config=None,
    )


def _grip_error(request: Request[Any, Any, Any], error: errors.GripError) -> Response[Any]:
    app: App = request.app.state.app
    app.counts.counter("grip_refusals_total").add((error.code,))
    headers = {name.decode(): value.decode() for name, value in response.error_headers(error)}
    return Response({"error": error_object(error)}, status_code=status_of(error), headers=headers)


def _http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Return what the framework itself refused, in the shape of grip's errors."""
    kind = _HTTP_ERRORS.get(error.status_code, errors.InvalidRequest)
    said = f"{request.method} {request.url.path}: {error.detail}"
    return _grip_error(request, kind(said))


_HTTP_ERRORS: dict[int, type[errors.GripError]] = {
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.RequestTooLarge,
    500: errors.GripError,
}


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    log.error("request.failed", path=request.url.path, exc_info=error)
    return _grip_error(request, errors.GripError("grip failed; its log says how"))
