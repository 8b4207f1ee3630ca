"""Calls under way: their holds, the boots that made them, and the keys that may repeat them."""

import sqlalchemy as sa

from grip.store.columns import Bytes, integer, text
from grip.store.tables.base import check, key, table

# The hold of a synchronous call: born at admission, gone with its settlement or release.
holds = table(
    "holds",
    key("request_id"),
    text("wallet_id"),
    text("key_id"),
    text("member_id"),
    integer("amount"),
    integer("estimate_nano"),
    integer("tokens"),
    integer("admitted_us"),
    text("model"),
    text("endpoint"),
    text("ip"),
    text("boot_id"),
    integer("input_tokens"),
    text("price_id"),
    text("idem_key", null=True),
    check("amount", "amount >= 0"),
    check("estimate", "estimate_nano >= 0"),
    sqlite_with_rowid=False,
)

# One run of a worker process: its heartbeat counts `beats`, and who ends it says so for ever. Its
# code was made for the revision `schema`; before 0019 it did not say.
boot = table(
    "boot",
    key(),
    text("host"),
    text("region"),
    integer("started_us"),
    integer("beats", default=0),
    integer("ended_us", null=True),
    text("ending", null=True),
    text("schema", null=True),
    check("ending", "(ended_us IS NULL) = (ending IS NULL)"),
)

# What a key's Idempotency-Key stands for; the answers are apart, since few are ever read.
idempotency = table(
    "idempotency",
    key("key_id"),
    key("idem_key"),
    text("request_id"),
    text("fingerprint"),
    text("state"),
    text("content_type", null=True),
    integer("created_us"),
    sa.UniqueConstraint("request_id"),
    check("state", "state IN ('running', 'kept', 'lost')"),
)
sa.Index("ix_idempotency_created", idempotency.c.created_us)

idempotency_answer = table(
    "idempotency_answer",
    key("request_id"),
    sa.Column("body", Bytes, nullable=False),
    integer("created_us"),
)
sa.Index("ix_idempotency_answer_created", idempotency_answer.c.created_us)
