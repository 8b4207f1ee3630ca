"""Lock files name packages and their hashes, and no place to get them from."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = [*ROOT.glob("requirements*.lock"), ROOT / "tests/clients/node/package-lock.json"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_names_no_address(lock: Path):
    """Neither a registry's nor any other: `npm install` writes whom to give money to."""
    text = lock.read_text()

    assert "sha512-" in text or "sha256:" in text
    assert (
        re.findall(r"[a-z+]+://\S+|^--?(?:index|extra|find)\S*|\"resolved\"", text, re.MULTILINE)
        == []
    )
