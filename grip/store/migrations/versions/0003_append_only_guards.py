"""Guard the append-only tables."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APPEND_ONLY = {
    "usage": ("seq", "request_id"),
    "ledger_transfer": ("seq", "id", "idem_key", "pending_id"),
    "price": ("seq", "id"),
    "audit": ("seq",),
}

POSTGRES_FUNCTION = """
CREATE FUNCTION grip_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the table % is append-only', TG_TABLE_NAME;
END $$
"""


def upgrade() -> None:
    """Make the triggers that reject changes."""
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgres()


def _guard_sqlite() -> None:
    for table, unique in APPEND_ONLY.items():
        reject = f"BEGIN SELECT RAISE(ABORT, 'the table {table} is append-only'); END"
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {reject}")
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {reject}")
        taken = " OR ".join(f"{column} = NEW.{column}" for column in unique)
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {taken}) {reject}"
        )


def _guard_postgres() -> None:
    op.execute(POSTGRES_FUNCTION)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION grip_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION grip_append_only()"
        )
