"""`grip audit`: who changed what, and why."""

from pathlib import Path
from typing import Annotated

import typer

from grip.cli import output, parse
from grip.cli.options import AsJson, Config, Limit, Since, Until
from grip.cli.output import longer, moment, text
from grip.cli.runner import run
from grip.errors import InvalidRequest
from grip.services import audit
from grip.services.context import Context
from grip.store.audit import Wanted

app = typer.Typer(help="Who changed what, and why.")

_COLUMNS = (
    moment("at"),
    text("actor"),
    text("action"),
    text("subject"),
    longer("before"),
    longer("after"),
    text("reason"),
)

By = Annotated[str | None, typer.Option("--actor", metavar="NAME", help="What this one did alone.")]
Action = Annotated[
    str | None,
    typer.Option(
        "--action", metavar="ACTION", help="Such as channel.set, or channel for all of its noun."
    ),
]
Subject = Annotated[
    str | None,
    typer.Option("--subject", metavar="ID", help="Show what concerns this thing alone."),
]


@app.command("list")
def list_audit(
    by: By = None,
    action: Action = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the changes, newest first; a terminal shows how long ones begin, --json all of them."""
    where = _wanted(by, action, subject, since, until)
    found = run(config, audit.list_audit, where=where, limit=limit)
    output.rows(
        [audit.describe(row) for row in found],
        _COLUMNS,
        as_json=as_json,
        empty="Nobody has changed anything yet." if where == Wanted() else "No such changes.",
    )


@app.command()
def export(
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write them to this file, for a spreadsheet."),
    ] = None,
    by: By = None,
    action: Action = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write the changes out, oldest first: as JSON, or with --csv into a file."""
    where = _wanted(by, action, subject, since, until)
    if csv is not None:
        count = run(config, _write, where, csv)
        output.done(
            {"file": str(csv), "rows": count}, f"Wrote {count} rows to {csv}.", as_json=as_json
        )
    elif as_json:
        output.rows(run(config, audit.export, where), (), as_json=True, empty="")
    else:
        raise InvalidRequest("say --csv FILE, or --json", param="csv")


async def _write(context: Context, where: Wanted, path: Path) -> int:
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            return await audit.write_csv(context, where, stream)
    except OSError as error:
        raise InvalidRequest(f"--csv: {path} cannot be written: {error.strerror}") from error


def _wanted(
    by: str | None, action: str | None, subject: str | None, since: str | None, until: str | None
) -> Wanted:
    return audit.wanted(
        actor=by,
        action=action,
        subject=subject,
        from_us=parse.moment(since, "--from"),
        to_us=parse.moment(until, "--to"),
    )
