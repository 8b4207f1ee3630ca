"""Who can reach the gateway, and whether what they send can be read on the way.

The address is that of the configuration, and that of the last start where it was another: `--host`,
systemd's socket, or an environment that the service alone has. Refuses to try an address.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grip import settings
from grip.services import starts
from grip.services.context import Context
from grip.services.doctor.finding import Finding, error, fine, warning

NAME: Final = "exposure"
_STARTED: Final = "As grip serve was last started: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where grip listens, and what it knows of who stands before it; `proxies` as they are told."""

    hosts: tuple[str, ...]
    public_url: str
    proxies: tuple[str, ...]

    @property
    def outer(self) -> str:
        """The addresses that others than this machine may reach; empty where there are none."""
        return ", ".join(host for host in self.hosts if not _is_loopback(host))

    @property
    def networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """The proxies, as networks."""
        return [ipaddress.ip_network(proxy, strict=False) for proxy in self.proxies]


async def check(context: Context, sockets: Sequence[str] = ()) -> list[Finding]:
    """Return whether API keys may travel in plain text, by the configuration.

    `sockets` are addresses that systemd handed over, and that count instead.
    """
    return judge(_configured(context, sockets))


async def of_last_start(context: Context) -> list[Finding]:
    """Return the same of the last start of `grip serve`, where it listened otherwise."""
    told = await starts.last(context, command="serve")
    door = None if told is None else _door(told)
    if door is None or door == _configured(context):
        return []
    return [
        Finding(
            name=one.name,
            state=one.state,
            sentence=_STARTED + one.sentence,
            remedy=one.remedy and f"{one.remedy} Then start it again.",
        )
        for one in judge(door)
    ]


def judge(door: Door) -> list[Finding]:
    """Return what is risky about where grip listens."""
    found = [_tls(door)]
    if any(network.prefixlen == 0 for network in door.networks):
        found.append(
            warning(
                NAME,
                "Everybody is taken for a proxy: whoever calls can claim any address as their own.",
                "Name the proxy's own address in [server] trusted_proxies.",
            )
        )
    return [one for one in found if one.remedy] or found


def _tls(door: Door) -> Finding:
    if not door.outer:
        return fine(NAME, f"Only this machine reaches {', '.join(door.hosts)}.")
    if door.proxies and all(network.is_loopback for network in door.networks):
        return warning(
            NAME,
            f"grip listens on {door.outer} without TLS, and its proxy is on this machine: whoever "
            "knows the port goes past the proxy, and sends keys in plain text.",
            "Let grip listen on 127.0.0.1.",
        )
    if door.public_url and door.proxies:
        return fine(NAME, f"Customers come by {door.public_url}, through a proxy.")
    if door.proxies:
        return warning(
            NAME,
            f"grip listens on {door.outer} without TLS, behind a proxy that has not said its "
            "address.",
            "Set [server] public_url to the https address of the proxy.",
        )
    if door.public_url:
        return warning(
            NAME,
            f"grip listens on {door.outer} without TLS, beside {door.public_url}: whoever "
            "knows the port sends keys in plain text, and all customers have one address.",
            "Listen on 127.0.0.1 behind the proxy, or name it in [server] trusted_proxies.",
        )
    return error(
        NAME,
        f"grip listens on {door.outer} without TLS: API keys and content can be read on the way.",
        "Put a proxy with TLS in front of it (such as Caddy), let grip listen on 127.0.0.1, "
        "and set [server] public_url.",
    )


def _configured(context: Context, sockets: Sequence[str] = ()) -> Door:
    server = settings.describe(context.settings)["server"]
    told = {f"server.{name}": value for name, value in server.items()}
    return _door({**told, starts.SOCKETS: sockets})


def _door(told: Mapping[str, Any]) -> Door:
    sockets = [str(address) for address in told.get(starts.SOCKETS) or ()]
    hosts = [address.rpartition(":")[0].strip("[]") for address in sockets]
    return Door(
        hosts=tuple(hosts or [str(told.get("server.host", "127.0.0.1"))]),
        public_url=str(told.get("server.public_url", "")),
        proxies=tuple(map(str, told.get("server.trusted_proxies", ()))),
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
