"""A provider without money: its page's token, and the webhooks of its buttons."""

import base64
import dataclasses
import hmac
import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from grip import errors
from grip.money.payments import Expected, Fact, Paid, Refund, standing
from grip.payments.port import Purchase
from grip.payments.sandbox import OUTCOMES, PATH, Page, SandboxProvider, token_of
from tests.payments.conftest import NOW_US

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()


def sandbox(*secrets: str) -> SandboxProvider:
    """Return the sandbox."""
    return SandboxProvider(
        "sandbox", address="https://grip.example.com/", webhook_secrets=secrets or (SECRET,)
    )


async def page_of(purchase: Purchase, provider: SandboxProvider) -> Page:
    """Open a session and follow its address."""
    opened = await provider.open(purchase)
    head, _, token = opened.url.rpartition("/")
    assert f"{head}/" == f"https://grip.example.com{PATH}"
    return provider.page(token)


async def test_all_of_a_page_is_in_its_address(purchase: Purchase):
    """So that there is nothing to keep; the same purchase has the same page."""
    provider = sandbox()
    page = await page_of(purchase, provider)

    assert (page.order_id, page.session_id) == ("ord_1", "cs_1")
    assert (page.gross_minor, page.currency) == (4900, "USD")
    assert (page.success_url, page.cancel_url) == (purchase.success_url, purchase.cancel_url)
    assert await provider.open(purchase) == await provider.open(purchase)


async def test_a_page_of_every_script(purchase: Purchase):
    """Names come through whole."""
    told = "信用 كريديت 🪙"
    page = await page_of(dataclasses.replace(purchase, description=told), sandbox())
    assert page.description == told


@pytest.mark.parametrize("token", ["", ".", "a.b", "ä.ö", "\ud800", "x" * 10_000, "e30.e30"])
def test_a_page_that_nobody_signed_is_not_there(token: str):
    """Whatever the address says."""
    with pytest.raises(errors.NotFound):
        sandbox().page(token)


@given(token=st.text(max_size=60))
def test_no_token_breaks_it(token: str):
    """It is not found, and that is all."""
    with pytest.raises(errors.NotFound):
        sandbox().page(token)


async def test_a_page_cannot_be_made_cheaper(purchase: Purchase):
    """Body and signature belong together; an old secret's pages go on."""
    page = await page_of(purchase, sandbox())
    token = token_of(page, SECRET)
    cheaper = token_of(msgspec.structs.replace(page, gross_minor=1), SECRET)
    with pytest.raises(errors.NotFound):
        sandbox().page(f"{cheaper.partition('.')[0]}.{token.partition('.')[2]}")
    with pytest.raises(errors.NotFound):
        sandbox(OTHER).page(token)
    assert sandbox(OTHER, SECRET).page(token) == page


@pytest.mark.parametrize("kind", OUTCOMES)
async def test_each_button_makes_a_webhook_that_the_official_library_believes(
    purchase: Purchase, kind: str, monkeypatch: pytest.MonkeyPatch
):
    """And so does grip; pressed twice, it is the same event."""
    provider = sandbox()
    page = await page_of(purchase, provider)
    notice = provider.outcome(page, kind, NOW_US)
    again = provider.outcome(page, kind, NOW_US + 1_000_000)
    monkeypatch.setattr(Webhook, "_Webhook__verify_timestamp", lambda _, at: _utc(at))
    told = provider.read(notice.raw, notice.headers, NOW_US)

    assert Webhook(SECRET).verify(notice.raw, dict(notice.headers))["type"] == kind
    assert (told.kind, told.order_id, told.session_id) == (kind, "ord_1", "cs_1")
    assert (told.session_ref, len(told.facts)) == ("sbx_cs_1", 1)
    assert told.event_id == provider.read(again.raw, again.headers, NOW_US).event_id


def _utc(at: str) -> object:
    from datetime import UTC, datetime  # noqa: PLC0415

    return datetime.fromtimestamp(float(at), tz=UTC)


async def test_outcomes_end_alike_in_every_order(purchase: Purchase):
    """Paid, disputed and given back, with a refund that fails late."""
    provider = sandbox()
    page = await page_of(purchase, provider)
    kinds = ("payment.expired", "payment.paid", "dispute.withdrawn", "dispute.reinstated")
    notices = [provider.outcome(page, kind, NOW_US) for kind in kinds]
    refund = await provider.refund("ref_1", page.payment_ref, 900, "USD", "asked")
    notices.append(provider.refund_notice("ref_1", page.payment_ref, 900, "failed", NOW_US))
    told = [provider.read(each.raw, each.headers, NOW_US).facts for each in notices]
    expected = Expected(amount_minor=4900, currency="USD", credits=49_000)
    ends = set()
    for order in itertools.permutations([*told, (refund,)]):
        facts: list[Fact] = [fact for several in order for fact in several]
        ends.add(standing(facts, expected))
    (end,) = ends

    late = notices[-1]
    known = provider.read(late.raw, late.headers, NOW_US).refund_ids
    assert refund == Refund(ref="sbx_re_ref_1", amount_minor=900, state="succeeded")
    assert known == {"sbx_re_ref_1": "ref_1"}
    assert (end.paid_by, end.returned_minor, end.disputed) == ("sbx_pay_cs_1", 0, False)
    assert Paid(ref="sbx_pay_cs_1", amount_minor=4900, currency="USD") in told[1]


async def test_a_page_that_has_expired_takes_no_payment(purchase: Purchase):
    """But tells that it has."""
    provider = sandbox()
    page = await page_of(purchase, provider)
    with pytest.raises(errors.Conflict):
        provider.outcome(page, "payment.paid", page.expires_us)
    assert provider.outcome(page, "payment.expired", page.expires_us).raw
    with pytest.raises(errors.InvalidRequest):
        provider.outcome(page, "payment.stolen", NOW_US)


async def test_without_a_secret_it_does_nothing(purchase: Purchase):
    """Else anybody could press its buttons from afar."""
    provider = sandbox("")
    assert not provider.can_open
    with pytest.raises(errors.WebhookUnavailable):
        await provider.open(purchase)
    with pytest.raises(errors.WebhookUnavailable):
        provider.read(b"{}", {}, NOW_US)
    with pytest.raises(errors.NotFound):
        provider.page("a.b")


async def test_a_page_is_not_what_else_is_signed_with_the_secret(purchase: Purchase):
    """Pages and webhooks are made with one secret, for two purposes."""
    provider = sandbox()
    body = token_of(await page_of(purchase, provider), SECRET).partition(".")[0]
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    mac = base64.urlsafe_b64encode(hmac.digest(key, body.encode(), "sha256")).decode()
    with pytest.raises(errors.NotFound):
        provider.page(f"{body}.{mac.rstrip('=')}")


async def test_the_sandbox_keeps_no_books():
    """There is nothing to look up, and nothing to reconcile with."""
    assert (await sandbox().look("ord_1", "sbx_cs_1")).facts == ()
    with pytest.raises(errors.PaymentProviderUnable):
        sandbox().charges(0, 1)
