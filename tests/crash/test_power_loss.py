"""Power losses on SQLite: what was answered is on the disk, and the database is whole."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.crash import power_loss
from tests.crash.traces import Event

ROUNDS = 30
IMAGES = 300


@pytest.fixture(scope="module")
def loaded(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, bytes, Path]:
    """A database after the load, as it was before, and the trace of all that was written."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed, which tells what a process asks of the disk")
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"strace may not trace here: {tried.stderr.decode().strip()}")
    folder = tmp_path_factory.mktemp("power").resolve()
    base = sqlite_template.read_bytes()
    (folder / power_loss.DATABASE).write_bytes(base)
    return folder, base, power_loss.record(folder, ROUNDS)


def test_a_power_loss_loses_no_settlement_that_was_answered(loaded: tuple[Path, bytes, Path]):
    """Hundreds of them, at every sync and in between, with whatever was not synced torn."""
    folder, base, trace = loaded
    report = power_loss.replay(folder, base, trace, images=IMAGES, seed=1)

    assert (report.lost, report.corrupt) == ([], [])
    assert report.images == IMAGES
    assert report.answered > ROUNDS * 4
    assert report.restarts > 2
    assert report.torn_writes > IMAGES


def test_without_its_syncs_the_load_would_lose_settlements(
    loaded: tuple[Path, bytes, Path], monkeypatch: pytest.MonkeyPatch
):
    """What the test above rests on: this disk does lose what is not synced."""
    folder, base, trace = loaded
    monkeypatch.setattr(power_loss.Replay, "_sync", _believe_nothing)
    report = power_loss.replay(folder, base, trace, images=20, seed=1)

    assert report.lost


def _believe_nothing(_replay: power_loss.Replay, _event: Event) -> None: ...
