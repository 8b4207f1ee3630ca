"""Selling credits: orders, their sessions at payment providers, what those told, and documents.

An order's `snapshot` is all that was agreed when it was made, and never changes. What became of it
is read off its facts, which only grow (`money/payments.py`); the columns beside them say what grip
has done about it.
"""

import sqlalchemy as sa

from grip.store.columns import Bytes, Json, integer, sequence, text
from grip.store.tables.base import check, key, reference, table

payment_order = table(
    "payment_order",
    key(),
    reference("wallet_id", "wallet.id"),
    text("provider"),
    text("package", null=True),
    text("status"),
    integer("credits"),
    integer("bonus"),
    text("currency"),
    integer("net_minor"),
    integer("tax_minor"),
    integer("gross_minor"),
    sa.Column("snapshot", Json, nullable=False),
    text("actor"),
    text("idem_key", null=True),
    text("fingerprint", null=True),
    integer("created_us"),
    integer("paid_us", null=True),
    text("payment_ref", null=True),
    integer("returned_minor", default=0),
    integer("reversed_credits", default=0),
    integer("disputed", default=0),
    text("evidence", null=True),
    sa.UniqueConstraint("idem_key"),
    check(
        "status",
        "status IN ('created', 'awaiting_payment', 'paid', 'partially_reversed', 'reversed', "
        "'expired', 'canceled', 'failed', 'review', 'returned')",
    ),
    check("credits", "credits > 0 AND bonus >= 0"),
    check("amounts", "net_minor > 0 AND tax_minor >= 0 AND gross_minor = net_minor + tax_minor"),
    check("reversed", "reversed_credits BETWEEN 0 AND credits + bonus"),
    check("returned", "returned_minor BETWEEN 0 AND gross_minor"),
    check("unpaid", "paid_us IS NOT NULL OR (returned_minor = 0 AND reversed_credits = 0)"),
    check("paid", "(paid_us IS NULL) = (payment_ref IS NULL)"),
)
sa.Index("ix_payment_order_wallet", payment_order.c.wallet_id, payment_order.c.created_us)
sa.Index(
    "uq_payment_order_payment",
    payment_order.c.provider,
    payment_order.c.payment_ref,
    unique=True,
    sqlite_where=payment_order.c.payment_ref.is_not(None),
    postgresql_where=payment_order.c.payment_ref.is_not(None),
)

# A page at a provider. It is written down before the provider is asked for it; without `ref` nobody
# knows whether it exists, and the janitor asks.
checkout_session = table(
    "checkout_session",
    key(),
    reference("order_id", "payment_order.id"),
    text("provider"),
    text("state"),
    text("ref", null=True),
    text("url", null=True),
    integer("created_us"),
    integer("expires_us"),
    integer("due_us", null=True),
    integer("looks", default=0),
    sa.UniqueConstraint("order_id"),
    sa.UniqueConstraint("provider", "ref"),
    check("state", "state IN ('creating', 'open', 'closed')"),
    check("due", "(state = 'closed') = (due_us IS NULL)"),
)
sa.Index(
    "ix_checkout_session_due",
    checkout_session.c.due_us,
    sqlite_where=checkout_session.c.due_us.is_not(None),
    postgresql_where=checkout_session.c.due_us.is_not(None),
)

# What a provider sent, verified, as it came.
payment_event = table(
    "payment_event",
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    text("kind"),
    text("order_id", null=True),
    text("payment_ref", null=True),
    text("state"),
    text("detail", null=True),
    sa.Column("facts", Json, nullable=False),
    sa.Column("body", Bytes, nullable=False),
    integer("received_us"),
    check("state", "state IN ('applied', 'ignored', 'quarantined', 'waiting')"),
)
sa.Index("ix_payment_event_received", payment_event.c.received_us)
sa.Index("ix_payment_event_order", payment_event.c.order_id)
_WAITING = payment_event.c.state == "waiting"
sa.Index(
    "ix_payment_event_waiting",
    payment_event.c.provider,
    payment_event.c.payment_ref,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)

payment_fact = table(
    "payment_fact",
    sequence(),
    reference("order_id", "payment_order.id"),
    text("kind"),
    text("ref"),
    text("word"),
    integer("amount_minor"),
    text("currency"),
    text("source"),
    integer("seen_us"),
    sa.UniqueConstraint("order_id", "kind", "ref", "word", "amount_minor", "currency"),
    check("kind", "kind IN ('paid', 'ended', 'refund', 'dispute')"),
)

# A refund that was asked for here. Its credits are held from the first moment.
payment_refund = table(
    "payment_refund",
    key(),
    reference("order_id", "payment_order.id"),
    text("state"),
    integer("amount_minor"),
    text("hold_id", null=True),
    text("ref", null=True),
    text("actor"),
    text("reason"),
    integer("created_us"),
    integer("due_us", null=True),
    integer("tries", default=0),
    integer("ended_us", null=True),
    check("state", "state IN ('requested', 'pending', 'succeeded', 'failed', 'canceled')"),
    check("amount", "amount_minor > 0"),
    check("ended", "(state IN ('requested', 'pending')) = (ended_us IS NULL)"),
)
sa.Index("ix_payment_refund_order", payment_refund.c.order_id)

# Invoices and credit notes. `cause` is what each stands for, once: `paid`, or a refund's name.
document = table(
    "document",
    key(),
    text("series"),
    integer("number"),
    text("kind"),
    reference("wallet_id", "wallet.id"),
    text("order_id", null=True),
    text("cause"),
    text("currency"),
    integer("net_minor"),
    integer("tax_minor"),
    integer("gross_minor"),
    sa.Column("content", Json, nullable=False),
    integer("issued_us"),
    sa.UniqueConstraint("series", "number"),
    sa.UniqueConstraint("wallet_id", "cause"),
    check("kind", "kind IN ('invoice', 'credit_note')"),
    check("number", "number > 0"),
)
sa.Index("ix_document_wallet", document.c.wallet_id, document.c.issued_us)

# What a document looked like when it was first rendered: it must look so for ever.
document_pdf = table(
    "document_pdf",
    sa.Column("document_id", sa.Text, sa.ForeignKey("document.id"), primary_key=True),
    text("sha256"),
    integer("rendered_us"),
)

document_series = table(
    "document_series",
    sa.Column("series", sa.Text, primary_key=True),
    integer("next_number"),
    check("next_number", "next_number > 0"),
)

# Every change of a wallet's tier, and what led to it: an order, or the operator (`cause` empty).
tier_change = table(
    "tier_change",
    sequence(),
    reference("wallet_id", "wallet.id"),
    text("before"),
    text("after"),
    text("cause"),
    text("actor"),
    text("reason"),
    integer("at_us"),
)
sa.Index("ix_tier_change_wallet", tier_change.c.wallet_id, tier_change.c.seq)
