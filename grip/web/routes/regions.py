"""`GET /v1/regions`: where this gateway can be reached, and which of its regions answers."""

from typing import Any

from litestar import get
from litestar.datastructures import State

from grip.app import App


@get("/v1/regions")
async def list_regions(state: State) -> dict[str, Any]:
    """Return the regions of the configuration, by name; nobody needs a key to find the way."""
    app: App = state.app
    here = app.settings.server.region
    return {
        "object": "list",
        "data": [
            {"id": name, "endpoint": region.endpoint, "answers": name == here}
            for name, region in sorted(app.settings.regions.items())
        ],
        "region": here or None,
    }
