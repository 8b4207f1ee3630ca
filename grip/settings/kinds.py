"""The kinds of value a key may hold: how each is read, checked and written back.

Owns the sentence that says what a value must be. Refuses to know which key it reads, and never
repeats a value that could be a secret.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, ClassVar, Generic, TypeVar

T = TypeVar("T")
IPNetwork = IPv4Network | IPv6Network

# Longer ones are out of every bound, and int() refuses endless ones in its own words.
_DIGITS_MAX = 40
_WHOLE = re.compile(r"-?[0-9]+(_[0-9]+)*")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")
_TRUTHS = {"true": True, "yes": True, "on": True, "1": True}
_UNTRUTHS = {"false": False, "no": False, "off": False, "0": False}


class ValueRefused(ValueError):
    """A value is not of its kind; the message continues "KEY: …" and holds no secret."""


class Kind(ABC, Generic[T]):
    """How one kind of value is read from TOML or from a variable, and shown again."""

    is_secret: ClassVar[bool] = False

    @abstractmethod
    def from_toml(self, value: object) -> T:
        """Read a value that tomllib produced; a wrong one raises `ValueRefused`."""

    def from_text(self, text: str) -> T:
        """Read the value of an environment variable; most kinds are strings there too."""
        return self.from_toml(text)

    def to_toml(self, value: T) -> object:
        """Return what TOML holds for the value, so that `from_toml` reads it again."""
        return value

    def shown(self, value: T) -> object:
        """Return what an operator may see of the value, as JSON."""
        return self.to_toml(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Kind[int]):
    """A whole number within bounds, both included; true and false are none."""

    minimum: int = 1
    maximum: int

    def from_toml(self, value: object) -> int:
        """Accept an integer."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueRefused(f"must be {self._wanted()}, not {kind_name(value)}")
        if not self.minimum <= value <= self.maximum:
            raise ValueRefused(f"must be {self._wanted()}")
        return value

    def from_text(self, text: str) -> int:
        """Accept the digits of an integer, underscores between them as in TOML."""
        digits = text.strip()
        if not _WHOLE.fullmatch(digits) or len(digits) > _DIGITS_MAX:
            raise ValueRefused(f"must be {self._wanted()}")
        return self.from_toml(int(digits))

    def _wanted(self) -> str:
        return f"a whole number from {self.minimum} to {self.maximum}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds(Kind[float]):
    """A duration in seconds above zero, fractions allowed."""

    maximum: int = 86_400

    def from_toml(self, value: object) -> float:
        """Accept an integer or a finite float."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueRefused(f"must be {self._wanted()}, not {kind_name(value)}")
        if not 0 < value <= self.maximum:
            raise ValueRefused(f"must be {self._wanted()}")
        return float(value)

    def from_text(self, text: str) -> float:
        """Accept plain decimal digits."""
        if not _NUMBER.fullmatch(text.strip()):
            raise ValueRefused(f"must be {self._wanted()}")
        return self.from_toml(float(text))

    def to_toml(self, value: float) -> object:
        """Write whole seconds without a decimal point."""
        return int(value) if value.is_integer() else value

    def _wanted(self) -> str:
        return f"a number of seconds above 0, at most {self.maximum}"


class Truth(Kind[bool]):
    """True or false."""

    def from_toml(self, value: object) -> bool:
        """Accept TOML's own booleans only."""
        if not isinstance(value, bool):
            raise ValueRefused(f"must be true or false, not {kind_name(value)}")
        return value

    def from_text(self, text: str) -> bool:
        """Accept the usual words: true/false, yes/no, on/off, 1/0."""
        truth = (_TRUTHS | _UNTRUTHS).get(text.strip().casefold())
        if truth is None:
            raise ValueRefused("must be true or false")
        return truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Kind[str]):
    """One of a few words, upper or lower case."""

    words: tuple[str, ...]

    def from_toml(self, value: object) -> str:
        """Return the word as it is spelled here."""
        word = text_of(value).strip().casefold()
        if word not in self.words:
            raise ValueRefused(f"must be one of {', '.join(self.words)}")
        return word


class Word(Kind[str]):
    """A non-empty string without blanks, such as a host name or an address."""

    def from_toml(self, value: object) -> str:
        """Accept any single word."""
        word = text_of(value)
        if not word or any(character.isspace() for character in word):
            raise ValueRefused("must be one word, without blanks")
        return word


