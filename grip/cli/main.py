"""The command `grip`: its nouns, imported only when one of them is called.

Owns the list of commands and their one-line help. Refuses to import what a command needs: the
database alone would make `grip --help` three times as slow.
"""

import gc
import re
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from grip import __version__
from grip.cli.errors import guarded

NOUNS = {
    "accounts": "Customers: each account owns one wallet.",
    "wallet": "Wallets and the credits in them.",
    "billing": "Who wallets' invoices go to, and their tax.",
    "orders": "Orders of credits, and what became of them.",
    "invoices": "Invoices and credit notes.",
    "keys": "API keys: what they may do, and how they end.",
    "usage": "Charged calls: who, which model, what it cost.",
    "margin": "What was earned, and what would be lost.",
    "ledger": "The journal of credits, and its invariants.",
    "channels": "Upstream accounts that requests are sent to.",
    "models": "What customers can call, and what it costs.",
    "tasks": "Media tasks: pictures, films and sounds that outlive their request.",
    "callbacks": "Deliveries to the callback_url of tasks.",
    "audit": "Who changed what, and why.",
    "config": "The configuration: what holds, and whether it is right.",
    "db": "The database's schema, and its backups.",
}
"""Sub-apps: `grip/cli/NAME.py` has the `app`."""

COMMANDS = {
    "serve": "Run the gateway.",
    "worker": "Run tasks, callbacks and clean-up, without serving.",
    "init": "Write a commented grip.toml here.",
    "explain": "Tell the life of a request: why it went where, and what it cost.",
    "top": "Watch traffic, channels and money, live.",
    "maintenance": "Look after the books and the tables: from cron, every day.",
    "doctor": "Tell what is wrong or risky, and what to do about it.",
    "reconcile": "Compare orders with payment providers, the journal and invoices.",
    "drill": "Break a gateway of its own, and prove that no money is lost.",
}
"""Single commands: `grip/cli/NAME.py` has an `app` with one command."""

_TAG: Final = re.compile(r"\[(?=[a-z#/@][^\[]*\])")
"""What Rich takes for markup."""


class _Noun(TyperGroup):
    """A name and a line of help that stand for a sub-app until it is called."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Let the sub-app take over."""
        return _literal(get_group(_app(self.name))).make_context(*args, **options)


class _Command(TyperGroup):
    """The same for a single command."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Let the command take over."""
        return _literal(get_command(_app(self.name))).make_context(*args, **options)


def _app(name: str | None) -> typer.Typer:
    """Return the app of a command; all that it needs is loaded now.

    Nothing of that is garbage: looking for some took a quarter of the time.
    """
    gc.disable()
    try:
        found: typer.Typer = import_module(f"grip.cli.{name}").app
    finally:
        gc.freeze()
        gc.enable()
    return found


def _literal(command: Any) -> Any:
    """Let a command's help show its brackets: "[server] host" would lose them to Rich's markup."""
    for one in (command, *command.params):
        told = getattr(one, "help", None)
        if told:
            one.help = _TAG.sub(r"\\[", told)
    for below in getattr(command, "commands", {}).values():
        _literal(below)
    return command


class _Root(TyperGroup):
    """The command itself: knows its nouns, and ends every run with a status of ours."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, line in COMMANDS.items():
            self.add_command(_Command(name=name, help=line))
        for name, line in NOUNS.items():
            self.add_command(_Noun(name=name, help=line))

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:
        """Run the command line and exit."""
        words = list(sys.argv[1:] if args is None else args)
        options["standalone_mode"] = False
        sys.exit(guarded(words, partial(super().main, words, *rest, **options)))


app = typer.Typer(
    cls=_Root,
    help="A self-hosted gateway that sells AI models, with exact books.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"grip {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run() -> None:
    """Run the command line of this process."""
    app(prog_name="grip")
