"""The import contracts of `pyproject.toml` catch what they are there to catch."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

VIOLATIONS = {
    "a use case that knows the request path": ("services/usage.py", "import grip.gateway.routing"),
    "an adapter that knows the store": ("providers/port.py", "import grip.store.records"),
    "money that reads a clock": ("money/limits.py", "import time"),
    "money that knows a library": ("money/pricing.py", "import msgspec"),
    "a step that knows another": ("gateway/metering.py", "import grip.gateway.admission"),
    "SQL outside of the store": ("services/wallets.py", "import sqlalchemy"),
    "a judge that looks into the books itself": ("drill/judge.py", "import sqlite3"),
    "an adapter that opens connections": ("providers/openai/wire.py", "import aiohttp"),
    "a use case that knows the framework": ("services/keys.py", "import litestar"),
    "a task that knows an operator's command": ("tasks/__init__.py", "import grip.services.keys"),
    "a callback past the guard": ("tasks/callbacks/delivery.py", "import httpx2"),
    "a payment provider that knows the store": ("payments/port.py", "import grip.store.records"),
    "a payment provider with another client": ("payments/wire.py", "import aiohttp"),
    "a document that reads a clock": ("documents/words.py", "import time"),
    "a document that knows the store": ("documents/render.py", "import grip.store.records"),
    "a room that nobody placed": ("attic.py", "import grip.errors"),
}


def _lint(place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=place,
        env={"PYTHONPATH": str(place), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package with its contracts."""
    shutil.copytree(ROOT / "grip", tmp_path / "grip")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_package_keeps_its_contracts(copy: Path):
    """Without a planted violation, all are kept."""
    assert _lint(copy).returncode == 0


@pytest.mark.parametrize("planted", VIOLATIONS)
def test_a_planted_violation_is_caught(copy: Path, planted: str):
    """Each contract fails on the import that it forbids."""
    file, line = VIOLATIONS[planted]
    with (copy / "grip" / file).open("a") as module:
        module.write(f"\n{line}\n")
    found = _lint(copy)

    assert found.returncode == 1, found.stdout
    assert "BROKEN" in found.stdout or "not part of" in found.stdout or "attic" in found.stdout
