"""What the Makefile makes of a machine that is not ready yet, once it is."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]

# As Debian's `python3 -m venv` without python3-venv: the program is there, its pip is not.
_HALF = 'mkdir -p "$3/bin" && touch "$3/bin/python" && exit 1\n'
_WHOLE = 'mkdir -p "$3/bin" && touch "$3/bin/python" "$3/bin/pip"\n'


def _made(folder: Path, venv: str) -> int:
    python = folder / "python3"
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exit 0\n{venv}')
    python.chmod(0o755)
    environment = folder / "venv"
    return subprocess.run(
        ["make", f"PYTHON={python}", f"VENV={environment}", f"{environment}/bin/pip"],
        cwd=ROOT,
        check=False,
        capture_output=True,
    ).returncode


def test_an_environment_that_was_begun_is_made_whole_by_the_next_try(tmp_path: Path):
    """Once python3-venv is there; nobody has to find out what to remove first."""
    assert _made(tmp_path, _HALF) != 0
    assert _made(tmp_path, _WHOLE) == 0
    assert (tmp_path / "venv/bin/pip").exists()


def test_every_target_waits_for_a_whole_environment():
    """None takes a half-made one, which has a program and no pip, for one that can be filled."""
    rules = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    waiting = [rule for rule in rules if rule.startswith("$(VENV)") and " | " in rule]

    assert len(waiting) >= 4
    assert [rule for rule in waiting if not rule.endswith("| $(VENV)/bin/pip")] == []
