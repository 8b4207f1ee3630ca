"""Billing profiles: what can be said of a customer, its versions, and what tax follows from it."""

# ruff: noqa: RUF001  # names of every script

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from grip import errors
from grip.ids import IdSource
from grip.services import accounts, audit, billing, taxes
from grip.services.billing import Words
from grip.services.context import Context
from grip.settings import load
from grip.store import billing_profiles
from grip.store.engine import Database

ANA = Words(name="Ana", address=["Weg 1"], city="Berlin", country="DE")
FIRM = replace(ANA, tax_id="DE136695976")
SELLING = """
[seller]
name = "Shop"
address = ["1 rue du Lac"]
city = "Lyon"
country = "FR"
tax_id = "FR40303265045"
[taxes.fr]
country = "FR"
rate = "20"
"""


@pytest.fixture
async def wallet_id(shop) -> str:
    """The wallet of a customer."""
    return str((await shop.customer()).wallet_id)


@pytest.fixture
async def sqlite_context(sqlite_url: str, clock) -> AsyncIterator[Context]:
    """The surroundings of a use case on SQLite alone, for what no engine has a part in."""
    database = Database(sqlite_url)
    yield Context(database=database, settings=load(environ={}), clock=clock, ids=IdSource())
    await database.close()


async def sqlite_account(context: Context) -> str:
    """Make an account; return its wallet, of which no audit row speaks yet."""
    made = await accounts.create(context, actor="test", email="ana@example.com")
    return made.wallet_id


@pytest.fixture
def selling(context: Context, tmp_path) -> Context:
    """The same books, with a seller in France."""
    path = tmp_path / "selling.toml"
    path.write_text(SELLING, encoding="utf-8")
    return replace(context, settings=load(path, {}))


async def test_a_profile_is_kept_in_versions(context: Context, wallet_id: str):
    """What is left out stays, an empty value takes away; the version of an order can be read on."""
    first = await billing.set_profile(context, wallet_id, FIRM, actor="op", reason="called us")
    said = Words(city="Köln", email="Ana@Example.com", exempt="Embassy")
    second = await billing.set_profile(context, "ana@example.com", said, actor="op")
    third = await billing.set_profile(context, wallet_id, Words(email="", exempt=""), actor="op")
    newest, middle, oldest, *_ = await audit.list_audit(context, subject=wallet_id)
    async with context.database.read() as connection:
        kept = await billing_profiles.get(connection, first.id)
        none = await billing_profiles.get(connection, "bill_none")

    assert [one.version for one in (first, second, third)] == [1, 2, 3]
    assert await billing.show(context, wallet_id) == third
    assert (kept, none) == (first, None)
    assert second == replace(
        first,
        id=second.id,
        version=2,
        city="Köln",
        email="ana@example.com",
        exempt_reason="Embassy",
    )
    assert (third.email, third.exempt_reason, third.city) == (None, None, "Köln")
    assert (oldest.before, oldest.reason, oldest.actor) == (None, "called us", "op")
    assert isinstance(oldest.after, dict)
    assert oldest.after["tax_id"] == "DE136695976"
    assert middle.before == {"city": "Berlin", "email": None, "exempt": None}
    assert middle.after == {"city": "Köln", "email": "ana@example.com", "exempt": "Embassy"}
    assert newest.action == "billing.set"


async def test_a_profile_that_is_not_there_says_how_to_make_one(context: Context, wallet_id: str):
    """And a wallet that is not there is another matter."""
    with pytest.raises(errors.NotFound, match="grip billing set"):
        await billing.show(context, wallet_id)
    with pytest.raises(errors.NotFound, match="no wallet"):
        await billing.set_profile(context, "nobody", ANA, actor="op")


async def test_the_same_again_is_a_conflict(context: Context, wallet_id: str):
    """And leaves neither a version nor an audit row."""
    await billing.set_profile(context, wallet_id, FIRM, actor="op")
    with pytest.raises(errors.Conflict, match="already"):
        await billing.set_profile(context, wallet_id, Words(tax_id="136 695 976"), actor="op")

    assert (await billing.show(context, wallet_id)).version == 1
    assert len(await audit.list_audit(context, subject=wallet_id)) == 1


