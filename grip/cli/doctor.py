"""`grip doctor`: what is wrong with a gateway, and what to do about it."""

from typing import Annotated

import typer

from grip import app as gateway
from grip import settings
from grip.cli import errors, output
from grip.cli.options import AsJson, Config
from grip.cli.output import text
from grip.cli.runner import run_as_is
from grip.errors import ConfigurationInvalid
from grip.services import doctor
from grip.services.doctor import Finding

app = typer.Typer(add_completion=False)

_COLUMNS = (text("state"), text("name", "check"), text("sentence", "found"), text("remedy"))


@app.command("doctor")
def examine(
    probes: Annotated[
        bool,
        typer.Option("--probe", help="Dial the upstreams of channels too; nothing is asked there."),
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell what is wrong, with the remedy, and change nothing; exit 1 where there is an error."""
    found = [doctor.describe(one) for one in _found(config, probes=probes)]
    output.rows(found, _COLUMNS, as_json=as_json, empty="")
    if any(one["state"] == doctor.ERROR for one in found):
        raise typer.Exit(errors.FAILED)


def _found(config: Config, *, probes: bool) -> list[Finding]:
    try:
        gateway.check(settings.load(config))
        return run_as_is(config, doctor.examine, file=settings.locate(config), probes=probes)
    except ConfigurationInvalid as refused:
        return [
            Finding(
                name="configuration",
                state=doctor.ERROR,
                sentence=f"{refused.message}.",
                remedy="Correct that key; grip init writes an example with every one.",
            )
        ]
