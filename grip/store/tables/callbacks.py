"""What tasks tell their owners: callbacks, each attempt at one, and the secrets that sign them.

No row of these can reach a task: they name it, and hold no reference to it.
"""

import sqlalchemy as sa

from grip.store.columns import Bytes, integer, text
from grip.store.tables.base import check, key, reference, table

# Born in the transaction that ends a task; `body` is sent, and signed, as it is here. `tries` are
# the attempts since it was made or replayed, `attempts` all of them.
callback = table(
    "callback",
    key(),
    text("task_id"),
    text("wallet_id"),
    text("event"),
    text("url"),
    text("host"),
    sa.Column("body", Bytes, nullable=False),
    text("state"),
    text("reason"),
    integer("attempts", default=0),
    integer("tries", default=0),
    integer("due_us"),
    text("lease_owner", null=True),
    integer("lease_until_us", null=True),
    integer("lease_seq", default=0),
    integer("created_us"),
    integer("ended_us", null=True),
    sa.UniqueConstraint("task_id", "event"),
    check("state", "state IN ('pending', 'delivered', 'dead')"),
    check("ended", "(state = 'pending') = (ended_us IS NULL)"),
    check("tries", "tries BETWEEN 0 AND attempts"),
    check("lease", "(lease_owner IS NULL) = (lease_until_us IS NULL)"),
)
# All that is asked of what waits, so that the bodies beside it are not read.
sa.Index(
    "ix_callback_due",
    callback.c.host,
    callback.c.due_us,
    callback.c.id,
    callback.c.lease_until_us,
    sqlite_where=callback.c.state == "pending",
    postgresql_where=callback.c.state == "pending",
)
sa.Index("ix_callback_created", callback.c.created_us)

# `reply` is the beginning of what the receiver answered, for the operator alone.
callback_attempt = table(
    "callback_attempt",
    sa.Column("callback_id", sa.Text, sa.ForeignKey("callback.id"), primary_key=True),
    sa.Column("number", integer("number").type, primary_key=True, autoincrement=False),
    integer("started_us"),
    text("outcome"),
    integer("status", null=True),
    integer("latency_ms", null=True),
    text("detail"),
    sa.Column("reply", Bytes),
)

# Kept as they are: a signature needs the secret itself. `shown_us` is when somebody was told it,
# `ends_us` when it signs no more.
callback_secret = table(
    "callback_secret",
    key(),
    reference("wallet_id", "wallet.id"),
    text("secret"),
    integer("created_us"),
    integer("shown_us", null=True),
    integer("ends_us", null=True),
)
sa.Index("ix_callback_secret_wallet", callback_secret.c.wallet_id)
