"""`grip db`: the schema of the database."""

from typing import Any

import typer

from grip.cli import errors, output
from grip.cli.options import Actor, AsJson, Config
from grip.cli.runner import run_as_is
from grip.services import schema
from grip.store.schema import SchemaStatus

app = typer.Typer(help="The database's schema.")


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


def _shown(found: SchemaStatus) -> dict[str, Any]:
    return {"current": found.current, "head": found.head, "is_current": found.is_current}


def _sentence(found: SchemaStatus) -> str:
    if found.is_current:
        return f"The database is at {found.head}, as this version needs it."
    if found.current is None:
        return "The database is empty; the first command that uses it fills it."
    return f"The database is at {found.current}, this version needs {found.head}: grip db upgrade"
