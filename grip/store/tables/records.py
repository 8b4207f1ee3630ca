"""What the operator did, and what the database knows of itself."""

import sqlalchemy as sa

from grip.store.columns import Json, integer, sequence, text
from grip.store.tables.base import key, table

meta = table("meta", key("name"), text("value"))

audit = table(
    "audit",
    sequence(),
    integer("at_us"),
    text("actor"),
    text("action"),
    text("subject"),
    sa.Column("before", Json),
    sa.Column("after", Json),
    text("reason"),
)
sa.Index("ix_audit_subject", audit.c.subject, audit.c.seq)
