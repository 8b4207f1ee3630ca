"""Let a wallet say who may serve it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a policy to every wallet: none, which lets everybody."""
    op.add_column("wallet", sa.Column("providers", sa.Text(), nullable=True))
