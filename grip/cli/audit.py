"""`grip audit`: who changed what, and why."""

from typing import Annotated, Any

import typer

from grip.cli import output
from grip.cli.options import AsJson, Config, Limit
from grip.cli.output import moment, text
from grip.cli.runner import run
from grip.clock import to_iso
from grip.services import audit
from grip.store.records import AuditRow

app = typer.Typer(help="Who changed what, and why.")

_COLUMNS = (
    moment("at"),
    text("actor"),
    text("action"),
    text("subject"),
    text("before"),
    text("after"),
    text("reason"),
)


@app.command("list")
def list_audit(
    subject: Annotated[
        str | None,
        typer.Option("--subject", metavar="ID", help="Show what concerns this thing alone."),
    ] = None,
    limit: Limit = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the changes, newest first."""
    found = run(config, audit.list_audit, subject=subject, limit=limit)
    output.rows(
        [_shown(row) for row in found],
        _COLUMNS,
        as_json=as_json,
        empty="Nobody has changed anything yet.",
    )


def _shown(row: AuditRow) -> dict[str, Any]:
    return {
        "at": to_iso(row.at_us),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "before": row.before,
        "after": row.after,
        "reason": row.reason,
    }
