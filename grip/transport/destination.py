"""Reading the URL of a stranger: where it leads, by the parser that the client itself uses.

Owns what every such URL has to be: https, a public name, no credentials, nothing hidden. Refuses to
resolve names; what an address may be is asked when it is dialled.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import httpx2

from grip.settings import Place
from grip.transport.addresses import Address

URL_CHARACTERS_MAX: Final = 2048

_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAME_MAX: Final = 253
_PORTS: Final = {"https": 443, "http": 80}

_PRIVATE_NAMES: Final = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "corp",
    "home",
    "arpa",
    "onion",
)
"""Last labels of names that only mean something inside of somebody's network."""


class UrlRefused(ValueError):
    """A URL leads nowhere that it may; the message continues "the URL …"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a URL leads: `url` in its canonical form, all ASCII; `address` of a listed literal."""

    url: httpx2.URL
    scheme: str
    host: str
    port: int
    address: Address | None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return what makes two URLs the same server."""
        return self.scheme, self.host, self.port


def read(url: str, *, allow: Sequence[Place] = ()) -> Destination:
    """Return where `url` leads; raises UrlRefused.

    It is https to a public name on any port, or, at a place of `allow`, http too and an address.
    """
    found = parse(url)
    if found.address is not None:
        if not any(place.holds(found.address, found.port) for place in allow):
            raise UrlRefused("must name a host, not an address")
        return found
    if found.scheme != "https":
        raise UrlRefused("must start with https://")
    _check_name(found.host)
    return found


def parse(url: str) -> Destination:
    """Return the parts of an http or https URL, wherever it leads; raises UrlRefused."""
    _check_text(url)
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise UrlRefused(f"cannot be read: {error}") from None
    if parsed.userinfo or "@" in _authority(url):
        raise UrlRefused("must not hold a user name or password")
    if "#" in url:
        raise UrlRefused("must not have a fragment (#)")
    if parsed.scheme not in _PORTS or not parsed.raw_host:
        raise UrlRefused("must start with https:// and a host")
    port = parsed.port or _PORTS[parsed.scheme]
    if parsed.port == 0 or not 0 < port < 2**16:
        raise UrlRefused("must have a port from 1 to 65535, or none")
    host = parsed.raw_host.decode("ascii")
    if len(str(parsed)) > URL_CHARACTERS_MAX:
        raise UrlRefused(f"must have at most {URL_CHARACTERS_MAX} characters, all escapes included")
    return Destination(
        url=parsed, scheme=parsed.scheme, host=host, port=port, address=_literal(host)
    )


def _check_text(url: str) -> None:
    if len(url) > URL_CHARACTERS_MAX:
        raise UrlRefused(f"must have at most {URL_CHARACTERS_MAX} characters")
    if not url.isprintable() or "\\" in url or any(letter.isspace() for letter in url):
        raise UrlRefused("must not hold blanks, control characters or backslashes")


def _authority(url: str) -> str:
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _check_name(host: str) -> None:
    labels = host.split(".")
    if len(host) > _NAME_MAX or not all(map(_LABEL.fullmatch, labels)):
        raise UrlRefused("must name a host by letters, digits, - and dots")
    if _NUMBER.fullmatch(labels[-1]):
        raise UrlRefused("must name a host, not an address")  # 127.1, 0x7f.1, 2130706433
    if labels[-1] in _PRIVATE_NAMES or len(labels) == 1:
        raise UrlRefused("must name a public host")
