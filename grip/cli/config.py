"""`grip config`: what the configuration says, and whether it is right."""

import typer

from grip import app as gateway
from grip import settings
from grip.cli import output
from grip.cli.options import AsJson, Config
from grip.services import deployment

app = typer.Typer(help="The configuration: what holds, and whether it is right.")


@app.command()
def show(config: Config = None, as_json: AsJson = False) -> None:
    """Show every key with the value that holds, wherever it was set; passwords are masked."""
    holds = settings.describe(settings.load(config))
    output.item(
        holds if as_json else settings.flat(holds),
        as_json=as_json,
        title=f"Configuration: {_origin(config)}",
    )


@app.command()
def check(config: Config = None, as_json: AsJson = False) -> None:
    """Check the file and the variables; a mistake is told with the key that has it."""
    chosen = settings.load(config)
    gateway.check(chosen)
    found = settings.locate(config)
    risks = deployment.risks(gateway.context(chosen))
    sentences = [f"The configuration is right: {_origin(config)}.", *risks]
    answer = {"ok": True, "path": None if found is None else str(found), "risks": risks}
    output.message(answer, sentences, as_json=as_json)


def _origin(config: Config) -> str:
    found = settings.locate(config)
    return "defaults and variables, no file" if found is None else str(found)
