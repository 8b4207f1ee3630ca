"""`make audit` says what is known, and never that all is well where nobody could be asked."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import audit

ROOT = Path(__file__).parents[2]
LOCK = """left==1.0 \\
    --hash=sha256:aa
right==2.0 ; python_version > '3' \\
    --hash=sha256:bb
"""
HOLE = {"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": [], "description": ""}

WELL: dict[str, Any] = {"vulns": []}
SICK: dict[str, Any] = {"vulns": [HOLE]}
SKIPPED: dict[str, Any] = {"skip_reason": "not found"}


def _tool(folder: Path, **told: Any) -> str:
    """Return a program that answers like pip-audit, of each package what is told."""
    path = folder / "pip-audit"
    path.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, sys\n"
        f"told = json.loads({json.dumps(told)!r})\n"
        "lines = pathlib.Path(sys.argv[2]).read_text().splitlines()\n"
        f"pathlib.Path({str(folder / 'asked')!r}).open('a').write(' '.join(lines) + chr(10))\n"
        "found = [dict(name=n, version=v, **told[n]) for n, v in (x.split('==') for x in lines)]\n"
        "print(json.dumps({'dependencies': found}))\n"
    )
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def lock(tmp_path: Path) -> str:
    path = tmp_path / "some.lock"
    path.write_text(LOCK)
    return str(path)


@pytest.mark.parametrize(
    ("left", "right", "status", "words"),
    [
        (WELL, WELL, 0, "no known holes"),
        (WELL, SICK, 1, "right 2.0: PYSEC-1, fixed in 2.1"),
        (SICK, SKIPPED, 1, "NOT AUDITED: LOCK: nothing is known of right"),
        (WELL, SKIPPED, 0, "NOT AUDITED: LOCK: nothing is known of right"),
        (SKIPPED, SICK, 0, "NOT AUDITED: LOCK: its database knows nothing: not found"),
    ],
)
def test_it_says_what_it_knows(  # noqa: PLR0917 - a table
    lock: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    left: Any,
    right: Any,
    status: int,
    words: str,
):
    """A hole is a failure; what could not be asked is said, and is neither."""
    assert audit.main([_tool(tmp_path, left=left, right=right), lock]) == status
    assert words in capsys.readouterr().out.replace(lock, "LOCK")


def test_where_nobody_answers_one_package_is_asked_about(lock: str, tmp_path: Path):
    """Not a hundred, in vain."""
    tool = _tool(tmp_path, left=SKIPPED, right=SKIPPED)
    audit.main([tool, lock])

    assert (tmp_path / "asked").read_text() == "left==1.0\n"


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "echo '{\"dependencies\": []}'"])
def test_a_tool_that_fails_is_no_audit(
    lock: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], script: str
):
    """As where its database cannot be reached, or it is not there."""
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)

    for name in (str(tool), str(tmp_path / "none")):
        assert audit.main([name, lock]) == 0
        assert capsys.readouterr().out.startswith("NOT AUDITED: ")


def test_every_lock_file_is_audited_and_pins_each_package_by_its_hash():
    """By `make audit`, which CI runs."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    ran = re.search(r"^audit:.*\n(?:\t.*\n)+", makefile, re.MULTILINE)

    assert ran is not None
    assert "make audit" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for path in ROOT.glob("requirements*.lock"):
        text = path.read_text(encoding="utf-8")
        assert path.name in ran[0]
        assert text.count("==") >= 5
        for entry in re.split(r"\n(?=\S)", text.strip()):
            assert "--hash=sha256:" in entry, entry
