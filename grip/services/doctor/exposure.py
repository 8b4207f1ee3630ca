"""Who can reach the gateway, and whether what they send can be read on the way."""

import ipaddress
from typing import Final

from grip.services.context import Context
from grip.services.doctor.finding import Finding, error, fine, warning

_NAME: Final = "exposure"


async def check(context: Context) -> list[Finding]:
    """Return whether API keys may travel in plain text."""
    server = context.settings.server
    if _is_loopback(server.host):
        return [fine(_NAME, f"Only this machine reaches {server.host}.")]
    if server.public_url and server.trusted_proxies:
        return [fine(_NAME, f"Customers come by {server.public_url}, through a proxy.")]
    if server.trusted_proxies:
        return [
            warning(
                _NAME,
                f"grip listens on {server.host} without TLS, behind a proxy that has not said its "
                "address.",
                "Set [server] public_url to the https address of the proxy.",
            )
        ]
    if server.public_url:
        return [
            warning(
                _NAME,
                f"grip listens on {server.host} without TLS, beside {server.public_url}: whoever "
                "knows the port sends keys in plain text, and all customers have one address.",
                "Listen on 127.0.0.1 behind the proxy, or name it in [server] trusted_proxies.",
            )
        ]
    return [
        error(
            _NAME,
            f"grip listens on {server.host} without TLS: API keys and content can be read on the "
            "way.",
            "Put a proxy with TLS in front of it (such as Caddy), let grip listen on 127.0.0.1, "
            "and set [server] public_url.",
        )
    ]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
