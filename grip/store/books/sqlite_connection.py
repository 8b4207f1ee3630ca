"""Connections of the bare driver, with grip's pragmas."""

import sqlite3
from pathlib import Path

from grip.store.engine import SQLITE_PRAGMAS


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection with grip's pragmas, in autocommit mode."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)
    return connection
