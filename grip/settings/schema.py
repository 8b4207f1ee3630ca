"""What a section and its keys are made of, read off the dataclasses of `sections`.

Owns the metadata of a key (its kind and its documentation) and of a section. Refuses to hold any
key itself, and to read anything.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from grip.settings.kinds import Kind

T = TypeVar("T")
_METADATA = "grip"
# Not dataclasses.MISSING, which a dataclass takes as "no default" of its own.
_REQUIRED: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: what it may hold, one or two lines about it, and its default."""

    kind: Kind[Any]
    doc: str
    default: Any = _REQUIRED
    example: str = ""

    @property
    def is_required(self) -> bool:
        """Tell whether the key must be given, having no default."""
        return self.default is _REQUIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section of the file: a table of keys, or a table of such tables, each with a name.

    `shape` is the dataclass of one table; without it (`free`) any key goes, of the kind that
    `free` returns for it (None refuses the key). `defaults` are tables, or keys where there is one
    table only. `sample` is what the example shows of it.
    """

    doc: str
    shape: type[Any] | None = None
    free: Callable[[str], Kind[Any] | None] | None = None
    is_named: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)
    sample: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def keys(self) -> dict[str, Key]:
        """Return the fixed keys in the order of the dataclass; none for a free table."""
        if self.shape is None:
            return {}
        return {item.name: item.metadata[_METADATA] for item in dataclasses.fields(self.shape)}

    def kind_of(self, key: str) -> Kind[Any] | None:
        """Return the kind of the key, or None when there is no such key."""
        if self.free is not None:
            return self.free(key)
        known = self.keys.get(key)
        return None if known is None else known.kind


def key(default: T, kind: Kind[T], doc: str, *, example: str = "") -> T:
    """Declare a key with its default; `example` is shown where the default has no form in TOML."""
    about = Key(kind=kind, doc=doc, default=default, example=example)
    made: T = field(default=default, repr=not kind.is_secret, metadata={_METADATA: about})
    return made


def required_key(kind: Kind[T], doc: str) -> T:
    """Declare a key that has no default."""
    made: T = field(metadata={_METADATA: Key(kind=kind, doc=doc)})
    return made


def section(shape: Callable[[], T], doc: str) -> T:
    """Declare a section that is one table."""
    about = Section(doc=doc, shape=shape if isinstance(shape, type) else None)
    made: T = field(default_factory=shape, metadata={_METADATA: about})
    return made


def named_sections(defaults: Mapping[str, T], about: Section) -> Mapping[str, T]:
    """Declare a section of named tables, of which `defaults` are there untold."""
    whole = dataclasses.replace(about, is_named=True, defaults=defaults)
    made: Mapping[str, T] = field(default_factory=lambda: defaults, metadata={_METADATA: whole})
    return made


def free_section(defaults: Mapping[str, T], about: Section) -> Mapping[str, T]:
    """Declare a section that is one table of any keys, of which `defaults` are there untold."""
    whole = dataclasses.replace(about, defaults=defaults)
    made: Mapping[str, T] = field(default_factory=lambda: defaults, metadata={_METADATA: whole})
    return made


def sections_of(settings: type[Any]) -> dict[str, Section]:
    """Return the sections by name, in the order of the file."""
    return {item.name: item.metadata[_METADATA] for item in dataclasses.fields(settings)}
