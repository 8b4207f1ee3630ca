"""From file and variables to `Settings`.

Owns the order of precedence: variables over the file over the defaults. Refuses to return anything
that is not checked whole.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from grip.errors import ConfigurationInvalid
from grip.settings.environment import read_environment
from grip.settings.file import locate, read_file
from grip.settings.layer import Layer, merged, refuse_twins
from grip.settings.process import ENVIRON
from grip.settings.schema import Section, sections_of
from grip.settings.selling_checks import check
from grip.settings.whole import Settings


def load(path: Path | None = None, environ: Mapping[str, str] = ENVIRON) -> Settings:
    """Return the configuration: the defaults, the file over them, the variables over both.

    `path` is the file to read, else the one that `locate` finds. Anything wrong raises
    `ConfigurationInvalid` with one line that names the key or the variable, never a secret.
    """
    found = locate(path, environ)
    file = read_file(found) if found is not None else {}
    return _built(merged(file, read_environment(environ, file)))


def _built(layer: Layer) -> Settings:
    values: dict[str, Any] = {}
    for name, section in sections_of(Settings).items():
        tables = layer.get(name, {})
        if section.is_named:
            values[name] = _named(name, section, tables)
        else:
            values[name] = _table(name, section, {**section.defaults, **tables.get("", {})})
    settings = Settings(**values)
    check(settings)
    return settings


def _named(
    title: str, section: Section, tables: Mapping[str, Mapping[str, object]]
) -> Mapping[str, Any]:
    refuse_twins(title, [*section.defaults, *tables])
    built = dict(section.defaults)
    for name, values in tables.items():
        default = section.defaults.get(name)
        if default is not None:
            built[name] = dataclasses.replace(default, **values)
        else:
            built[name] = _table(f"{title}.{name}", section, values)
    return MappingProxyType(built)


def _table(title: str, section: Section, values: Mapping[str, object]) -> Any:
    if section.shape is None:
        return MappingProxyType(dict(values))
    for key, about in section.keys.items():
        if about.is_required and key not in values:
            where = f"{title}.{key}"
            raise ConfigurationInvalid(f"{where}: is missing; {title} needs it", param=where)
    return section.shape(**values)
