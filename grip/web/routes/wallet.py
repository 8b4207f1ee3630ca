"""`GET /v1/wallet` and `GET /v1/usage`: what the caller's wallet holds, and what was spent."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.params import FromQuery, QueryParameter

from grip.app import App
from grip.services import usage, views, wallets
from grip.web.request import bearer_hash


@get("/v1/wallet")
async def show_wallet(request: Request[Any, Any, Any], state: State) -> dict[str, Any]:
    """Return the wallet that the key draws from."""
    app: App = state.app
    caller = await app.pipeline.identify(bearer_hash(request.scope))
    return views.wallet_view(await wallets.get(app.context, caller.wallet_id))


@get("/v1/usage")
async def list_usage(
    request: Request[Any, Any, Any],
    state: State,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
    after: FromQuery[str | None] = None,
) -> dict[str, Any]:
    """Return charged calls, newest first: all of the wallet to its owner, to a member their own.

    `after` is the `request_id` of the last call of the page before.
    """
    app: App = state.app
    caller = await app.pipeline.identify(bearer_hash(request.scope))
    rows = await usage.page(
        app.context,
        wallet_id=caller.wallet_id,
        member_id=None if caller.is_owner else caller.member_id,
        after=after,
        limit=limit + 1,
    )
    return {
        "object": "list",
        "data": [views.customer_usage_view(row) for row in rows[:limit]],
        "has_more": len(rows) > limit,
    }
