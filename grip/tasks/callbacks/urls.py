"""What a callback_url may be: judged when a task is created, and again at each delivery.

Owns the refusals that a tenant reads. Refuses to resolve names: where they lead is the guard's to
check, at the moment of each connection.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from grip import errors
from grip.settings import Place, Settings
from grip.transport import destination
from grip.transport.destination import UrlRefused

PARAM = "callback_url"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRules:
    """Which ports and private places a callback may name, and the hosts that are grip's own."""

    ports: Sequence[int] = (443,)
    allow: Sequence[Place] = ()
    own_hosts: frozenset[str] = frozenset()


def rules_of(settings: Settings, *, host_names: Sequence[str] = ()) -> CallbackRules:
    """Return the rules of a configuration, on a node with these names of its own."""
    endpoints = [urlsplit(region.endpoint).hostname for region in settings.regions.values()]
    public = urlsplit(settings.server.public_url).hostname
    named = [settings.server.host, public, *endpoints, *host_names]
    return CallbackRules(
        ports=settings.callbacks.ports,
        allow=settings.callbacks.allow,
        own_hosts=frozenset(name.lower().rstrip(".") for name in named if name),
    )


def check_callback_url(url: str, rules: CallbackRules) -> str:
    """Return the canonical form of `url`, all ASCII; raises InvalidRequest with the param.

    It is https, to a public name and one of the ports, without credentials or a fragment; or it
    names one of the places that the operator lists.
    """
    try:
        found = destination.read(url, allow=rules.allow)
    except UrlRefused as refused:
        raise _refused(str(refused)) from None
    if found.address is None:
        if found.port not in rules.ports:
            raise _refused(f"must use port {' or '.join(map(str, rules.ports))}, not {found.port}")
        if found.host in rules.own_hosts:
            raise _refused("must not lead back to this gateway")
    return str(found.url)


def _refused(why: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(f"callback_url {why}", param=PARAM)
