"""Runs the migrations on an open connection; the only place that loads Alembic."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def config() -> Config:
    """Return Alembic's configuration for the migrations in this folder."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.set_main_option("path_separator", "os")
    return made


def run_to(connection: sa.Connection, revision: str) -> None:
    """Apply what is missing up to `revision`, in the connection's transaction."""
    chosen = config()
    chosen.attributes["connection"] = connection
    command.upgrade(chosen, revision)
