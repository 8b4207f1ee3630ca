"""The configuration file: where it is found, and what it says.

Owns the lookup order and the reading of TOML into a checked layer. Refuses to read variables, but
for $GRIP_CONFIG, which names the file.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from grip.errors import ConfigurationInvalid
from grip.settings.kinds import ValueRefused, is_name, kind_name
from grip.settings.layer import Layer, dotted, suggestion
from grip.settings.process import ENVIRON
from grip.settings.schema import Section, sections_of
from grip.settings.whole import Settings

LOCAL_PATH = Path("grip.toml")
SYSTEM_PATH = Path("/etc/grip/grip.toml")
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def locate(path: Path | None = None, environ: Mapping[str, str] = ENVIRON) -> Path | None:
    """Return the file that configures grip, or None where defaults serve.

    In order: `path` (--config), $GRIP_CONFIG, ./grip.toml, /etc/grip/grip.toml. One of the first
    two that does not exist raises `ConfigurationInvalid`; an empty $GRIP_CONFIG counts as unset.
    """
    named = environ.get("GRIP_CONFIG", "")
    if path is not None or named:
        found = Path(named) if path is None else path
        origin = "$GRIP_CONFIG" if path is None else "--config"
        if not _is_there(found):
            raise ConfigurationInvalid(f"{found}: the file that {origin} names does not exist")
        return found
    return next((place for place in (LOCAL_PATH, SYSTEM_PATH) if _is_there(place)), None)


def read_file(path: Path) -> Layer:
    """Return the file's values, each checked; anything wrong raises `ConfigurationInvalid`."""
    layer: Layer = {}
    sections = sections_of(Settings)
    for name, content in _parsed(path).items():
        if name not in sections:
            raise _unknown(_quoted(name), _section_suggestion(name, sections))
        layer[name] = _section(name, sections[name], content)
    return layer


def _is_there(path: Path) -> bool:
    # Not Path.exists(), which takes a folder that may not be entered for a missing file.
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unreadable(path, error) from error
    return True


def _parsed(path: Path) -> dict[str, object]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationInvalid(f"{path}:{line}: is not UTF-8 text") from None
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigurationInvalid(f"{path}: is nested too deeply") from None
    except ValueError as error:
        raise ConfigurationInvalid(_syntax_message(path, text, str(error))) from None


def _unreadable(path: Path, error: OSError) -> ConfigurationInvalid:
    reason = error.strerror or type(error).__name__
    return ConfigurationInvalid(f"{path}: cannot be read: {reason}")


def _syntax_message(path: Path, text: str, message: str) -> str:
    place = _PLACE.search(message)
    if place is None:
        return f"{path}: is not valid TOML: {message}"
    line = place[1] or max(1, len(text.splitlines()))
    return f"{path}:{line}: is not valid TOML: {message[: place.start()]}"


def _section(name: str, section: Section, content: object) -> dict[str, dict[str, object]]:
    table = _table(name, content)
    if not section.is_named:
        return {"": _values(name, "", section, table)}
    for inner in table:
        if not is_name(inner):
            where = f"{name}.{_quoted(inner)}"
            raise ConfigurationInvalid(
                f"{where}: a name is letters, digits, - and _ only, at most 64 of them", param=where
            )
    return {
        inner: _values(name, inner, section, _table(f"{name}.{inner}", values))
        for inner, values in table.items()
    }


def _values(
    name: str, inner: str, section: Section, table: Mapping[str, object]
) -> dict[str, object]:
    checked = {}
    for key, value in table.items():
        where = dotted(name, inner, _quoted(key))
        kind = section.kind_of(key)
        if kind is None:
            known = {one: dotted(name, inner, one) for one in section.keys}
            raise _unknown(where, suggestion(where, known.values()))
        try:
            checked[key] = kind.from_toml(value)
        except ValueRefused as refused:
            raise ConfigurationInvalid(f"{where}: {refused}", param=where) from None
    return checked


def _table(where: str, content: object) -> dict[str, object]:
    if not isinstance(content, dict):
        raise ConfigurationInvalid(
            f"{where}: must be a table, not {kind_name(content)}", param=where
        )
    return content


def _section_suggestion(name: str, sections: Mapping[str, Section]) -> str:
    homes = [f"{title}.{name}" for title, about in sections.items() if name in about.keys]
    flat = [home for home in homes if not sections[home.partition(".")[0]].is_named]
    return f"; did you mean {flat[0]}?" if flat else suggestion(name, sections)


def _unknown(where: str, hint: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(f"{where}: unknown key{hint}", param=where)


def _quoted(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key)
