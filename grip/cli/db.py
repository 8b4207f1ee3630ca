"""`grip db`: the schema of the database, and its backups."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from grip.cli import errors, output
from grip.cli.options import Actor, AsJson, Config, Remark
from grip.cli.runner import run_as_is
from grip.services import backups, schema
from grip.services.backups import Backup, Restore, Restored
from grip.store.schema import SchemaStatus

app = typer.Typer(help="The database's schema, and its backups.")

_File = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]


@app.command()
def upgrade(config: Config = None, as_json: AsJson = False, actor: Actor = "") -> None:
    """Bring the schema to the one of this version."""
    before = run_as_is(config, schema.upgrade, actor=actor)
    if before.is_current:
        sentence = f"The database is at {before.head} already."
    else:
        sentence = f"The database is at {before.head} now; it was {before.current or 'empty'}."
    answer = {"before": before.current, "current": before.head, "head": before.head}
    output.done(answer, sentence, as_json=as_json)


@app.command()
def status(config: Config = None, as_json: AsJson = False) -> None:
    """Tell whether the schema is the one of this version; exit 1 where it is not."""
    found = run_as_is(config, schema.status)
    output.done(_shown(found), _sentence(found), as_json=as_json)
    if not found.is_current:
        raise typer.Exit(errors.FAILED)


@app.command()
def backup(file: _File, config: Config = None, as_json: AsJson = False, actor: Actor = "") -> None:
    """Write all that the database holds into a new FILE, while it is in use, and prove it.

    FILE is a SQLite database, whichever engine yours is on. It holds customers' data and the
    secrets of callbacks: keep it as you keep the database.
    """
    with _bar("Copying") as told:
        made = run_as_is(config, backups.backup, file, actor=actor, told=told)
    output.done(_made(made), _made_sentence(made), as_json=as_json)


@app.command()
def restore(
    file: _File,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move aside what is there; nothing is deleted.")
    ] = False,
    reason: Remark = "",
    config: Config = None,
    as_json: AsJson = False,
    actor: Actor = "",
) -> None:
    """Put what a backup holds where the database is, on either engine; stop grip before."""
    with _bar("Restoring") as told:
        wish = Restore(file=file, actor=actor, reason=reason)
        done = run_as_is(config, backups.restore, wish, replace=replace, told=told)
    output.done(_restored(done), _restored_sentence(done), as_json=as_json)


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show how far it is, on a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(name, total=None)

        def told(done: int, of: int | None) -> None:
            progress.update(bar, completed=done, total=of)

        yield told


def _made(made: Backup) -> dict[str, Any]:
    return {
        "file": str(made.file.absolute()),
        "bytes": made.size,
        "revision": made.revision,
        "checks": made.checks,
    }


def _made_sentence(made: Backup) -> str:
    return (
        f"Wrote {made.file}: {made.size} bytes, at {made.revision}; opened again, and all "
        f"{made.checks} checks of the books hold."
    )


def _restored(done: Restored) -> dict[str, Any]:
    return {
        "file": str(done.file.absolute()),
        "revision": done.revision,
        "checks": done.checks,
        "aside": done.aside,
        "is_current": done.is_current,
    }


def _restored_sentence(done: Restored) -> str:
    sentence = f"Restored {done.file}; all {done.checks} checks of the books hold."
    if done.aside is not None:
        sentence += f" What was there is now {done.aside}."
    if not done.is_current:
        sentence += f" It is at {done.revision}: run grip db upgrade."
    return sentence


def _shown(found: SchemaStatus) -> dict[str, Any]:
    return {
        "current": found.current,
        "head": found.head,
        "is_current": found.is_current,
        "is_usable": found.is_usable,
    }


def _sentence(found: SchemaStatus) -> str:
    if found.is_current:
        return f"The database is at {found.head}, as this version needs it."
    if found.current is None:
        return "The database is empty; the first command that uses it fills it."
    if found.is_usable:
        return (
            f"The database is at {found.current}, of a newer grip; this version ({found.head}) may "
            "go on until it is upgraded too."
        )
    if found.is_newer:
        return f"The database is at {found.current}, of a newer grip than this one ({found.head})."
    return f"The database is at {found.current}, this version needs {found.head}: grip db upgrade"