async def test_what_was_verified_is_of_one_id(context: Context, clock, wallet_id: str):
    """Said with its day and number; another id ends it, and saying it again renews it."""
    said = replace(FIRM, verified="VIES", consultation="W1")
    first = await billing.set_profile(context, wallet_id, said, actor="op")
    clock.advance(60)
    again = await billing.set_profile(context, wallet_id, Words(verified="VIES"), actor="op")
    moved = await billing.set_profile(context, wallet_id, Words(city="Bonn"), actor="op")
    other = await billing.set_profile(context, wallet_id, Words(tax_id="DE129274202"), actor="op")

    assert (first.verified_how, first.consultation) == ("VIES", "W1")
    assert again.verified_us == moved.verified_us == clock.now_us
    assert first.verified_us == clock.now_us - 60_000_000
    assert again.consultation is None
    assert taxes.id_check(moved) == "verified"
    assert (other.verified_how, other.verified_us) == (None, None)
    assert taxes.id_check(other) == "checksum"


async def test_another_country_reads_the_tax_id_again(context: Context, wallet_id: str):
    """It is no longer one, or one of another kind; the region goes with the country."""
    bavarian = replace(FIRM, region="Bayern", verified="VIES")
    await billing.set_profile(context, wallet_id, bavarian, actor="op")
    with pytest.raises(errors.InvalidRequest, match="no tax id of FR"):
        await billing.set_profile(context, wallet_id, Words(country="FR"), actor="op")
    said = Words(country="AE", tax_id="100-1234-5670-0003")
    moved = await billing.set_profile(context, wallet_id, said, actor="op")

    assert (moved.tax_id, moved.tax_id_kind) == ("100123456700003", None)
    assert (moved.region, moved.verified_how, taxes.id_check(moved)) == ("", None, "unknown")


async def test_who_has_a_tax_id_is_a_business(context: Context, wallet_id: str):
    """A person has none; a business may have none."""
    person = await billing.set_profile(context, wallet_id, ANA, actor="op")
    firm = await billing.set_profile(context, wallet_id, Words(tax_id="DE136695976"), actor="op")
    with pytest.raises(errors.InvalidRequest, match="for businesses"):
        await billing.set_profile(context, wallet_id, Words(is_business=False), actor="op")
    left = await billing.set_profile(context, wallet_id, Words(tax_id=""), actor="op")
    again = await billing.set_profile(context, wallet_id, Words(is_business=False), actor="op")

    assert [one.is_business for one in (person, firm, left, again)] == [False, True, True, False]
    assert (left.tax_id, left.tax_id_kind, taxes.id_check(left)) == (None, None, "none")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("株式会社サンプル", "株式会社サンプル"),
        ("شركة المثال", "شركة المثال"),
        ("חברת דוגמה בע״מ", "חברת דוגמה בע״מ"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("Zoe\u0301  &\u00a0Co.\u3000(O'Neil)", "Zo\u00e9 & Co. (O'Neil)"),
        ("ООО «Пример»", "ООО «Пример»"),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ("  Ana  ", "Ana"),
    ],
)
async def test_a_name_may_be_of_every_script(
    context: Context, wallet_id: str, name: str, kept: str
):
    """Composed, with single blanks; formulas are the spreadsheet writer's to disarm."""
    made = await billing.set_profile(context, wallet_id, replace(ANA, name=name), actor="op")

    assert made.name == kept
    assert (await billing.show(context, wallet_id)).name == kept


@pytest.mark.parametrize(
    ("said", "param", "why"),
    [
        (Words(), "country", "no country"),
        (replace(ANA, name=None), "name", "must not be empty"),
        (replace(ANA, name=" \u3000 "), "name", "must not be empty"),
        (replace(ANA, name="…"), "name", "must not be empty"),
        (replace(ANA, name="a\nb"), "name", "U+000A"),
        (replace(ANA, name="a\x00b"), "name", "U+0000"),
        (replace(ANA, name="abc\u202egpj"), "name", "U+202E"),
        (replace(ANA, name="a\u200bb"), "name", "U+200B"),
        (replace(ANA, name="a\udc80b"), "name", "U+DC80"),
        (replace(ANA, name="x" * 201), "name", "at most 200"),
        (replace(ANA, address=None), "address", "1 to 4 lines"),
        (replace(ANA, address=["a"] * 5), "address", "1 to 4 lines"),
        (replace(ANA, address=["a", ""]), "address", "must not be empty"),
        (replace(ANA, city=""), "city", "must not be empty"),
        (replace(ANA, city="x" * 101), "city", "at most 100"),
        (replace(ANA, postcode="1" * 21), "postcode", "at most 20"),
        (replace(ANA, country="Germany"), "country", "no country"),
        (replace(ANA, country="US"), "region", "no region of US"),
        (replace(ANA, country="US", region="Texas"), "region", "no region of US"),
        (replace(ANA, email="ana"), "email", "no e-mail"),
        (replace(ANA, tax_id="DE136695977"), "tax-id", "no tax id of DE"),
        (replace(ANA, tax_id="\x1b[31m"), "tax-id", "no tax id"),
        (replace(ANA, verified="VIES"), "verified", "no tax id"),
        (replace(FIRM, consultation="W1"), "consultation", "say both"),
        (replace(FIRM, verified="", consultation="W1"), "consultation", "say both"),
        (replace(FIRM, is_business=False), "tax-id", "for businesses"),
        (replace(ANA, exempt="x" * 201), "exempt", "at most 200"),
    ],
)
async def test_what_no_invoice_can_say_is_refused(
    sqlite_context: Context, said: Words, param: str, why: str
):
    """By the name of the option, before anything is written."""
    made = await sqlite_account(sqlite_context)
    with pytest.raises(errors.InvalidRequest) as refused:
        await billing.set_profile(sqlite_context, made, said, actor="op")

    assert refused.value.param == param
    assert why in refused.value.message
    assert len(await audit.list_audit(sqlite_context, subject=made)) == 0


