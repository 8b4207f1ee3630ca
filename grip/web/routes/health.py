"""`GET /healthz` and `GET /readyz`: whether the process lives, and whether it can serve."""

from litestar import Response, get
from litestar.datastructures import State

from grip import errors
from grip.app import App
from grip.store import schema


@get("/healthz")
async def healthz() -> dict[str, str]:
    """Say that the process is alive; nothing else is looked at."""
    return {"status": "ok"}


@get("/readyz")
async def readyz(state: State) -> Response[dict[str, str]]:
    """Say whether the database is reachable, and this version can work on its schema."""
    app: App = state.app
    try:
        found = await schema.status(app.context.database)
    except errors.DatabaseUnavailable as error:
        return Response({"status": "unavailable", "reason": error.message}, status_code=503)
    if not found.is_usable:
        return Response(
            {"status": "unavailable", "reason": "the schema is outdated: grip db upgrade"},
            status_code=503,
        )
    return Response({"status": "ok"})
