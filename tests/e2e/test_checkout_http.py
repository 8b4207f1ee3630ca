"""Buying credits over HTTP, with the sandbox as the payment provider: what a customer meets."""

import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.e2e.shop import SCRIPT, Shop

LONG = "https://shop.example/" + "a" * 5000


def code(answer: Any) -> tuple[int, str]:
    """Return the status of an answer, and the code of its error."""
    return answer.status_code, str(answer.json().get("error", {}).get("code"))


def test_credits_are_bought_on_the_page(shop: Shop):
    """Told before, credited once, invoiced, and the tier raised: all by one button."""
    ana = shop.customer()
    begun = shop.begin(ana, success_url="https://shop.example/done")
    told = begun.json()
    before = shop.wallet(ana)
    page = shop.page(begun)
    shown = shop.house.http.get(page)
    pressed = [shop.press(page, "payment.paid") for _ in range(2)]
    after = shop.wallet(ana)
    (order,), (invoice,) = shop.orders(ana), shop.documents(ana)

    assert (told["net"], told["tax"], told["gross"]) == ("199.00", "37.81", "236.81")
    assert (told["tax_name"], told["tax_rate"], told["legal_version"]) == (
        *("VAT", "19.00"),
        "2026-11",
    )
    assert (told["credits"], told["bonus"]) == (199_000, 9_950)
    assert told["terms_url"] == "https://shop.example/terms"
    assert told["refund_policy_url"] == "https://shop.example/refunds"
    assert (before["balance"], before["tier"]) == (0, "free")
    assert shown.status_code == 200
    for words in ("199000 and 9950 on top", "199.00 USD", "VAT 19.00 %", "37.81 USD", "236.81 USD"):
        assert words in shown.text
    for link in (told["terms_url"], told["refund_policy_url"], "https://shop.example/done"):
        assert f'<a href="{link}">' in shown.text
    assert f"Order {told['order_id']}: awaiting_payment." in shown.text
    assert f"Order {told['order_id']}: paid." in pressed[0].text
    assert [answer.status_code for answer in pressed] == [200, 200]
    assert (after["balance"], after["tier"]) == (208_950, "plus")
    assert (order.status, invoice.order_id, invoice.gross_minor) == ("paid", order.id, 23_681)


@pytest.mark.parametrize("word", ["failed", "canceled", "expired"])
def test_a_checkout_that_ends_without_a_payment_credits_nothing(shop: Shop, word: str):
    """And a payment that comes all the same still counts."""
    ana = shop.customer()
    page = shop.page(shop.begin(ana))
    told = shop.press(page, f"payment.{word}")
    ended = shop.orders(ana)[0].status
    nothing = shop.wallet(ana)["balance"], shop.documents(ana)
    shop.press(page, "payment.paid")

    assert (told.status_code, ended, nothing) == (200, word, (0, []))
    assert (shop.orders(ana)[0].status, shop.wallet(ana)["balance"]) == ("paid", 208_950)


def test_a_dispute_takes_the_credits_and_gives_them_again(shop: Shop):
    """Opened it takes nothing; withdrawn it takes all, reinstated it gives all back."""
    ana = shop.customer()
    page = shop.page(shop.begin(ana))
    shop.press(page, "payment.paid")
    seen = []
    for what in ("opened", "withdrawn", "withdrawn", "reinstated"):
        assert shop.press(page, f"dispute.{what}").status_code == 200
        seen.append((shop.wallet(ana)["balance"], shop.orders(ana)[0].status))

    assert seen == [(208_950, "paid"), (0, "reversed"), (0, "reversed"), (208_950, "paid")]
    kinds = [document.kind for document in shop.documents(ana)]
    assert kinds == ["invoice", "credit_note", "invoice"]


