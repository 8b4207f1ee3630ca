"""`GET /metrics`: the page for Prometheus, for those who may read it.

Without `[server] metrics_token` these are programs on this machine: a connection from a loopback
address that no proxy says it has passed on, to a name of this machine's own, since a web page may
have its name lead here. With it, whoever sends it, from wherever, and nobody
else: a proxy that says nothing of itself makes the whole internet look local.
"""

import hmac
import ipaddress
import re
from typing import Any, Final

import structlog
from litestar import Request, Response, get
from litestar.datastructures import State

from grip import errors, settings
from grip.app import App
from grip.metrics import CONTENT_TYPE

_NAMED: Final = re.compile(r"(?:\[(?P<bare>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::[0-9]{1,5})?")
_PASSED_ON: Final = frozenset(
    {
        "cf-connecting-ip",
        "client-ip",
        "fastly-client-ip",
        "forwarded",
        "forwarded-for",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-original-forwarded-for",
        "x-original-host",
        "x-real-ip",
    }
)
_PASSED_ON_AS: Final = "x-forwarded"
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
    if request.client is None or not _is_loopback(request.client.host):
        return False
    if any(name in _PASSED_ON or name.startswith(_PASSED_ON_AS) for name in request.headers):
        return False
    hosts = request.headers.getall("host", [])
    named = _NAMED.fullmatch(hosts[0]) if len(hosts) == 1 else None
    if named is None:
        return False
    name = named["name"] or ""
    return name.lower() == "localhost" or _is_loopback(named["bare"] or name)


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


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
