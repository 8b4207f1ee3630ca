"""Make the table of billing profiles, and guard it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

Int = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
CHECKS = {
    "version": "version > 0",
    "is_business": "is_business IN (0, 1)",
    "tax_id": "tax_id IS NULL OR is_business = 1",
    "tax_id_kind": "tax_id_kind IS NULL OR tax_id IS NOT NULL",
    "verified": "(verified_how IS NULL) = (verified_us IS NULL)",
    "verified_id": "verified_how IS NULL OR tax_id IS NOT NULL",
    "consultation": "consultation IS NULL OR verified_how IS NOT NULL",
}
TAKEN = "seq = NEW.seq OR id = NEW.id OR (wallet_id = NEW.wallet_id AND version = NEW.version)"


def upgrade() -> None:
    """Make it empty, with the triggers that let it only grow."""
    op.create_table(
        "billing_profile",
        sa.Column("seq", Int, sa.Identity(always=True), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "wallet_id")),
        sa.Column("version", Int, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("name", "address", "city", "postcode", "region", "country")
        ),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("is_business", Int, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=True)
            for name in ("tax_id", "tax_id_kind", "verified_how")
        ),
        sa.Column("verified_us", Int, nullable=True),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("consultation", "exempt_reason")),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_us", Int, nullable=False),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_billing_profile_{name}"))
            for name, condition in CHECKS.items()
        ),
        sa.ForeignKeyConstraint(
            ["wallet_id"], ["wallet.id"], name=op.f("fk_billing_profile_wallet_id_wallet")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_billing_profile")),
        sa.UniqueConstraint("id", name=op.f("uq_billing_profile_id")),
        sa.UniqueConstraint(
            "wallet_id", "version", name=op.f("uq_billing_profile_wallet_id_version")
        ),
        sqlite_strict=True,
    )
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgres()


def _guard_sqlite() -> None:
    reject = "BEGIN SELECT RAISE(ABORT, 'the table billing_profile is append-only'); END"
    for change in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER billing_profile_no_{change} "
            f"BEFORE {change.upper()} ON billing_profile {reject}"
        )
    op.execute(
        "CREATE TRIGGER billing_profile_no_replace BEFORE INSERT ON billing_profile "
        f"WHEN EXISTS (SELECT 1 FROM billing_profile WHERE {TAKEN}) {reject}"
    )


def _guard_postgres() -> None:
    op.execute(
        "CREATE TRIGGER billing_profile_no_change BEFORE UPDATE OR DELETE ON billing_profile "
        "FOR EACH ROW EXECUTE FUNCTION grip_append_only()"
    )
    op.execute(
        "CREATE TRIGGER billing_profile_no_truncate BEFORE TRUNCATE ON billing_profile "
        "FOR EACH STATEMENT EXECUTE FUNCTION grip_append_only()"
    )
