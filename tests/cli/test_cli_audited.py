"""Every command that takes `--actor` leaves a row of the audit log with that actor."""

import asyncio
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from grip.cli.main import COMMANDS, NOUNS
from grip.clock import from_iso, system_clock, to_iso
from tests.cli import audited
from tests.cli.conftest import call
from tests.cli.seller import open_shop

ANA = "ana@example.com"
WHY = ("--reason", "it was agreed")

SILENT = {("init",): "it writes a file, where there is no database yet"}
"""Commands that take an actor and leave no row, and why."""

NOTHING_BEFORE = {
    **dict.fromkeys(
        [
            ("accounts", "create"),
            ("wallet", "members", "add"),
            ("orders", "create"),
            ("keys", "create"),
            ("callbacks", "secret"),
            ("channels", "add"),
            ("models", "add"),
            ("ledger", "checkpoint"),
            ("db", "backup"),
            ("invoices", "generate"),
        ],
        "it makes something new",
    ),
    ("usage", "show"): "it reads",
    ("channels", "test"): "it asks, and ends what the answer disproves",
    ("maintenance",): "it tells how much it tidied",
    ("usage", "redact"): "what it wipes is to be nowhere",
    ("db", "upgrade"): "the example's database is empty",
    ("db", "restore"): "what was there is moved aside, whole",
}
"""Commands whose rows have nothing in `before`, and why; all others change what there is."""

Words = tuple[str, ...]


def _commands() -> Iterator[Words]:
    """Yield the commands that say who does this, as Typer knows them."""
    for name in (*NOUNS, *COMMANDS):
        found = get_command(import_module(f"grip.cli.{name}").app)
        yield from _below(found, (name,))


def _below(command: Any, path: Words) -> Iterator[Words]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _below(inner, (*path, name))
    if any(parameter.name == "actor" for parameter in command.params):
        yield path


