"""`GET /v1/models`: what the caller's key may use, in OpenAI's shape; an alias is listed too."""

from typing import Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.params import FromPath

from grip import errors
from grip.app import App
from grip.gateway import routing
from grip.store.records import Model
from grip.web.request import bearer_hash


@get("/v1/models")
async def list_models(request: Request[Any, Any, Any], state: State) -> dict[str, Any]:
    """Return the models that the key may use."""
    return {"object": "list", "data": list((await _visible(request, state.app)).values())}


@get("/v1/models/{name:path}")
async def show_model(
    request: Request[Any, Any, Any], state: State, name: FromPath[str]
) -> dict[str, Any]:
    """Return one of them."""
    wanted = name.removeprefix("/")
    found = (await _visible(request, state.app)).get(wanted)
    if found is None:
        raise errors.ModelNotFound(
            f"the model {wanted!r} does not exist here, or this key may not use it", param="model"
        )
    return found


async def _visible(request: Request[Any, Any, Any], app: App) -> dict[str, dict[str, Any]]:
    caller = await app.pipeline.identify(bearer_hash(request.scope))
    catalog = await app.books.catalog(fresh=True)
    models = routing.visible(catalog, caller)
    return {name: _shape(model, name) for model in models for name in (model.name, *model.aliases)}


def _shape(model: Model, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": model.created_us // 1_000_000,
        "owned_by": "grip",
    }
