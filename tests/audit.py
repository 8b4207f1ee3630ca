"""Asks a database of known holes about every package that is pinned: `make audit`.

Three answers, never one for another: none is known, these are known (status 1), or nobody could be
asked. pip-audit itself skips what its database does not know, and calls the rest well.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
_WITHIN_S: Final = 600


class NotAskedError(Exception):
    """The database did not answer; the message says why."""


def main(words: Sequence[str]) -> int:
    """Audit lock files by the program `words[0]`; return the exit status."""
    tool, *locks = words
    known: set[str] = set()
    for lock in locks:
        try:
            holes, unknown = audited(tool, Path(lock))
        except NotAskedError as error:
            sys.stdout.write(f"NOT AUDITED: {lock}: {error}\n")
            continue
        known |= holes
        if unknown:
            sys.stdout.write(f"NOT AUDITED: {lock}: nothing is known of {_listed(unknown)}\n")
        sys.stdout.write(f"audited: {lock}: {len(holes) or 'no'} known holes\n")
    for line in sorted(known):
        sys.stdout.write(f"{line}\n")
    return 1 if known else 0


def audited(tool: str, lock: Path) -> tuple[set[str], set[str]]:
    """Return the holes that are known, a line each, and the packages of which nothing is.

    One package is asked about first: where nobody answers, not all are. Raises NotAskedError.
    """
    pinned = _PINNED.findall(lock.read_text(encoding="utf-8"))
    if not pinned:
        raise NotAskedError(f"{lock} pins nothing")
    first = _told(tool, pinned[:1])[0]
    if "skip_reason" in first:
        raise NotAskedError(f"its database knows nothing: {first['skip_reason']}")
    told = _told(tool, pinned)
    holes = {
        f"{one['name']} {one['version']}: {hole['id']}, fixed in "
        f"{_listed(hole.get('fix_versions') or ['no version'])}"
        for one in told
        for hole in one.get("vulns", ())
    }
    return holes, {one["name"] for one in told if "skip_reason" in one}


def _told(tool: str, pinned: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    with NamedTemporaryFile("w", suffix=".txt") as asked:
        asked.writelines(f"{name}=={version}\n" for name, version in pinned)
        asked.flush()
        done = _run(tool, asked.name)
    try:
        told: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise NotAskedError(last) from None
    if not told:
        raise NotAskedError("it told of no package")
    return told


def _run(tool: str, asked: str) -> "subprocess.CompletedProcess[str]":
    words = [tool, "-r", asked, "--no-deps", "--disable-pip", "-f", "json"]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotAskedError(str(error)) from error


def _listed(words: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(words))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
