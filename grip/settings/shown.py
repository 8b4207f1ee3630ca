"""The configuration as people see it: the commented example, and what holds now.

Owns the wording of the file and the masking of secrets. Refuses to say anything about a key that
its declaration does not say.
"""

import textwrap
from collections.abc import Mapping
from typing import Any

import tomli_w

from grip.settings.schema import Key, Section, sections_of
from grip.settings.whole import Settings

_WIDTH = 100
_HEAD = """\
# grip.toml, the configuration of grip. Every key is here with its default; delete what you do not
# change. `grip config check` tells whether a file is right, `grip config show` what holds.
#
# Looked for at --config PATH, $GRIP_CONFIG, ./grip.toml, /etc/grip/grip.toml. The environment wins
# over the file: GRIP_SERVER_PORT is [server] port, GRIP_TIERS_PLUS_QPS is [tiers.plus] qps, and
# GRIP_REGIONS_CN_SHANGHAI_ENDPOINT is [regions.cn-shanghai] endpoint. Lists have commas there.
#
# Secrets are references, never values: "env:NAME", "file:/absolute/path", "cred:NAME" (systemd).
"""


def render_example() -> str:
    """Return the text of config.example.toml, which loads back to the defaults."""
    parts = [_HEAD]
    for name, section in sections_of(Settings).items():
        parts.append(_named(name, section) if section.is_named else _single(name, section))
    return "\n".join(parts)


def describe(settings: Settings) -> dict[str, Any]:
    """Return every key and its value as JSON knows them; null is no limit, passwords are ***."""
    described: dict[str, Any] = {}
    for name, section in sections_of(Settings).items():
        value = getattr(settings, name)
        if section.is_named:
            described[name] = {inner: _shown(section, table) for inner, table in value.items()}
        else:
            described[name] = _shown(section, value)
    return described


def flat(described: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return what `describe` tells as one row: each value by its dotted name."""
    row: dict[str, Any] = {}
    for key, value in described.items():
        if isinstance(value, Mapping):
            row |= flat(value, f"{above}{key}.")
        else:
            row[above + key] = value
    return row


def _shown(section: Section, table: Any) -> dict[str, object]:
    if isinstance(table, Mapping):
        return dict(table)
    return {
        name: None if getattr(table, name) is None else key.kind.shown(getattr(table, name))
        for name, key in section.keys.items()
    }


def _single(name: str, section: Section) -> str:
    lines = [_comment(section.doc), f"[{name}]\n"]
    for title, key in section.keys.items():
        lines += [_comment(key.doc), _assignment(title, key, key.default)]
    lines += [tomli_w.dumps({title: value}) for title, value in section.defaults.items()]
    return "".join(lines)


def _named(name: str, section: Section) -> str:
    lines = [_comment(section.doc)]
    lines += [_comment(f"{title}: {key.doc}", indent=2) for title, key in section.keys.items()]
    for inner, default in section.defaults.items():
        lines.append(f"\n[{name}.{inner}]\n")
        lines += [_assignment(t, k, getattr(default, t)) for t, k in section.keys.items()]
    for inner, values in section.sample.items():
        text = tomli_w.dumps({name: {inner: dict(values)}})
        lines.append(textwrap.indent(text, "# "))
    return "".join(lines)


def _assignment(title: str, key: Key, value: object) -> str:
    written = key.kind.to_toml(value)
    if written is None:
        return f"# {title} = {key.example}\n"
    return tomli_w.dumps({title: written})


def _comment(text: str, indent: int = 0) -> str:
    lines = textwrap.wrap(
        text, _WIDTH - 2, initial_indent=" " * indent, subsequent_indent=" " * 2 * indent
    )
    return "".join(f"# {line}\n" for line in lines)
