"""Billing profiles: who a wallet's customer is, for invoices and tax.

A change makes another version and leaves an audit row; orders and invoices keep the version that
they were made under. Refuses to ask any register whether a tax id is real: an operator does, and
says how.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from grip import errors
from grip.clock import to_iso
from grip.services import billing_checks as checks
from grip.services import references, taxes
from grip.services.catalog_checks import refused
from grip.services.changes import differing
from grip.services.context import Context
from grip.store import audit, billing_profiles, wallets
from grip.store.billing_profiles import BillingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is said of a profile: None leaves a part as it was, the empty text takes it away."""

    name: str | None = None
    address: Sequence[str] | None = None
    city: str | None = None
    postcode: str | None = None
    region: str | None = None
    country: str | None = None
    email: str | None = None
    is_business: bool | None = None
    tax_id: str | None = None
    verified: str | None = None
    consultation: str | None = None
    exempt: str | None = None


async def show(context: Context, ref: str) -> BillingProfile:
    """Return the profile of a wallet; raises NotFound, also where it has none, or Ambiguous."""
    async with context.database.read() as connection:
        wallet = await references.wallet(connection, ref)
        found = await billing_profiles.latest(connection, wallet.id)
    if found is None:
        raise errors.NotFound(
            f"the wallet {wallet.id} has no billing profile; make one: grip billing set {wallet.id}"
        )
    return found


async def set_profile(
    context: Context, ref: str, said: Words, *, actor: str, reason: str = ""
) -> BillingProfile:
    """Change what is said of a wallet's customer, or say it for the first time.

    The first time needs name, address, city and country. Another tax id, or another country, ends
    what was verified of the one before. Raises NotFound, Ambiguous or InvalidRequest, and Conflict
    where nothing would change.
    """
    now_us = context.clock()
    async with context.database.write() as connection:
        found = await references.wallet(connection, ref)
        wallet = await wallets.lock(connection, found.id)
        before = await billing_profiles.latest(connection, wallet.id)
        base = before or _blank(wallet.id)
        after = replace(
            _changed(base, said, now_us),
            id=context.new_id("bill"),
            version=base.version + 1,
            actor=actor,
            created_us=now_us,
        )
        old, new = differing(_facts(before) if before else None, _facts(after))
        if before is not None and not new:
            raise errors.Conflict(f"the wallet {wallet.id} has this billing profile already")
        await billing_profiles.insert(connection, after)
        await audit.append(
            connection,
            at_us=now_us,
            actor=actor,
            action="billing.set",
            subject=wallet.id,
            before=old,
            after=new,
            reason=reason.strip(),
        )
    return after


def describe(profile: BillingProfile) -> dict[str, Any]:
    """Return a profile as it is shown."""
    return {
        "wallet_id": profile.wallet_id,
        "profile_id": profile.id,
        "version": profile.version,
        **_facts(profile),
        "changed_at": to_iso(profile.created_us),
        "changed_by": profile.actor,
    }


def describe_tax(context: Context, profile: BillingProfile) -> dict[str, Any] | None:
    """Return which tax a sale to this customer would carry today; None where nobody sells."""
    if not taxes.has_seller(context.settings):
        return None
    found = taxes.decide(context.settings, profile, net_minor=0, at_us=context.clock())
    return {
        "name": found.name,
        "category": found.category,
        "rate_bp": found.rate_bp,
        "ground": found.evidence.ground,
        "rule": found.evidence.rule,
        "reason_code": found.reason_code,
        "reason": found.reason,
    }


def _facts(profile: BillingProfile) -> Mapping[str, Any]:
    verified_us = profile.verified_us
    return {
        "name": profile.name,
        "address": list(profile.address),
        "city": profile.city,
        "postcode": profile.postcode,
        "region": profile.region,
        "country": profile.country,
        "email": profile.email,
        "is_business": profile.is_business,
        "tax_id": profile.tax_id,
        "tax_id_kind": profile.tax_id_kind,
        "tax_id_check": taxes.id_check(profile),
        "verified": profile.verified_how,
        "verified_at": None if verified_us is None else to_iso(verified_us),
        "consultation": profile.consultation,
        "exempt": profile.exempt_reason,
    }


def _blank(wallet_id: str) -> BillingProfile:
    return BillingProfile(
        id="",
        wallet_id=wallet_id,
        version=0,
        name="",
        address=(),
        city="",
        postcode="",
        region="",
        country="",
        email=None,
        is_business=False,
        tax_id=None,
        tax_id_kind=None,
        verified_how=None,
        verified_us=None,
        consultation=None,
        exempt_reason=None,
        actor="",
        created_us=0,
    )


def _changed(before: BillingProfile, said: Words, now_us: int) -> BillingProfile:
    placed = _placed(before, said)
    email = placed.email if said.email is None else said.email
    exempt = placed.exempt_reason if said.exempt is None else said.exempt
    named = replace(
        placed,
        name=checks.needed(_or(said.name, placed.name), "name", checks.NAME_MAX),
        email=references.email(email) if email else None,
        exempt_reason=checks.words(exempt or "", "exempt", checks.NAME_MAX) or None,
    )
    return _verified(_identified(before, named, said), said, now_us)


def _placed(before: BillingProfile, said: Words) -> BillingProfile:
    country = checks.country(_or(said.country, before.country))
    # A region is one of its country.
    region = before.region if country == before.country else ""
    address = before.address if said.address is None else said.address
    return replace(
        before,
        address=checks.lines(address),
        city=checks.needed(_or(said.city, before.city), "city", checks.CITY_MAX),
        postcode=checks.words(_or(said.postcode, before.postcode), "postcode", checks.POSTCODE_MAX),
        region=checks.region(country, _or(said.region, region)),
        country=country,
    )


def _identified(before: BillingProfile, after: BillingProfile, said: Words) -> BillingProfile:
    """Return the profile with its tax id, which is read again where the country is another."""
    typed = before.tax_id if said.tax_id is None else said.tax_id
    is_business = before.is_business or bool(said.tax_id)
    if said.is_business is not None:
        is_business = said.is_business
    if typed and not is_business:
        raise refused("tax-id", 'is for businesses; take it away (--tax-id "") or say --business')
    if said.tax_id is None and after.country == before.country:
        return replace(after, is_business=is_business)
    found = checks.tax_id(after.country, typed) if typed else None
    number = found.number if found else None
    identified = replace(
        after, is_business=is_business, tax_id=number, tax_id_kind=found.kind if found else None
    )
    if number == before.tax_id and after.country == before.country:
        return identified
    return replace(identified, verified_how=None, verified_us=None, consultation=None)


def _verified(profile: BillingProfile, said: Words, now_us: int) -> BillingProfile:
    """Return the profile with what the operator says of its tax id."""
    if said.verified is None:
        if said.consultation is not None:
            raise refused("consultation", "is a number of --verified; say both")
        return profile
    how = checks.words(said.verified, "verified", checks.NAME_MAX)
    if how and profile.tax_id is None:
        raise refused("verified", "there is no tax id; say it too: --tax-id")
    number = checks.words(said.consultation or "", "consultation", checks.CITY_MAX)
    if number and not how:
        raise refused("consultation", "is a number of --verified; say both")
    return replace(
        profile,
        verified_how=how or None,
        verified_us=now_us if how else None,
        consultation=number or None,
    )


def _or(said: str | None, before: str) -> str:
    return before if said is None else said
