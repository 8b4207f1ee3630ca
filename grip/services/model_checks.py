"""What a model may be, by itself and beside the other models of the catalog.

Owns the rules on names, aliases and fallbacks. Refuses to know prices.
"""

import dataclasses
from collections.abc import Sequence

from grip.errors import Conflict
from grip.providers.kinds import TYPES
from grip.services.catalog_checks import (
    check_groups,
    check_known,
    check_name,
    check_unique,
    refused,
)
from grip.store.records import Model


def check(model: Model, others: Sequence[Model]) -> Model:
    """Return the model, aliases sorted and fallbacks by their own names; `others` lacks itself.

    Raises InvalidRequest where it cannot be, Conflict where it does not fit the others.
    """
    _check_alone(model)
    _check_names(model, others)
    checked = dataclasses.replace(
        model, aliases=sorted(model.aliases), fallbacks=_resolved(model, others)
    )
    _check_dependents(checked, others)
    return checked


def check_removable(model: Model, others: Sequence[Model]) -> None:
    """Raise Conflict where another model falls back to this one."""
    dependents = sorted(other.name for other in others if model.name in other.fallbacks)
    if dependents:
        raise Conflict(
            f"{model.name!r} is a fallback of {', '.join(dependents)}; change that first"
        )


def _check_alone(model: Model) -> None:
    check_name(model.name, "model")
    check_known([model.type], TYPES, "type")
    check_groups(model.groups)
    check_unique(model.aliases, "alias")
    for alias in model.aliases:
        check_name(alias, "alias")
    for param, ceiling in (("max-input", model.max_input), ("max-output", model.max_output)):
        if ceiling is not None and ceiling < 1:
            raise refused(param, f"{ceiling} is not 1 or more")


def _check_names(model: Model, others: Sequence[Model]) -> None:
    taken = {alias: other.name for other in others for alias in other.aliases}
    taken |= {other.name: other.name for other in others}
    for name in (model.name, *model.aliases):
        if name in taken:
            raise Conflict(
                f"{name!r} is a name of the model {taken[name]!r} already", param="model"
            )
    if model.name in model.aliases:
        raise refused("alias", f"{model.name!r} is the model's own name")


def _resolved(model: Model, others: Sequence[Model]) -> list[str]:
    by_name = {alias: other for other in others for alias in other.aliases}
    by_name |= {other.name: other for other in others}
    fallbacks = []
    for name in model.fallbacks:
        other = by_name.get(name)
        if other is None:
            raise refused("fallback", f"there is no other model {name!r}")
        if other.type != model.type:
            raise refused("fallback", f"{name!r} is of the type {other.type}, not {model.type}")
        fallbacks.append(other.name)
    check_unique(fallbacks, "fallback")
    return fallbacks


def _check_dependents(model: Model, others: Sequence[Model]) -> None:
    for other in others:
        if model.name in other.fallbacks and other.type != model.type:
            raise Conflict(f"{other.name!r} falls back to {model.name!r} and is of another type")
