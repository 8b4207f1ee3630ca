"""The clock: against the database's, against the newest rows, and against the database's file."""

from typing import Final

from grip.clock import to_iso
from grip.services.context import Context
from grip.services.doctor.finding import Finding, error, unless, warning
from grip.store import condition

_NAME: Final = "clock"
_SECOND_US: Final = 1_000_000
_OFF_US: Final = 2 * _SECOND_US
_WRONG_US: Final = 60 * _SECOND_US
_REMEDY: Final = "Let a time service keep the clock: timedatectl set-ntp true."


async def check(context: Context) -> list[Finding]:
    """Return whether this machine's clock can be right."""
    before_us = context.clock()
    async with context.database.read() as connection:
        there_us = await condition.now_us(connection)
        newest = await condition.newest_us(connection)
    after_us = context.clock()
    found = []
    if there_us is not None:
        off_us = max(before_us - there_us, there_us - after_us, 0)
        found += _against(off_us)
    path = context.database.path
    if path is not None:
        newest["the database's file"] = path.stat().st_mtime_ns // 1000
    for what, newest_us in newest.items():
        if newest_us > after_us + _WRONG_US:
            found.append(
                error(
                    _NAME,
                    f"It is {to_iso(after_us)} by this clock, and {what} is of "
                    f"{to_iso(newest_us)}: the clock has gone back, or was ahead.",
                    _REMEDY,
                )
            )
    return unless(found, _NAME, "The clock agrees with the database.")


def _against(off_us: int) -> list[Finding]:
    if off_us <= _OFF_US:
        return []
    tell = error if off_us > _WRONG_US else warning
    sentence = f"This clock and the database's are {off_us // _SECOND_US} s apart."
    return [tell(_NAME, sentence, _REMEDY)]
