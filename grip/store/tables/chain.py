"""The hash chain over the journals, and the checkpoints that stand on it."""

import sqlalchemy as sa

from grip.store.columns import Bytes, Json, integer, text
from grip.store.tables.base import check, key, table

# A block closes the rows from `first_seq` to `last_seq`; `digests` says which of them was changed
# where `hash` says that one was.
chain_block = table(
    "chain_block",
    key("journal"),
    sa.Column("number", integer("number").type, primary_key=True, autoincrement=False),
    integer("format"),
    integer("first_seq"),
    integer("last_seq"),
    integer("row_count"),
    text("previous"),
    text("hash"),
    sa.Column("digests", Bytes, nullable=False),
    integer("closed_us"),
    check("number", "number > 0"),
    check("bounds", "first_seq <= last_seq"),
    check("row_count", "row_count > 0"),
)

# `heads` are the last blocks that a clean verification stood on, by their journals.
checkpoint = table(
    "checkpoint",
    sa.Column("number", integer("number").type, primary_key=True, autoincrement=False),
    text("id"),
    integer("at_us"),
    sa.Column("heads", Json, nullable=False),
    text("balances"),
    text("previous"),
    text("digest"),
    sa.UniqueConstraint("id"),
    check("number", "number > 0"),
)

# What counters were when a checkpoint was made, and which holds were open; `checkpoint.balances` is
# the hash over all of a checkpoint's.
checkpoint_balance = table(
    "checkpoint_balance",
    key("checkpoint_id"),
    key("kind"),
    key("id"),
    integer("credits"),
    integer("nano"),
    integer("debt"),
    check("kind", "kind IN ('wallet', 'key', 'member', 'hold')"),
    sqlite_with_rowid=False,
)
