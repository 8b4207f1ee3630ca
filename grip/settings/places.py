"""Kinds of what may be reached over a network: ports, and private places by address and port.

Owns how they are written. Refuses names: a place is where a connection ends, and whoever owns a
name decides where that is.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network

from grip.settings.kinds import (
    IPNetwork,
    Kind,
    ValueRefused,
    Whole,
    list_of,
    split_list,
    text_of,
)

_PORT = Whole(maximum=65_535)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A port of one address, or of each address of a network."""

    network: IPNetwork
    port: int

    def __str__(self) -> str:
        single = self.network.num_addresses == 1
        where = str(self.network.network_address if single else self.network)
        return f"{where if self.network.version == 4 else f'[{where}]'}:{self.port}"  # noqa: PLR2004

    def holds(self, address: IPv4Address | IPv6Address, port: int) -> bool:
        """Tell whether this address and port are part of the place."""
        return port == self.port and address in self.network


class Places(Kind[tuple[Place, ...]]):
    """A list of places, each `ADDRESS:PORT` or `NETWORK:PORT`; IPv6 stands in brackets."""

    def from_toml(self, value: object) -> tuple[Place, ...]:
        """Accept a list of places."""
        return tuple(_place(text_of(place)) for place in list_of(value))

    def from_text(self, text: str) -> tuple[Place, ...]:
        """Accept places separated by commas."""
        return self.from_toml(split_list(text))

    def to_toml(self, value: tuple[Place, ...]) -> object:
        """Write them as they were typed."""
        return [str(place) for place in value]


class Ports(Kind[tuple[int, ...]]):
    """A list of ports with at least one in it."""

    def from_toml(self, value: object) -> tuple[int, ...]:
        """Accept a list of whole numbers."""
        ports = tuple(_PORT.from_toml(port) for port in list_of(value))
        if not ports:
            raise ValueRefused("must list at least one port")
        return ports

    def from_text(self, text: str) -> tuple[int, ...]:
        """Accept numbers separated by commas."""
        return self.from_toml([_PORT.from_text(port) for port in split_list(text)])

    def to_toml(self, value: tuple[int, ...]) -> object:
        """Write a list."""
        return list(value)


def _place(text: str) -> Place:
    where, _, port = text.rpartition(":")
    if where.startswith("[") and where.endswith("]"):
        where = where[1:-1]
    elif ":" in where:
        where = ""
    try:
        return Place(network=ip_network(where), port=_PORT.from_text(port))
    except ValueError:
        raise ValueRefused(
            f'"{text}" is not an address or a network with its port, such as 10.0.0.7:8080, '
            "10.0.0.0/8:8080 or [fd00::7]:8080"
        ) from None