async def test_two_changes_at_once_make_two_versions(context: Context, wallet_id: str):
    """Each on top of the other: the wallet's row is the lock."""
    await billing.set_profile(context, wallet_id, ANA, actor="op")
    said = [Words(city="Bonn"), Words(postcode="10115")]
    await asyncio.gather(
        *(billing.set_profile(context, wallet_id, one, actor="op") for one in said)
    )
    found = await billing.show(context, wallet_id)

    assert (found.version, found.city, found.postcode) == (3, "Bonn", "10115")


async def test_tax_follows_from_profile_and_configuration(selling: Context, wallet_id: str):
    """Strict until the id is verified; where nobody sells, no tax is known."""
    doubted = await billing.set_profile(selling, wallet_id, FIRM, actor="op")
    before = taxes.decide(selling.settings, doubted, net_minor=4_900, at_us=selling.clock())
    trusted = await billing.set_profile(selling, wallet_id, Words(verified="VIES"), actor="op")
    after = taxes.decide(selling.settings, trusted, net_minor=4_900, at_us=selling.clock())
    nobody = replace(selling, settings=load(environ={}))

    assert (before.tax_minor, before.evidence.ground) == (980, "seller_country")
    assert (after.tax_minor, after.evidence.ground) == (0, "reverse_charge")
    assert before.evidence.on_date == "2027-01-15"
    assert (before.seller_tax_id, after.seller_tax_id) == ("FR40303265045", "FR40303265045")
    shown = billing.describe_tax(selling, trusted)
    assert shown is not None
    assert shown["reason_code"] == "VATEX-EU-AE"
    assert billing.describe_tax(nobody, trusted) is None
    with pytest.raises(errors.Conflict, match="no \\[seller\\]"):
        taxes.decide(nobody.settings, trusted, net_minor=1, at_us=0)


async def test_lenient_is_content_with_check_digits(selling: Context, wallet_id: str, tmp_path):
    """As the operator chose."""
    path = tmp_path / "lenient.toml"
    path.write_text(SELLING + '[tax]\nids = "lenient"\n', encoding="utf-8")
    doubted = await billing.set_profile(selling, wallet_id, FIRM, actor="op")
    found = taxes.decide(load(path, {}), doubted, net_minor=1, at_us=selling.clock())

    assert found.evidence.ground == "reverse_charge"


@pytest.mark.parametrize(
    "change", ["UPDATE billing_profile SET name = 'x'", "DELETE FROM billing_profile"]
)
async def test_a_version_is_never_changed(context: Context, wallet_id: str, change: str):
    """The database itself refuses."""
    await billing.set_profile(context, wallet_id, ANA, actor="op")

    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        async with context.database.write() as connection:
            await connection.execute(sa.text(change))


async def test_replace_cannot_rewrite_a_version(sqlite_context: Context):
    """Not under its id, and not under its number either."""
    wallet_id = await sqlite_account(sqlite_context)
    await billing.set_profile(sqlite_context, wallet_id, ANA, actor="op")
    again = sa.text(
        "INSERT OR REPLACE INTO billing_profile (id, wallet_id, version, name, address, city, "
        "postcode, region, country, is_business, actor, created_us) "
        "SELECT 'bill_new', wallet_id, version, 'x', address, city, postcode, region, country, "
        "is_business, actor, created_us FROM billing_profile"
    )
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        async with sqlite_context.database.write() as connection:
            await connection.execute(sa.text("PRAGMA recursive_triggers = OFF"))
            await connection.execute(again)
