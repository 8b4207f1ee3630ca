"""`grip models`: what customers can call, and what it costs."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from grip.cli import output, parse
from grip.cli.options import Actor, AsJson, Config, Remark
from grip.cli.output import number, text
from grip.cli.prices import PRICE_OPTIONS, buy_rates, sell_rates
from grip.cli.runner import run
from grip.cli.sharing import Given, flag, several, takes, words
from grip.cli.simulate import simulate
from grip.errors import InvalidRequest
from grip.money.pricing import Rates
from grip.providers.kinds import TYPES
from grip.services import models, prices
from grip.services.models import Draft, describe
from grip.store.records import Model as Record

app = typer.Typer(help="What customers can call, and what it costs.")

_COLUMNS = (
    text("name"),
    text("type"),
    text("enabled"),
    text("price"),
    text("groups"),
    text("aliases"),
    text("fallbacks"),
    number("version"),
)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="The model's name or an alias.")]


_OPTIONS = {
    "max_input": words("--max-input", "N", "The most input tokens it takes."),
    "max_output": words("--max-output", "N", "The most output tokens it makes; what a hold uses."),
    "reasoning": flag(
        "--reasoning/--no-reasoning", "It thinks unseen: a stream holds --max-output at once."
    ),
    "groups": several("--group", "G", "A group of channels that serve it; repeat. Else default."),
    "aliases": several("--alias", "A", "Another name for it; repeat for more."),
    "fallbacks": several("--fallback", "MODEL", "What is tried after it; repeat, in order."),
    **PRICE_OPTIONS,
}

_PARSERS: dict[str, Callable[[Any], Any]] = {
    "type": lambda words: words,
    "max_input": lambda words: parse.whole(words, "--max-input"),
    "max_output": lambda words: parse.whole(words, "--max-output"),
    "reasoning": lambda flag: flag,
    "groups": parse.several,
    "aliases": parse.several,
    "fallbacks": parse.several,
}


@app.command()
@takes(_OPTIONS)
def add(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The name customers use.")],
    kind: Annotated[
        str, typer.Option("--type", metavar="TYPE", help=f"One of {', '.join(TYPES)}.")
    ],
    given: Given,
    disabled: Annotated[bool, typer.Option("--disabled", help="Do not offer it yet.")] = False,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Add a model. Without a price it is refused; free is a price of 0."""
    draft = Draft(
        name=model,
        type=kind,
        enabled=not disabled,
        sell=prices.merged(Rates(), sell_rates(given)),
        buy=prices.merged(Rates(), buy_rates(given)),
        **_parsed(given),
    )
    added = run(config, models.add, draft, actor=actor, reason=reason)
    output.done(describe(added), f"Added {added.name}.{_remark(added)}", as_json=as_json)


@app.command("list")
def list_models(config: Config = None, as_json: AsJson = False) -> None:
    """Show all models with the prices in force, newest first."""
    found = [describe(model) for model in run(config, models.list_models)]
    output.rows(
        found if as_json else [{**model, "price": _price(model)} for model in found],
        _COLUMNS,
        as_json=as_json,
        empty="There are no models yet; add one with: grip models add",
    )


@app.command()
def show(model: Model, config: Config = None, as_json: AsJson = False) -> None:
    """Show all that is known of a model."""
    found = run(config, models.get, model)
    output.item(describe(found), as_json=as_json, title=f"Model {found.name}")


@app.command("set")
@takes({"type": words("--type", "TYPE", f"One of {', '.join(TYPES)}."), **_OPTIONS})
def change(
    model: Model,
    given: Given,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Change what the options name; an empty value takes it away. Old usage keeps its price."""
    if not given:
        raise InvalidRequest("nothing to change; name an option, such as --input 2.50")
    after = run(
        config,
        models.change,
        model,
        _parsed(given),
        sell=sell_rates(given),
        buy=buy_rates(given),
        actor=actor,
        reason=reason,
    )
    output.done(describe(after), f"Changed {after.name}.", as_json=as_json)


@app.command()
def enable(
    model: Model,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Offer a model."""
    after = run(config, models.enable, model, actor=actor, reason=reason)
    output.done(describe(after), f"{after.name} is enabled.", as_json=as_json)


@app.command()
def disable(
    model: Model,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Offer a model no longer."""
    after = run(config, models.disable, model, actor=actor, reason=reason)
    output.done(describe(after), f"{after.name} is disabled.", as_json=as_json)


@app.command()
def remove(
    model: Model,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take a model away; the versions of its prices stay in the books."""
    gone = run(config, models.remove, model, actor=actor, reason=reason)
    output.done(describe(gone), f"Removed {gone.name}.", as_json=as_json)


app.command()(simulate)


def _parsed(given: Given) -> dict[str, Any]:
    return {name: parser(given[name]) for name, parser in _PARSERS.items() if name in given}


def _remark(model: Record) -> str:
    if not model.enabled:
        return " It is disabled."
    if model.is_priced:
        return ""
    has_some = model.price is not None and model.price.sell.named
    lack = "Its price is not complete" if has_some else "It has no price"
    return f" {lack}, so calls are refused."


def _price(model: dict[str, Any]) -> str:
    if not model["priced"]:
        return "unpriced"
    named = [f"{word} {model[word]}" for word in prices.UNITS if model[word] is not None]
    return ", ".join(named).replace("_", " ")
