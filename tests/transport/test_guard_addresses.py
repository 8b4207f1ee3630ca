"""Which addresses the guard lets through: the table, each address in all of its encodings.

Reports, by the numbers of the survey of other gateways: 30 (CVE-2026-42339, 0.0.0.0 passed a filter
of private networks).
"""

from ipaddress import ip_address, ip_network

import pytest

from grip.settings import Place
from grip.transport.addresses import is_public, may_dial
from grip.transport.destination import UrlRefused, read

REFUSED = (
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:0:a9fe:a9fe::1",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2600::5efe:7f00:1",
    "2600::200:5efe:a9fe:a9fe",
    "2600::1%eth0",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
)

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "168.63.129.15",
    "172.32.0.1",
    "192.0.1.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80e::200e",
)


def spellings(address: str) -> list[str]:
    """Return an IPv4 address as C libraries read it: in parts, octal, hexadecimal, one number."""
    number = int(ip_address(address))
    a, b, c, d = number.to_bytes(4, "big")
    return [
        address,
        f"{a}.{b}.{c * 256 + d}",
        f"{a}.{number & 0xFFFFFF}",
        str(number),
        f"{number:#x}",
        f"0{number:o}",
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"0{a:o}.{b}.{c}.{d:#x}",
        f"{a}。{b}。{c}。{d}",
        f"{a}．{b}．{c}．{d}",  # noqa: RUF001
        "".join(chr(ord(digit) + 0xFEE0) for digit in address),
        "".join(f"%{ord(digit):02x}" for digit in address),
        f"{address}.",
        f"[::ffff:{address}]",
        f"[::{address}]",
        f"[64:ff9b::{address}]",
        f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::]",
    ]


@pytest.mark.parametrize("address", REFUSED)
def test_no_address_but_a_public_one_is_dialled(address: str):
    """Report 30: private, embedded, reserved, multicast and unassigned ones, as 0.0.0.0 is."""
    assert not is_public(ip_address(address))
    assert not may_dial(ip_address(address), 443, ())


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_dialled(address: str):
    """The neighbours of refused networks too."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "0.0.0.0", "10.0.0.1"])  # noqa: S104
def test_no_spelling_of_an_address_is_a_host(address: str, scheme: str):
    """Report 30: what some resolver would read as an address is refused before any is asked."""
    for host in spellings(address):
        for port in ("", ":443", ":8080"):
            with pytest.raises(UrlRefused):
                read(f"{scheme}://{host}{port}/")


@pytest.mark.parametrize("address", [one for one in REFUSED if ":" in one])
def test_no_address_of_the_sixth_version_is_a_host(address: str):
    """Report 30: in brackets, with or without a zone."""
    with pytest.raises(UrlRefused):
        read(f"https://[{address.replace('%', '%25')}]/")


def test_what_is_listed_is_dialled_on_its_port_alone():
    """An operator opens one door, not a house."""
    allow = (Place(network=ip_network("10.0.0.0/8"), port=8443),)

    assert may_dial(ip_address("10.1.2.3"), 8443, allow)
    assert not may_dial(ip_address("10.1.2.3"), 443, allow)
    assert not may_dial(ip_address("127.0.0.1"), 8443, allow)


def test_a_listed_address_is_a_host_over_plain_http_too():
    """In the canonical spelling alone: another one is still no name."""
    allow = (Place(network=ip_network("127.0.0.1"), port=8080),)
    found = read("http://127.0.0.1:8080/x", allow=allow)

    assert (found.host, found.port, found.scheme) == ("127.0.0.1", 8080, "http")
    for url in ("http://127.0.0.1:8081/", "http://127.1:8080/", "http://hooks.example.com:8080/"):
        with pytest.raises(UrlRefused):
            read(url, allow=allow)
