"""kill -9 at random among the workers of media tasks that fail in every way there is.

The short form of `grip drill --tasks`: it ends when all tasks are over, however long that takes.
"""

import asyncio
import os
from pathlib import Path

import pytest

from grip.drill import kinds, report, run
from grip.drill.media import telling
from grip.drill.media.wares import WARES
from grip.drill.report import Verdict
from grip.drill.run import Terms

SECONDS = 3
TASKS = 2 * len(WARES)


class Nobody:
    """Watches nothing."""

    def phase(self, what: str, total: float) -> None:
        """Look away."""

    def at(self, done: float) -> None:
        """Look away."""


def _drilled(terms: Terms, postgres: str | None) -> Verdict:
    """Run it on a loop of its own, as the command does."""
    return asyncio.run(run.drill(terms, Nobody(), postgres=postgres))


def _left(folder: Path) -> list[str]:
    """What a drill has left of its scratch files."""
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_tasks_whose_workers_are_killed_end_once_and_exactly(
    engine: str, postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Each is over, charged or given back to the nano-credit; none is ever sent twice blindly."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    terms = Terms(
        seconds=SECONDS,
        seed=11,
        workers=3,
        keep=False,
        operators={"PATH": os.environ["PATH"]},  # noqa: TID251 - what a shell would pass on
        tasks=TASKS,
    )
    server = postgres_server if engine == "postgres" else None
    verdict = await asyncio.to_thread(_drilled, terms, server)
    rows = {row.what: row for row in verdict.tried}

    assert verdict.ok, report.describe(verdict)
    assert verdict.engine == engine
    assert {rows[ware.what].count for ware in WARES} == {2}
    assert rows[telling.COMPLETED].count + rows[telling.FAILED].count == TASKS
    assert rows[telling.COMPLETED].count > 0
    assert rows[kinds.KILLED].count > 0
    assert not _left(tmp_path)