class Shop:
    """What there is to be changed; each example prepares what it changes, and says its words."""

    def __init__(self, url: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.url = url
        self._monkeypatch = monkeypatch
        self.wallet = open_shop(call, place)
        for email in ("bob@example.com", "eva@example.com", "ida@example.com"):
            call("accounts", "create", "--email", email)
        call("wallet", "tier", ANA, "pro", *WHY)
        call("wallet", "credit", ANA, "9000", *WHY, "--on-account")
        call("wallet", "members", "add", ANA, "eva@example.com")
        call("channels", "add", "one", "--kind", "sandbox")
        call("models", "add", "film", "--type", "video", "--per-second", "0.10")
        call("models", "add", "chat", "--type", "chat", "--input", "1", "--output", "1")
        self.key = self.made("keys", "create", "--wallet", ANA, "--name", "main")

    def made(self, *words: str) -> Any:
        """Run a command; return its JSON."""
        return call(*words, "--json").json

    def order(self, *, is_paid: bool = False) -> str:
        """Make an order; return its id."""
        order = str(self.made("orders", "create", ANA, "--package", "growth")["id"])
        if is_paid:
            call("orders", "approve", order, "--evidence", "bank 17", *WHY)
        return order

    def next_month(self) -> Words:
        """Let a month pass for commands; return the words for the one that is over."""
        month = to_iso(system_clock())[:7]
        later_us = from_iso(f"{month}-28") + 5 * 86_400_000_000
        self._monkeypatch.setattr("grip.cli.runner.system_clock", lambda: later_us)
        return ("--period", month)

    def empty(self) -> Words:
        """Turn to a database in which there is nothing yet."""
        self._monkeypatch.setenv("GRIP_DATABASE_URL", "sqlite:///empty.db")
        return ()

    def dear(self, channel: str, model: str) -> Words:
        """Let a channel take more for a model than the words that are returned say."""
        call("channels", "cost", channel, model, "--input", "1")
        return (channel, model, "--input", "0.5")

    def dead_boot(self) -> Words:
        """Leave what maintenance has to see to."""
        asyncio.run(audited.forgotten_boot(self.url))
        return ("leases",)


Example = Callable[[Shop], Words]

# In the order in which they run, each on what those before have left.
EXAMPLES: dict[Words, Example] = {
    ("accounts", "create"): lambda _: ("--email", "joe@example.com"),
    ("accounts", "disable"): lambda _: ("joe@example.com",),
    ("accounts", "enable"): lambda _: ("joe@example.com",),
    ("wallet", "credit"): lambda _: (ANA, "5", *WHY),
    ("wallet", "debit"): lambda _: (ANA, "5", *WHY),
    ("wallet", "tier"): lambda _: (ANA, "max", *WHY),
    ("wallet", "providers"): lambda _: (ANA, "--allow-kind", "sandbox", *WHY),
    ("wallet", "members", "add"): lambda _: (ANA, "ida@example.com"),
    ("wallet", "members", "limit"): lambda _: (ANA, "eva@example.com", "--limit", "5"),
    ("wallet", "members", "remove"): lambda _: (ANA, "eva@example.com"),
    ("billing", "set"): lambda _: (ANA, "--name", "Ana Maria"),
    ("orders", "create"): lambda _: (ANA, "--package", "growth"),
    ("orders", "approve"): lambda shop: (shop.order(), "--evidence", "bank 18", *WHY),
    ("orders", "return"): lambda shop: (
        asyncio.run(audited.put_in_review(shop.url, shop.order())),
        *WHY,
    ),
    ("orders", "refund"): lambda shop: (shop.order(is_paid=True), *WHY),
    ("keys", "create"): lambda _: ("--wallet", ANA, "--name", "second"),
    ("tasks", "cancel"): lambda shop: (
        asyncio.run(audited.task(shop.url, shop.key["key"], "film")),
    ),
    ("keys", "roll"): lambda shop: (shop.key["id"],),
    ("keys", "revoke"): lambda shop: (shop.key["id"],),
    ("usage", "show"): lambda shop: (asyncio.run(audited.call(shop.url, "req_1")), "--content"),
    ("usage", "redact"): lambda _: ("req_1", *WHY),
    ("callbacks", "replay"): lambda shop: (asyncio.run(audited.callback(shop.url, shop.wallet)),),
    ("callbacks", "secret"): lambda _: (ANA,),
    ("channels", "add"): lambda _: ("two", "--kind", "sandbox"),
    ("channels", "set"): lambda _: ("two", "--weight", "2"),
    ("channels", "disable"): lambda _: ("two",),
    ("channels", "enable"): lambda _: ("two",),
    ("channels", "cost"): lambda shop: shop.dear("two", "chat"),
    ("channels", "test"): lambda _: ("one", "--model", "chat"),
    ("channels", "remove"): lambda _: ("two",),
    ("models", "add"): lambda _: ("more", "--type", "chat"),
    ("models", "set"): lambda _: ("more", "--input", "1"),
    ("models", "disable"): lambda _: ("more",),
    ("models", "enable"): lambda _: ("more",),
    ("models", "remove"): lambda _: ("more",),
    ("maintenance",): lambda shop: shop.dead_boot(),
    ("ledger", "checkpoint"): lambda _: (),
    ("db", "backup"): lambda _: ("backup.db",),
    ("invoices", "generate"): lambda shop: shop.next_month(),
    ("db", "upgrade"): lambda shop: shop.empty(),
    ("db", "restore"): lambda shop: (*shop.empty(), "backup.db", "--replace", *WHY),
}


def test_every_command_that_takes_an_actor_has_an_example():
    """A new one needs an example here, which shows that it leaves its row."""
    assert set(_commands()) == EXAMPLES.keys() | SILENT.keys()


def test_every_command_that_takes_an_actor_leaves_a_row(
    sqlite_url: str, anywhere: Path, monkeypatch: pytest.MonkeyPatch
):
    """With that actor, what was before (and is after), and the reason where one was given."""
    monkeypatch.setenv("GRIP_DATABASE_URL", sqlite_url)
    shop = Shop(sqlite_url, anywhere, monkeypatch)
    wrong = []
    for path, example in EXAMPLES.items():
        actor = "by " + " ".join(path)
        words = example(shop)
        done = call(*path, *words, "--actor", actor)
        rows = call("audit", "list", "--actor", actor, "--json").json
        is_told = rows and all(
            (row["before"], row["after"]) != (None, None)
            and (row["before"] is None) == (path in NOTHING_BEFORE)
            and (row["reason"] != "" or "--reason" not in words)
            for row in rows
        )
        if done.status != 0 or not is_told:
            wrong.append((path, done.stderr, rows))

    assert wrong == []
