"""Options that several commands of a noun take alike, declared once as a table.

Owns the joining of such a table to a command's signature. Refuses to parse what was given.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

Given = Mapping[str, Any]
"""What was typed: the options of the table by name, without those that were left out."""


def several(name: str, metavar: str, line: str) -> Any:
    """Return the type of an option that may be repeated."""
    return Annotated[list[str] | None, typer.Option(name, metavar=metavar, help=line)]


def words(name: str, metavar: str, line: str) -> Any:
    """Return the type of an option with one value, as it was typed."""
    return Annotated[str | None, typer.Option(name, metavar=metavar, help=line)]


def flag(names: str, line: str) -> Any:
    """Return the annotation of a switch that may be left as it is."""
    return Annotated[bool | None, typer.Option(names, help=line, show_default=False)]


def takes(options: Mapping[str, Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that puts `options` in the place of a command's parameter `given`.

    `options` are `Annotated` types by parameter name, each with None as a possible value.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def joined(**values: Any) -> None:
            typed = {name: values.pop(name) for name in options}
            given = {name: value for name, value in typed.items() if value not in (None, [])}
            command(given=given, **values)

        parameters = _joined(inspect.signature(command), options)
        joined.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        joined.__annotations__ = {one.name: one.annotation for one in parameters}
        return joined

    return decorate


def _joined(own: inspect.Signature, options: Mapping[str, Any]) -> list[inspect.Parameter]:
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in options.items()
    ]
    joined: list[inspect.Parameter] = []
    for name, parameter in own.parameters.items():
        if name == "given":
            joined += shared
        else:
            joined.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    return joined