class Names(HTMLParser):
    """The names of the elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}


def test_nothing_on_the_page_is_a_script(shop: Shop):
    """Titles and addresses are escaped, and the page's policy would let none run."""
    ana = shop.customer()
    hostile = "https://shop.example/\"onclick='alert(1)'><script>"
    page = shop.page(shop.begin(ana, package="script", success_url=hostile, cancel_url=hostile))
    pages = [shop.house.http.get(page), shop.press(page, "payment.paid")]
    other = shop.press(page, SCRIPT)
    for answer in pages:
        names = Names(answer.text).names
        policy = dict(
            directive.strip().split(" ", 1)
            for directive in answer.headers["content-security-policy"].split(";")
        )

        assert SCRIPT not in answer.text
        assert "&lt;script&gt;" in answer.text
        assert "script" not in names
        assert not [name for name in names if name.startswith("on")]
        assert policy["default-src"] == "'none'"
        assert policy["form-action"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "script-src" not in policy
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"

    assert code(other) == (400, "invalid_request_error")
    assert other.headers["content-type"].startswith("application/json")


def test_a_page_that_nobody_has_signed_is_not_there(shop: Shop):
    """A forged token, a changed one, one without its signature, another path's."""
    ana = shop.customer()
    page = shop.page(shop.begin(ana))
    body, _, mac = page.partition(".")
    head = "/sandbox/checkout/"
    forged = [
        *(f"{body}.", f"{body}.{mac[::-1]}", f"{body}A.{mac}", f"{body}.{mac}A", body),
        *(f"{head}x", f"{head}.", f"{head}%2e%2e", f"{head}é.{mac}", head + "A" * 9000),
    ]
    answers = [
        answer
        for path in forged
        for answer in (shop.house.http.get(path), shop.press(path, "payment.paid"))
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert (shop.wallet(ana)["balance"], shop.orders(ana)[0].status) == (0, "awaiting_payment")


def test_the_same_key_is_the_same_checkout(shop: Shop):
    """Another body under it is refused; another wallet's key of the same name is another one."""
    ana, ben = shop.customer(), shop.customer()
    first, again = (shop.begin(ana, "one") for _ in range(2))
    other = shop.begin(ana, "one", package="starter")
    bens = shop.begin(ben, "one")

    assert again.json() == first.json()
    assert code(other) == (422, "idempotency_key_reused")
    assert bens.json()["order_id"] != first.json()["order_id"]
    assert (len(shop.orders(ana)), len(shop.orders(ben))) == (1, 1)


def test_who_may_not_buy_is_told_why(shop: Shop):
    """A member, a wallet without a profile, nobody at all, and what is sold by contract."""
    ana, stranger = shop.customer(), shop.customer(profile=False)
    member = shop.member_of(ana)
    without = shop.begin(stranger)

    assert code(shop.begin(member)) == (403, "owner_only")
    assert code(without) == (409, "billing_profile_missing")
    assert f"grip billing set {stranger.wallet_id}" in without.json()["error"]["message"]
    assert code(shop.begin_with(None, {"package": "growth"})) == (401, "invalid_api_key")
    assert code(shop.begin(ana, package="enterprise")) == (409, "conflict")
    assert code(shop.begin(ana, package="nothing")) == (404, "not_found")
    assert shop.orders(ana) == shop.orders(stranger) == []


BAD: list[Any] = [
    b"",
    b"{",
    b"[]",
    b'"growth"',
    b'{"package": "growth", "package": "starter"}',
    {},
    {"package": None},
    {"package": 1},
    {"package": "growth", "amount": "49.00"},
    {"package": "growth", "credits": 5},
    {"package": "growth", "currency": "EUR"},
    {"package": "growth", "provider": "nobody"},
    {"package": "growth", "provider": 1},
    *({"amount": amount} for amount in ("-5", "-5.00", "4.99", "10000.01", "9" * 12, "9" * 400)),
    *(
        {"amount": amount}
        for amount in ("49.001", "49.0000", "4_9", "\uff14\uff19", "1e3", "NaN", "", " 49")
    ),
    *({"amount": amount} for amount in (49, 49.0, -1, 10**400, True, ["49"], {"value": "49"})),
    {"amount": "49.00", "currency": "EUR"},
    {"amount": "49.00", "currency": "usd"},
    {"amount": "49.00", "currency": ""},
    {"amount": "49.00", "currency": 840},
]
"""Bodies that nothing is sold for."""

LINKS = [
    *("javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "//shop.example", "shop"),
    *("https://shop.example/\n", "https://shop.example/\x00", "https://shop.example/a b"),
    *("https://", "https:///path", "https://[", "https://user:word@shop.example/"),
    *("http://shop.example/", "http://127.0.0.1.evil.example/", "http://localhost.evil.example/"),
    *("http://localhost@evil.example/", "https://shop.example/\u202e", "https://shop.example/ü"),
    LONG,
]
"""Addresses that no customer is sent to."""


def test_a_body_that_cannot_be_is_refused_and_nothing_is_written(shop: Shop):
    """Each with 400 and the name of what is wrong."""
    buyer = shop.customer()
    for said in BAD:
        body = {"provider": "sandbox"} | said if isinstance(said, dict) else said
        answer = shop.begin_with(buyer, body)
        assert code(answer) == (400, "invalid_request_error"), (body, answer.text)
    for link in LINKS:
        for name in ("success_url", "cancel_url"):
            answer = shop.begin(buyer, **{name: link})
            assert code(answer) == (400, "invalid_request_error"), link
            assert answer.json()["error"]["param"] == name

    assert shop.orders(buyer) == []


def test_links_that_can_be_are_taken(shop: Shop):
    """Of https, or of the customer's own machine; none at all as well."""
    buyer = shop.customer()
    for link in ("https://shop.example/?a=1&b={C}#d", "http://localhost:3000/", "http://[::1]/"):
        page = shop.page(shop.begin(buyer, success_url=link, cancel_url=link))
        assert f'href="{html.escape(link)}">back' in shop.house.http.get(page).text
    page = shop.page(shop.begin(buyer, success_url="", cancel_url=None))
    assert "back to the shop" not in shop.house.http.get(page).text


def test_an_amount_of_choice_is_bought(shop: Shop):
    """In the checkout's currency, at a thousandth of a dollar."""
    ana = shop.customer()
    begun = shop.begin_with(ana, {"amount": "5.01", "currency": "USD", "provider": "sandbox"})
    shop.press(shop.page(begun), "payment.paid")

    assert (begun.json()["credits"], begun.json()["package"]) == (5010, None)
    assert shop.wallet(ana)["balance"] == 5010


def test_what_could_not_be_credited_is_not_sold(shop: Shop):
    """Row 12: a wallet holds so much and no more."""
    ana = shop.customer()
    shop.press(shop.page(shop.begin(ana, package="whole")), "payment.paid")

    assert shop.wallet(ana)["balance"] == 8_000_000_000
    assert code(shop.begin(ana, package="whole")) == (409, "conflict")


def test_several_sandboxes_have_their_own_pages(shop: Shop):
    """Each takes the payments of its own orders."""
    ana = shop.customer()
    page = shop.page(shop.begin(ana, provider="playground"))

    assert shop.house.http.get(page).status_code == 200
    assert shop.press(page, "payment.paid").status_code == 200
    assert [order.status for order in shop.orders(ana)] == ["paid"]
    assert shop.orders(ana)[0].provider == "playground"


def test_where_there_are_several_providers_one_is_named(shop: Shop):
    """The sentence says which there are."""
    buyer = shop.customer()
    answer = shop.begin(buyer, provider=None)

    assert code(answer) == (400, "invalid_request_error")
    assert "sandbox or playground or stripe" in answer.json()["error"]["message"]


@pytest.mark.parametrize("provider", ["mute", "blank", "crooked"])
def test_without_a_secret_nothing_is_sold_and_nothing_believed(shop: Shop, provider: str):
    """Row 1: and neither stranger nor customer hears of secrets, files or keys."""
    buyer = shop.customer()
    answers = [shop.begin(buyer, provider=provider), shop.tell(provider, b"{}")]

    assert [code(answer) for answer in answers] == [(503, "webhook_unavailable")] * 2
    for answer in answers:
        assert not re.search(r"file:|secret|api_base|/", answer.json()["error"]["message"])
    assert shop.orders(buyer) == []


def test_a_webhook_is_for_who_can_sign_it(shop: Shop):
    """Unknown, unsigned, too large, not posted: each has its own no."""
    http = shop.house.http
    forged = {"webhook-id": "evt_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}

    assert code(shop.tell("nobody", b"{}")) == (404, "payment_provider_unknown")
    assert code(shop.tell("sandbox", b"{}")) == (401, "webhook_refused")
    assert code(shop.tell("sandbox", b"{}", forged)) == (401, "webhook_refused")
    assert code(shop.tell("stripe", b"{}", {"stripe-signature": "t=1"})) == (
        401,
        "webhook_refused",
    )
    assert code(shop.tell("sandbox", b"x" * (1024 * 1024 + 1))) == (413, "request_too_large")
    assert code(http.get("/webhooks/sandbox")) == (405, "method_not_allowed")
    assert http.get("/webhooks/sandbox").headers["x-grip-request-id"].startswith("req_")
    assert http.post("/webhooks/").status_code == 404
    assert http.post("/webhooks/sandbox/more").status_code == 404
