"""Whose address a call is counted under, where proxies stand in front of grip."""

from ipaddress import ip_network
from typing import Any

import pytest

from grip.web.request import client_ip

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fe80::/10"))


def _ip(peer: str, *forwarded: str) -> str:
    scope: Any = {
        "client": (peer, 1),
        "headers": [(b"x-forwarded-for", line.encode("latin-1")) for line in forwarded],
    }
    return client_ip(scope, TRUSTED)


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["made up"], "10.0.0.1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
    ],
)
def test_only_trusted_proxies_say_who_called(peer: str, forwarded: list[str], found: str):
    """Read from the end: what stands before the first stranger, that stranger wrote."""
    assert _ip(peer, *forwarded) == found


def test_a_proxy_that_adds_a_line_of_its_own_is_read():
    """Some add a line behind the client's own, which must not count in its place."""
    assert _ip("10.0.0.1", "6.6.6.6", "203.0.113.9") == "203.0.113.9"
    assert _ip("10.0.0.1", "6.6.6.6", "203.0.113.9, 10.0.0.2", "10.0.0.3") == "203.0.113.9"


@pytest.mark.parametrize("zone", ["\x1b[2J", "x" * 500, "=cmd()", "eth0"], ids=repr)
def test_an_address_with_a_zone_is_no_address(zone: str):
    """Behind its % may stand any text, for logs, terminals and tables."""
    assert _ip("10.0.0.1", f"fe80::1%{zone}") == "10.0.0.1"
