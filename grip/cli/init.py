"""`grip init`: a commented grip.toml to start from."""

from pathlib import Path

import typer

from grip.cli import output
from grip.cli.options import Actor, AsJson, Config
from grip.errors import Conflict
from grip.settings import render_example

app = typer.Typer(add_completion=False)

_DEFAULT = Path("grip.toml")


@app.command()
def init(config: Config = None, as_json: AsJson = False, actor: Actor = "") -> None:  # noqa: ARG001 - there is no audit log yet
    """Write a commented grip.toml here, or at --config; an existing file is left alone."""
    path = config or _DEFAULT
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(render_example())
    except FileExistsError:
        raise Conflict(f"{path} is there already; remove it first, or name another") from None
    except OSError as error:
        raise Conflict(f"{path} cannot be written: {error.strerror}") from error
    output.done(
        {"path": str(path.absolute())},
        f"Wrote {path}. Every key has its default; delete what you do not change.",
        as_json=as_json,
    )
