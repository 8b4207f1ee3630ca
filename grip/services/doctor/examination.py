"""All checks in their order; what needs the database waits for whether there is one."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from grip import errors
from grip.services.context import Context
from grip.services.doctor import (
    books,
    catalog,
    clock,
    configuration,
    database,
    disk,
    exposure,
    reach,
    secrets,
    tables,
)
from grip.services.doctor.finding import ERROR, OK, Finding, error

Check = Callable[[Context], Awaitable[list[Finding]]]

_BEFORE: Final[Sequence[Check]] = (
    configuration.check,
    configuration.payments,
    exposure.check,
    disk.check,
)
_WITHIN: Final[Sequence[Check]] = (
    exposure.of_last_start,
    database.place,
    clock.check,
    secrets.of_channels,
    catalog.models,
    catalog.channels,
    catalog.margins,
    tables.check,
    tables.holds,
    tables.backups,
    books.proof,
    books.rollups,
)


async def examine(
    context: Context, *, file: Path | None = None, probes: bool = False
) -> list[Finding]:
    """Return what every check found, changing nothing.

    `file` is what the settings came from, None where there was none. With `probes`, upstreams are
    dialled too. What rests on the tables is left out where they are not there, or are another
    version's.
    """
    found = [one for check in _BEFORE for one in await check(context)]
    found += await secrets.of_settings(context, file)
    if database.is_missing(context):
        return found + database.missing(context)
    try:
        within = await _within(context, probes=probes)
    except errors.DatabaseUnavailable as away:
        return [*found, _away(away)]
    if any(one.name == exposure.NAME for one in within):
        # It was started otherwise than configured: what the configuration would be is no comfort.
        found = [one for one in found if (one.name, one.state) != (exposure.NAME, OK)]
    return found + within


async def _within(context: Context, *, probes: bool) -> list[Finding]:
    found = await database.check(context)
    schema = await database.tables(context)
    found += schema
    if any(one.state == ERROR and one.name == "schema" for one in schema):
        return found
    checks = (*_WITHIN, reach.check) if probes else _WITHIN
    return found + [one for check in checks for one in await check(context)]


def _away(away: errors.DatabaseUnavailable) -> Finding:
    return error(
        "database",
        f"The database cannot be used: {away.detail or away.message}.",
        "See that it runs, and that [database] url leads to it.",
    )
