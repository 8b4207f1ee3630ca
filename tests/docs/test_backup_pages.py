"""The pages on backups and upgrades: their commands work, in the order in which they stand."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grip.cli.main import app
from grip.services.backups import UNPROVEN

DOCS = Path(__file__).parents[2] / "docs"
BACKUPS = (DOCS / "backups.md").read_text(encoding="utf-8")
UPGRADING = (DOCS / "upgrading.md").read_text(encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the configuration of the page, and a customer."""
    blocks = re.findall(r"^```toml\n(.*?)^```$", BACKUPS, re.MULTILINE | re.DOTALL)
    (tmp_path / "grip.toml").write_text("\n".join(blocks), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for variable in ("GRIP_CONFIG", "GRIP_DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    grip("accounts create --email ana@example.com")
    return tmp_path


def grip(command: str) -> str:
    """Run a command that works; return what it says."""
    done = CliRunner().invoke(app, shlex.split(command), prog_name="grip")
    assert done.exit_code == 0, f"{command}\n{done.output}"
    return done.stdout


@pytest.mark.parametrize("page", [BACKUPS, UPGRADING])
def test_every_command_of_the_pages_works_in_its_order(place: Path, page: str):
    """And leaves what the pages say."""
    commands = re.findall(r"^\$ grip (.+)$", page, re.MULTILINE)
    for command in commands:
        grip(command)

    assert len(commands) == 3
    assert (place / "before.db").exists()
    assert "ana@example.com" in grip("accounts list")
    if page is BACKUPS:
        (kept,) = (place / "backups").glob("grip-*.db")
        assert re.fullmatch(r"grip-\d{8}T\d{6}Z\.db", kept.name)
        assert list(place.glob("grip.db.before-*"))


def test_the_page_names_what_is_not_proven():
    """As the program does."""
    assert f"FILE{UNPROVEN}" in BACKUPS
