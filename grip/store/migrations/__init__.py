"""Alembic migrations, shipped in the package; forward only."""
