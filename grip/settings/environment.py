"""GRIP_… variables: which key each of them sets.

Owns the translation of GRIP_SERVER_PORT to server.port and its like. Refuses to guess: a variable
of a known section that is no key stops the start; one of another section is somebody else's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from grip.errors import ConfigurationInvalid
from grip.settings.kinds import Kind, ValueRefused, is_name
from grip.settings.layer import Layer, dotted, folded, suggestion
from grip.settings.schema import Section, sections_of
from grip.settings.whole import Settings

_PREFIX = "GRIP_"
# The name of the table ("" where a section has one only), the key, and what the key may hold.
_Target = tuple[str, str, Kind[Any]]


def read_environment(environ: Mapping[str, str], file: Layer) -> Layer:
    """Return what the variables set, each value checked; `file` tells the names that are known.

    A variable that names no key, or whose value is refused, raises `ConfigurationInvalid`.
    """
    layer: Layer = {}
    origins: dict[str, str] = {}
    for variable, section, about, rest in _ours(environ):
        names = list(dict.fromkeys([*about.defaults, *file.get(section, {})]))
        target = _target(about, rest, names)
        if target is None:
            raise _unknown(variable, section, about, names)
        name, key, kind = target
        where = dotted(section, name, key)
        twin = origins.setdefault(where, variable)
        if twin != variable:
            raise ConfigurationInvalid(f"{where}: set by both {twin} and {variable}", param=where)
        layer.setdefault(section, {}).setdefault(name, {})[key] = _value(
            kind, environ[variable], where, variable
        )
    return layer


def _ours(environ: Mapping[str, str]) -> Iterator[tuple[str, str, Section, str]]:
    sections = sections_of(Settings)
    for variable in sorted(environ):
        section, _, rest = variable.removeprefix(_PREFIX).partition("_")
        is_ours = variable.startswith(_PREFIX) and section.isupper()
        if is_ours and section.lower() in sections:
            yield variable, section.lower(), sections[section.lower()], rest


def _target(about: Section, rest: str, names: list[str]) -> _Target | None:
    if about.free is not None and not about.is_named:
        return ("", rest, kind) if (kind := about.free(rest)) is not None else None
    if about.free is not None:
        return _free_target(about.free, rest, names)
    for key, known in about.keys.items():
        if not about.is_named and rest == key.upper():
            return "", key, known.kind
        name = _spelled(rest.removesuffix(f"_{key.upper()}"), names)
        if about.is_named and rest.endswith(f"_{key.upper()}") and is_name(name):
            return name, key, known.kind
    return None


def _free_target(
    kind_of: Callable[[str], Kind[Any] | None], rest: str, names: list[str]
) -> _Target | None:
    # Where name and key are both free, a known name wins, the longest first, else the first word.
    fitting = [name for name in names if folded(rest).startswith(f"{folded(name)}_")]
    name = max(fitting, key=len, default=rest.partition("_")[0].lower())
    key = rest[len(name) + 1 :].lower()
    kind = kind_of(key)
    return (name, key, kind) if kind is not None and is_name(name) else None


def _spelled(name: str, names: Iterable[str]) -> str:
    """Return the name as the file or the defaults spell it, else in lower case."""
    return next((known for known in names if folded(known) == folded(name)), name.lower())


def _value(kind: Kind[Any], text: str, where: str, variable: str) -> object:
    try:
        return kind.from_text(text)
    except ValueRefused as refused:
        raise ConfigurationInvalid(f"{where} (from {variable}): {refused}", param=where) from None


def _unknown(
    variable: str, section: str, about: Section, names: Iterable[str]
) -> ConfigurationInvalid:
    tables = names if about.is_named else [""]
    candidates = [
        _PREFIX + dotted(section, name, key).upper().replace("-", "_").replace(".", "_")
        for name in tables
        for key in about.keys
    ]
    hint = suggestion(variable, candidates)
    return ConfigurationInvalid(f"{variable}: unknown key of [{section}]{hint}", param=variable)
