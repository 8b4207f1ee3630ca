"""The options of prices: one for every unit, for what customers pay and for what it costs.

Owns `--input` … `--per-request` and `--cost-input` … `--cost-per-request`; a value is US dollars.
"""

from typing import Annotated, Any

import typer

from grip.cli import parse
from grip.cli.sharing import Given
from grip.services.prices import BUY, UNITS


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _options(before: str, panel: str) -> dict[str, Any]:
    return {
        before + word: Annotated[
            str | None,
            typer.Option(
                _option(before + word),
                metavar="USD",
                help=f"Per {unit.words}.",
                rich_help_panel=panel,
            ),
        ]
        for word, unit in UNITS.items()
    }


SELL_OPTIONS = _options("", "What customers pay, in US dollars")
COST_OPTIONS = _options("", "What the channel takes, in US dollars")
PRICE_OPTIONS = SELL_OPTIONS | _options(BUY, "What it costs you, in US dollars")


def sell_rates(given: Given) -> dict[str, int | None]:
    """Return the nano-credits by unit that customers pay; None where a price is taken away."""
    return _rates(given, "")


def buy_rates(given: Given) -> dict[str, int | None]:
    """Return the nano-credits by unit that the operator pays; None where it is taken away."""
    return _rates(given, BUY)


def _rates(given: Given, before: str) -> dict[str, int | None]:
    return {
        word: parse.price(given[before + word], _option(before + word), unit.per)
        for word, unit in UNITS.items()
        if before + word in given
    }
