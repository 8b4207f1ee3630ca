"""The disks: how much is free where grip writes."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from grip.services.context import Context
from grip.services.doctor.finding import Finding, error, unless, warning

_NAME: Final = "disk"
_MEBIBYTE: Final = 2**20
_FULL_BYTES: Final = 256 * _MEBIBYTE
_LOW_BYTES: Final = 2048 * _MEBIBYTE


def _free(path: Path) -> int:
    """Return the free bytes of the disk that a path is or will be on."""
    there = next(one for one in (path, *path.parents) if one.exists())
    return shutil.disk_usage(there).free


async def check(context: Context, free: Callable[[Path], int] = _free) -> list[Finding]:
    """Return which places have little room; `free` tells the free bytes of a path."""
    found = []
    for what, path in _places(context).items():
        try:
            left = free(path.absolute())
        except OSError as failed:
            found.append(
                warning(
                    _NAME,
                    f"The place of {what} ({path}) cannot be looked at: {failed.strerror}.",
                    "Run grip doctor as the user that grip runs as.",
                )
            )
            continue
        if left >= _LOW_BYTES:
            continue
        tell = error if left < _FULL_BYTES else warning
        found.append(
            tell(
                _NAME,
                f"{left // _MEBIBYTE} MiB are free for {what} ({path}).",
                "Make room, or move it to a larger disk; calls are turned away where it is full.",
            )
        )
    return unless(found, _NAME, "There is room wherever grip writes.")


def _places(context: Context) -> dict[str, Path]:
    found = {"uploads": Path(tempfile.gettempdir())}
    if context.database.path is not None:
        found["the database"] = context.database.path
    if context.settings.backup.directory:
        found["backups"] = Path(context.settings.backup.directory)
    results = context.settings.results
    if results.storage == "directory":
        found["results"] = Path(results.directory)
    return found
