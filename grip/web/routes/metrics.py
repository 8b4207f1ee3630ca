"""`GET /metrics`: the page for Prometheus, for those who may read it.

Without `[server] metrics_token` these are programs on this machine: a connection from a loopback
address that no proxy says it has passed on, to a name of this machine's own, since a web page may
have its name lead here. With it, whoever sends it, from wherever, and nobody
else: a proxy that says nothing of itself makes the whole internet look local.
"""

import hmac
import re
from typing import Any, Final

import structlog
from litestar import Request, Response, get
from litestar.datastructures import State

from grip import errors, settings
from grip.app import App
from grip.metrics import CONTENT_TYPE

_LOCAL: Final = ("127.", "::1", "::ffff:127.")
_OWN_NAME: Final = re.compile(
    r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE
)
_PASSED_ON: Final = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via")
_BEARER: Final = "bearer "

log = structlog.get_logger(__name__)


@get("/metrics")
async def show_metrics(request: Request[Any, Any, State], state: State) -> Response[bytes]:
    """Return what this node counts, and how the books stand."""
    app: App = state.app
    reference = app.settings.server.metrics_token
    if not (_is_local(request) if reference is None else _has_token(request, reference)):
        raise errors.MetricsForbidden(
            "metrics are for the operator: read them on the machine itself, or with the token of "
            "[server] metrics_token, sent as Authorization: Bearer TOKEN"
        )
    return Response(
        await app.readings.page(),
        media_type=CONTENT_TYPE,
        headers={"cache-control": "no-store"},
    )


def _is_local(request: Request[Any, Any, State]) -> bool:
    """Whether a program on this machine asks, and not a proxy for somebody else."""
    host = "" if request.client is None else request.client.host
    is_passed_on = any(name in request.headers for name in _PASSED_ON)
    asked = _OWN_NAME.fullmatch(request.headers.get("host", "localhost"))
    return host.startswith(_LOCAL) and asked is not None and not is_passed_on


def _has_token(request: Request[Any, Any, State], reference: str) -> bool:
    sent = request.headers.get("authorization", "")
    if not sent.lower().startswith(_BEARER):
        return False
    try:
        token = settings.resolve_secret(reference)
    except errors.SecretUnresolved as error:
        log.warning("metrics.no_token", error=error.message)
        return False
    return hmac.compare_digest(sent[len(_BEARER) :].strip().encode(), token.encode())
