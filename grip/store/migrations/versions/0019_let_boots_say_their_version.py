"""Let a boot say for which schema its code was made, so that none is left behind by an upgrade."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Boots that there are say nothing: their code is older."""
    op.add_column("boot", sa.Column("schema", sa.Text(), nullable=True))
