"""The options that commands share, each written once.

Owns `--config`, `--json`, `--actor`, `--reason`, `--limit` and the spans of time. Refuses to know
what a command does with them.
"""

import os
import pwd
from pathlib import Path
from typing import Annotated

import typer


def os_user() -> str:
    """Return who runs this process, as the operating system knows them."""
    user_id = os.getuid()
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"uid:{user_id}"


def _actor(given: str) -> str:
    return given.strip() or os_user()


def _reason(given: str) -> str:
    if not given.strip():
        raise typer.BadParameter("say why, in a few words")
    return given.strip()


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="PATH",
        help="The configuration file; else $GRIP_CONFIG, ./grip.toml, /etc/grip/grip.toml.",
        rich_help_panel="Common options",
    ),
]

AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON value and nothing else.",
        rich_help_panel="Common options",
    ),
]

Actor = Annotated[
    str,
    typer.Option(
        "--actor",
        metavar="NAME",
        callback=_actor,
        show_default="the OS user",
        help="Who does this, for the audit log.",
        rich_help_panel="Common options",
    ),
]
"""Defaults to "", which becomes the OS user before the command sees it."""

Reason = Annotated[
    str,
    typer.Option(
        "--reason", metavar="TEXT", callback=_reason, help="Why, for the ledger and the audit log."
    ),
]
"""Required, and never empty: for whatever moves money or a tier."""

Remark = Annotated[
    str,
    typer.Option(
        "--reason",
        metavar="TEXT",
        help="Why, for the audit log.",
        rich_help_panel="Common options",
    ),
]
"""A reason that may be left out: defaults to ""."""

Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=0, max=2**63 - 1, help="Show the newest N only."),
]

Every = Annotated[
    float,
    typer.Option(
        "--every", min=0.2, max=3600, metavar="S", help="Look again after so many seconds."
    ),
]

Since = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="From this time on: 2026-01-31, or with a time."),
]
"""Text, for `parse.moment`."""

Until = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="Before this time, which itself is not included."),
]
"""Text, for `parse.moment`."""
