"""Billing: who a wallet's invoices go to, in versions that are never changed."""

import sqlalchemy as sa

from grip.store.columns import Json, integer, sequence, text
from grip.store.tables.base import check, reference, table

# `tax_id_kind` is the check that the id has passed, empty where none is known of its country's.
# `verified_how` is an operator's word that its register knows it.
billing_profile = table(
    "billing_profile",
    sequence(),
    text("id"),
    reference("wallet_id", "wallet.id"),
    integer("version"),
    text("name"),
    sa.Column("address", Json, nullable=False),
    text("city"),
    text("postcode"),
    text("region"),
    text("country"),
    text("email", null=True),
    integer("is_business"),
    text("tax_id", null=True),
    text("tax_id_kind", null=True),
    text("verified_how", null=True),
    integer("verified_us", null=True),
    text("consultation", null=True),
    text("exempt_reason", null=True),
    text("actor"),
    integer("created_us"),
    sa.UniqueConstraint("id"),
    sa.UniqueConstraint("wallet_id", "version"),
    check("version", "version > 0"),
    check("is_business", "is_business IN (0, 1)"),
    check("tax_id", "tax_id IS NULL OR is_business = 1"),
    check("tax_id_kind", "tax_id_kind IS NULL OR tax_id IS NOT NULL"),
    check("verified", "(verified_how IS NULL) = (verified_us IS NULL)"),
    check("verified_id", "verified_how IS NULL OR tax_id IS NOT NULL"),
    check("consultation", "consultation IS NULL OR verified_how IS NOT NULL"),
)
