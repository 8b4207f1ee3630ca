"""Billing profiles: to whom a wallet's invoices go, version upon version; the last one holds."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from grip.store import rows
from grip.store.tables import billing_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingProfile:
    """One version of who a wallet's customer is, for invoices and tax.

    `tax_id_kind` is the check of form and digits that the id has passed, None where none is known.
    `verified_how` and `verified_us` are an operator's word that a register knows the id.
    """

    id: str
    wallet_id: str
    version: int
    name: str
    address: tuple[str, ...]
    city: str
    postcode: str
    region: str
    country: str
    email: str | None
    is_business: bool
    tax_id: str | None
    tax_id_kind: str | None
    verified_how: str | None
    verified_us: int | None
    consultation: str | None
    exempt_reason: str | None
    actor: str
    created_us: int


async def insert(connection: AsyncConnection, profile: BillingProfile) -> None:
    """Write the next version of a locked wallet's profile."""
    values = {name: getattr(profile, name) for name in BillingProfile.__dataclass_fields__}
    await connection.execute(
        sa.insert(billing_profile).values(
            {**values, "address": list(profile.address), "is_business": int(profile.is_business)}
        )
    )


async def latest(connection: AsyncConnection, wallet_id: str) -> BillingProfile | None:
    """Return the version that holds, None where a wallet has no profile."""
    query = (
        sa.select(billing_profile)
        .where(billing_profile.c.wallet_id == wallet_id)
        .order_by(billing_profile.c.version.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _profile(row)


async def get(connection: AsyncConnection, profile_id: str) -> BillingProfile | None:
    """Return one version, as an order that was made under it names it."""
    query = sa.select(billing_profile).where(billing_profile.c.id == profile_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _profile(row)


def _profile(row: sa.RowMapping) -> BillingProfile:
    return rows.record(BillingProfile, {**row, "address": tuple(row["address"])})