class Text(Kind[str]):
    """A string of one line, possibly empty."""

    def from_toml(self, value: object) -> str:
        """Accept any string of one line."""
        return text_of(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped(Kind[str]):
    """A string of a given shape, or the empty one; `wanted` says the shape in words."""

    shape: re.Pattern[str]
    wanted: str

    def from_toml(self, value: object) -> str:
        """Accept what fits."""
        text = text_of(value)
        if text and not self.shape.fullmatch(text):
            raise ValueRefused(f"must be {self.wanted}")
        return text


class NameOrNothing(Kind[str]):
    """The name of something in this configuration, or the empty string."""

    def from_toml(self, value: object) -> str:
        """Accept what `is_name` accepts."""
        name = text_of(value)
        if name and not is_name(name):
            raise ValueRefused("must be letters, digits, - and _ only, at most 64 of them")
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class OrNothing(Kind[T | None]):
    """Another kind, or a word that stands for the absence of a value."""

    kind: Kind[T]
    word: str

    def from_toml(self, value: object) -> T | None:
        """Return None for the word, else what the kind makes of the value."""
        if isinstance(value, str) and self._stands_for_nothing(value):
            return None
        with self._word_offered():
            return self.kind.from_toml(value)

    def from_text(self, text: str) -> T | None:
        """Do the same with a variable's text."""
        if self._stands_for_nothing(text):
            return None
        with self._word_offered():
            return self.kind.from_text(text)

    def to_toml(self, value: T | None) -> object:
        """Write the word for None."""
        return self.word if value is None else self.kind.to_toml(value)

    def shown(self, value: T | None) -> object:
        """Show None as null."""
        return None if value is None else self.kind.shown(value)

    def _stands_for_nothing(self, text: str) -> bool:
        return text.strip().casefold() == self.word

    @contextmanager
    def _word_offered(self) -> Iterator[None]:
        try:
            yield
        except ValueRefused as refused:
            raise ValueRefused(f'{refused}; or write "{self.word}"') from None


class Names(Kind[tuple[str, ...] | None]):
    """A list of names with at least one in it; None, the absence of the key, means all."""

    def from_toml(self, value: object) -> tuple[str, ...]:
        """Accept a list of names."""
        names = tuple(text_of(name) for name in list_of(value))
        if not names or not all(is_name(name) for name in names):
            raise ValueRefused("must list at least one name of letters, digits, - and _")
        return names

    def from_text(self, text: str) -> tuple[str, ...]:
        """Accept names separated by commas."""
        return self.from_toml(split_list(text))

    def to_toml(self, value: tuple[str, ...] | None) -> object:
        """Write a list; None has no form in TOML but the key's absence."""
        return None if value is None else list(value)


class Networks(Kind[tuple[IPNetwork, ...]]):
    """A list of IP addresses and networks, each parsed."""

    def from_toml(self, value: object) -> tuple[IPNetwork, ...]:
        """Accept a list of addresses and CIDR blocks."""
        return tuple(self._parsed(text_of(network)) for network in list_of(value))

    def from_text(self, text: str) -> tuple[IPNetwork, ...]:
        """Accept addresses and CIDR blocks separated by commas."""
        return self.from_toml(split_list(text))

    def to_toml(self, value: tuple[IPNetwork, ...]) -> object:
        """Write single addresses without a prefix length."""
        return [
            str(network.network_address if network.num_addresses == 1 else network)
            for network in value
        ]

    @staticmethod
    def _parsed(text: str) -> IPNetwork:
        try:
            return ip_network(text)
        except ValueError:
            pass
        try:
            block = ip_network(text, strict=False)
        except ValueError:
            raise ValueRefused(
                f'"{text}" is not an IP address or a CIDR block such as 10.0.0.0/8'
            ) from None
        raise ValueRefused(f'"{text}" has bits set after its prefix; write "{block}"')


def text_of(value: object) -> str:
    """Return the value as a string of one line, or refuse it."""
    if not isinstance(value, str):
        raise ValueRefused(f"must be a string, not {kind_name(value)}")
    if _CONTROL.search(value):
        raise ValueRefused("must not hold line breaks or control characters")
    return value


def list_of(value: object) -> Sequence[Any]:
    """Return the value as a list, or refuse it."""
    if not isinstance(value, list):
        raise ValueRefused(f"must be a list, not {kind_name(value)}")
    return value


def split_list(text: str) -> list[str]:
    """Split a variable's text at its commas; blanks and empty parts go."""
    return [part.strip() for part in text.split(",") if part.strip()]


def is_name(text: str) -> bool:
    """Tell whether the text can name a tier, a region or a provider."""
    return _NAME.fullmatch(text) is not None


def kind_name(value: object) -> str:
    """Say in words what TOML calls the value's type."""
    names = {bool: "true or false", int: "a whole number", float: "a float", str: "a string"}
    names |= {list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")
