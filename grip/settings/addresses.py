"""Kinds whose values may carry credentials, or are money: database URLs, links, amounts.

Owns their checks and their masking. Refuses to repeat any of them in an error.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

from grip.settings.kinds import Kind, ValueRefused, text_of

_AMOUNT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,4})?) +([A-Z]{3})")
_SECRET_PARAMETER = re.compile(r"(?i)([^&=]*(?:pass|secret|token|key)[^&=]*=)[^&]*")
_PUBLIC = re.compile(
    r"https://(?P<name>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*)"
    r"(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*/?"
)
_PRIVATE = {"localhost", "localdomain", "local", "internal", "lan"}
_MASK = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount of money: an exact decimal in units of `currency`, its ISO 4217 code."""

    value: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.value} {self.currency}"


class AmountText(Kind[Amount]):
    """An amount with its currency, written "100 CNY"."""

    def from_toml(self, value: object) -> Amount:
        """Accept digits, a blank and a currency code; never a bare number."""
        found = _AMOUNT.fullmatch(text_of(value).strip())
        if found is None:
            raise ValueRefused('must be an amount with its currency, such as "100 CNY"')
        return Amount(value=Decimal(found[1]), currency=found[2])

    def to_toml(self, value: Amount) -> object:
        """Write it as it was typed."""
        return str(value)


class DatabaseUrl(Kind[str]):
    """Where the books are: a SQLite file or a PostgreSQL database."""

    is_secret: ClassVar[bool] = True

    def from_toml(self, value: object) -> str:
        """Accept sqlite:///FILE and postgresql://…/NAME."""
        url = text_of(value)
        if url.startswith("sqlite:///"):
            _check_file(url.removeprefix("sqlite:///"))
        elif url.startswith("postgresql://"):
            _check_postgresql(_split(url))
        else:
            raise ValueRefused("must start with sqlite:/// or postgresql://")
        return url

    def shown(self, value: str) -> object:
        """Mask the password, wherever the URL carries it."""
        parts = urlsplit(value)
        user_info, at, host = parts.netloc.rpartition("@")
        user, colon, _ = user_info.partition(":")
        netloc = f"{user}{colon}{_MASK if colon else ''}{at}{host}"
        query = _masked(parts.query)
        return f"{parts.scheme}://{netloc}{parts.path}{'?' if query else ''}{query}"


class Link(Kind[str]):
    """The address of a web page or an endpoint."""

    def from_toml(self, value: object) -> str:
        """Accept http and https, a host, and no credentials."""
        link = text_of(value)
        parts = _split(link)
        if parts.scheme not in {"http", "https"} or not parts.hostname or " " in link:
            raise ValueRefused("must be an address that starts with https:// or http://")
        if "@" in parts.netloc:
            raise ValueRefused("must not hold a user name or password")
        return link

    def shown(self, value: str) -> object:
        """Mask what its query calls a key, a token or a password."""
        parts = urlsplit(value)
        return (
            urlunsplit(parts._replace(query=masked)) if (masked := _masked(parts.query)) else value
        )


class LinkOrNothing(Link):
    """A link, or the empty string."""

    def from_toml(self, value: object) -> str:
        """Accept the empty string too."""
        return "" if value == "" else super().from_toml(value)


class PublicUrl(Kind[str]):
    """The address under which strangers reach this gateway, or the empty string."""

    def from_toml(self, value: object) -> str:
        """Accept https to a name with a dot, and what stands before all paths."""
        url = text_of(value)
        if not url:
            return ""
        found = _PUBLIC.fullmatch(url)
        if found is None or _split(url).port == 0:
            raise ValueRefused("must be https:// and a name, such as https://grip.example.com")
        if found["name"].lower().rpartition(".")[2] in _PRIVATE:
            raise ValueRefused("must be a name that the internet knows")
        return url.rstrip("/")


def _masked(query: str) -> str:
    return _SECRET_PARAMETER.sub(rf"\g<1>{_MASK}", query)


def _check_file(name: str) -> None:
    if name in {"", "/", ":memory:"} or set(name) & set("?#"):
        raise ValueRefused("must name a file after sqlite:///, without ? and #")


def _check_postgresql(parts: SplitResult) -> None:
    name = parts.path.removeprefix("/")
    if not name:
        raise ValueRefused("must name a database, as in postgresql://user@host/name")
    # A slash, an @ or a # here is most often an unescaped password, torn apart.
    if parts.fragment or set(name) & set("/@"):
        raise ValueRefused(
            "must escape / ? # and @ in its user name and password (%2F %3F %23 %40)"
        )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        # Read for its check alone: the parser complains about a port only when asked for it.
        _ = parts.port
    except ValueError:
        raise ValueRefused("is not a URL; escape special characters in it (%2F for /)") from None
    return parts
