"""Which addresses a stranger's URL may lead to: the public internet, and what is listed.

Owns the table of networks that are refused. Refuses to trust `ipaddress.is_global` alone: it calls
NAT64, 6to4, multicast and the wire server of Azure global, and differs between versions of Python.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from grip.settings import Place

Address = IPv4Address | IPv6Address

_DENIED_V4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' networks, and metadata of some clouds
            "127.0.0.0/8",
            "168.63.129.16/32",  # the wire server of Azure
            "169.254.0.0/16",  # link-local: metadata of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments, metadata of Oracle
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",
        ),
    )
)

# What is not in here is refused: mapped IPv4, NAT64, link-local, unique local, multicast, the rest.
_ALLOWED_V6: Final = IPv6Network("2000::/3")

_DENIED_V6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo, ORCHID, protocol assignments
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which carries an IPv4 address
            "2620:4f:8000::/48",
            "3fff::/20",
        ),
    )
)

_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""The upper half of an interface id that carries an IPv4 address in its lower half."""


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet, and embeds no other."""
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return not _within(address, _DENIED_V4)
    if address.scope_id is not None or int(address) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return False
    return address in _ALLOWED_V6 and not _within(address, _DENIED_V6)


def may_dial(address: Address, port: int, allow: Iterable[Place]) -> bool:
    """Tell whether an address is public, or listed with this port."""
    return is_public(address) or any(place.holds(address, port) for place in allow)


def _within(address: Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)
