"""A place that others may be let into: those of pytest are its user's alone."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder whose parents everybody may pass; itself keeps them out so far."""
    with tempfile.TemporaryDirectory(prefix="grip-shared-") as folder:
        yield Path(folder)
