"""`grip orders` as a person or a script meets it."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grip import errors, settings
from grip.clock import system_clock
from grip.ids import IdSource
from grip.money.payments import Paid
from grip.payments.port import Seen
from grip.services.context import Context
from grip.services.selling import agreeing, listening, refunds
from grip.store import wallets
from grip.store.engine import Database
from tests.cli.seller import SELLER, WHY, open_shop, paid
from tests.stripe_server import KEY, SECRET, StripeServer

Grip = Callable[..., Any]

ORDER = [
    *("id", "created_at", "wallet_id", "provider", "package", "status", "credits", "bonus"),
    *("currency", "net", "tax_amount", "gross", "returned", "reversed_credits", "disputed"),
    *("payment_ref", "paid_at"),
]


@pytest.fixture
def ana(grip: Grip, anywhere: Path) -> str:
    """The wallet of a customer of a shop."""
    return open_shop(grip, anywhere)


def test_an_order_is_made_approved_and_given_back(grip: Grip, ana: str):
    """Every step with its JSON; approved once, credited once, and the reason in the audit."""
    made = grip("orders", "create", "ana@example.com", "--package", "growth", "--json").json
    order = made["id"]
    approved = grip("orders", "approve", order, "--evidence", "bank 17", *WHY, "--json").json
    again = grip("orders", "approve", order, "--evidence", "bank 17", *WHY, "--json")
    part = grip("orders", "refund", order, "--amount", "119.00", *WHY, "--json").json
    rest = grip("orders", "refund", order, *WHY, "--json").json
    over = grip("orders", "refund", order, *WHY, "--json")
    shown = grip("orders", "show", order, "--json").json
    (listed,) = grip("orders", "list", "--wallet", ana, "--status", "reversed", "--json").json
    actions = [row["action"] for row in grip("audit", "list", "--subject", order, "--json").json]

    assert list(made) == [*ORDER, "terms"]
    assert (made["status"], made["provider"]) == ("awaiting_payment", "manual")
    assert (made["gross"], made["terms"]["tax_rate"]) == ("236.81", "19.00")
    assert list(approved) == list(listed) == ORDER
    assert (approved["status"], approved["payment_ref"]) == ("paid", order)
    assert (again.status, again.error["code"]) == (1, "conflict")
    assert list(part) == ["refund_id", "refund_state", *ORDER]
    assert (part["refund_state"], part["status"]) == ("succeeded", "partially_reversed")
    assert (rest["returned"], rest["reversed_credits"]) == ("236.81", 208_950)
    assert (over.status, over.error["code"]) == (1, "conflict")
    assert (shown["evidence"], len(shown["refunds"]), shown["events"]) == ("bank 17", 2, [])
    assert listed["status"] == "reversed"
    assert actions == [
        *("order.settle", "order.refund_end", "order.refund"),
        *("order.settle", "order.refund_end", "order.refund"),
        *("order.settle", "order.create"),
    ]
    assert grip("wallet", "show", ana, "--json").json["balance"] == 1000


def test_people_read_sentences_and_tables(grip: Grip, ana: str):
    """What to do next, one order a row, and what belongs together on lines of its own."""
    empty = grip("orders", "list").stdout
    made = grip("orders", "create", "ana@example.com", "--package", "starter").stdout
    order = made.partition(":")[0]
    done = grip("orders", "approve", order, "--evidence", "bank 17", *WHY).stdout
    refunded = grip("orders", "refund", order, "--amount", "1.00", *WHY).stdout
    shown = grip("orders", "show", order).stdout

    assert empty == "No orders.\n"
    assert made == (
        f"{order}: 49000 credits for 58.31 USD with tax; approve it when the money is there.\n"
    )
    assert done == f"{order} is paid: 49000 credits are in the wallet.\n"
    assert refunded.endswith(f"of {order} is succeeded: 1.00 of 58.31 USD went back.\n")
    assert "58.31" in grip("orders", "list").stdout
    assert "{" not in shown
    assert "name=Ana Müller, address=Weg 1, city=Berlin" in shown
    assert "state=succeeded, amount=1.00" in shown


def test_an_order_without_tax_says_why(grip: Grip, anywhere: Path):
    """A seller who collects none is not told that there is some."""
    open_shop(grip, anywhere)
    untaxed = SELLER.partition("[taxes.de]")[0] + 'registration_id = "HRB 1"\n'
    (anywhere / "grip.toml").write_text(untaxed, encoding="utf-8")
    made = grip("orders", "create", "ana@example.com", "--package", "starter").stdout

    assert made.partition(" for ")[2] == (
        "49.00 USD without tax (Outside the scope of tax: none is collected in DE); approve it "
        "when the money is there.\n"
    )


REFUSED: list[tuple[tuple[str, ...], int, str]] = [
    ((), 2, "invalid_request_error"),
    (("--package", "growth", "--amount", "5 USD"), 2, "invalid_request_error"),
    (("--package", "nothing"), 1, "not_found"),
    (("--package", "enterprise"), 2, "invalid_request_error"),
    (("--package", "growth", "--credits", "0"), 2, "invalid_request_error"),
    (("--package", "growth", "--credits", "9" * 30), 2, "invalid_request_error"),
    (("--package", "growth", "--bonus", "199001"), 2, "invalid_request_error"),
    (("--package", "growth", "--bonus", "-1"), 2, "invalid_request_error"),
    (("--package", "growth", "--price", "0 USD"), 2, "invalid_request_error"),
    (("--package", "growth", "--price", "1.999 USD"), 2, "invalid_request_error"),
    (("--package", "growth", "--price", "5 XXX"), 2, "invalid_request_error"),
    (("--amount", "5"), 2, "invalid_request_error"),
    (("--amount", "4.99 USD"), 2, "invalid_request_error"),
    (("--amount", "50 EUR"), 2, "invalid_request_error"),
    (("--amount", "50 USD", "--credits", "1000000"), 2, "invalid_request_error"),
    (("--amount", "50 USD", "--bonus", "5"), 2, "invalid_request_error"),
    (("--amount", "50 USD", "--price", "5 EUR"), 2, "invalid_request_error"),
]
"""What cannot be sold, with the exit status and the code of the error."""


def test_what_cannot_be_sold_is_refused(grip: Grip, ana: str):
    """By name, and nothing is written."""
    for words, status, code in REFUSED:
        refused = grip("orders", "create", "ana@example.com", *words, "--json")
        assert (refused.status, refused.error["code"]) == (status, code), words

    assert grip("orders", "list", "--json").json == []


def test_errors_say_what_to_do(grip: Grip, anywhere: Path, ana: str):
    """Of what is not there, not paid, not a number, or not said."""
    order = grip("orders", "create", ana, "--package", "growth", "--json").json["id"]
    grip("accounts", "create", "--email", "ben@example.com")
    cases = [
        (("create", "ben@example.com", "--package", "growth"), 1, "grip billing set wal_"),
        (("create", "nobody", "--package", "growth"), 1, "there is no wallet"),
        (("show", "ord_1"), 1, "grip orders list"),
        (("approve", "ord_1", "--evidence", "x", *WHY), 1, "grip orders list"),
        (("approve", order, "--evidence", " ", *WHY), 2, "evidence"),
        (("approve", order, *WHY), 2, "--evidence"),
        (("approve", order, "--evidence", "x"), 2, "--reason"),
        (("refund", order, *WHY), 1, "is not paid"),
        (("refund", order, "--amount", "-5", *WHY), 2, "such as 49.00"),
        (("refund", order, "--amount", "5 USD", *WHY), 2, "such as 49.00"),
        (("refund", order, "--amount", "1.999", *WHY), 2, "finer than USD"),
        (("list", "--status", "settled"), 2, "awaiting_payment"),
        (("list", "--wallet", "nobody"), 1, "there is no wallet"),
    ]
    for words, status, told in cases:
        refused = grip("orders", *words)
        assert (refused.status, refused.stdout) == (status, ""), words
        assert told in refused.stderr
        assert refused.stderr.count("\n") == 1
    (anywhere / "grip.toml").write_text("")
    unsold = grip("orders", "create", ana, "--package", "growth", "--json")
    assert (unsold.status, "[seller]" in unsold.error["message"]) == (1, True)


def test_what_is_spent_is_given_back_as_a_debt_alone(grip: Grip, ana: str):
    """Only with `--owe`; the next purchase pays it."""
    order = paid(grip)
    grip("wallet", "debit", ana, "209000", "--reason", "spent")
    refused = grip("orders", "refund", order, *WHY, "--json")
    owed = grip("orders", "refund", order, "--owe", *WHY, "--json").json

    assert (refused.status, refused.error["code"]) == (1, "insufficient_credits")
    assert owed["status"] == "reversed"
    wallet = grip("wallet", "show", ana, "--json").json
    assert (wallet["balance"], wallet["debt"]) == (0, 208_000)
    paid(grip)
    wallet = grip("wallet", "show", ana, "--json").json
    assert (wallet["balance"], wallet["debt"]) == (950, 0)


@pytest.fixture
def stripe() -> Iterator[StripeServer]:
    """An account of Stripe."""
    server = StripeServer()
    yield server
    server.stop()


def test_a_refund_that_nobody_answers_is_not_asked_for_again(
    grip: Grip, anywhere: Path, database_url: str, stripe: StripeServer
):
    """It is written down and goes on by itself: whoever asked again would give back twice."""
    (anywhere / "key").write_text(KEY)
    (anywhere / "secret").write_text(SECRET)
    shop = f"""
[payments.stripe]
secret_key = "file:{anywhere}/key"
webhook_secret = "file:{anywhere}/secret"
api_base = "{stripe.address}"
"""
    wallet_id = open_shop(grip, anywhere, shop)
    order = asyncio.run(_paid_at_stripe(database_url, wallet_id))
    stripe.faults[:] = ["500"] * 3
    said = grip("orders", "refund", order, "--amount", "1.00", *WHY)
    stripe.faults[:] = ["500"] * 3
    told = grip("orders", "refund", order, "--amount", "1.00", *WHY, "--json").json

    assert said.status == 0
    assert "is requested" in said.stdout
    assert "do not ask for it again" in said.stdout
    assert (told["refund_state"], told["status"]) == ("requested", "paid")
    states = [row["state"] for row in grip("orders", "show", order, "--json").json["refunds"]]
    assert states == ["requested", "requested"]


def test_a_refund_that_cannot_be_asked_for_is_not_written_down(
    grip: Grip, anywhere: Path, database_url: str
):
    """Its provider's secret is not here: an error gives nothing back, however often it comes."""
    shop = '[payments.stripe]\nsecret_key = "cred:grip_stripe"\nwebhook_secret = "cred:grip_hook"\n'
    wallet_id = open_shop(grip, anywhere, shop)
    order = asyncio.run(_paid_at_stripe(database_url, wallet_id))
    refused = grip("orders", "refund", order, "--amount", "1.00", *WHY, "--json")
    (anywhere / "grip.toml").write_text(SELLER)
    unknown = grip("orders", "refund", order, "--amount", "1.00", *WHY, "--json")

    assert (refused.status, refused.error["code"]) == (1, "secret_unresolved")
    assert (unknown.status, unknown.error["code"]) == (1, "payment_provider_unknown")
    assert grip("orders", "show", order, "--json").json["refunds"] == []
    assert grip("wallet", "show", wallet_id, "--json").json["held"] == 0


@pytest.mark.parametrize(
    "trouble",
    [errors.DatabaseUnavailable("it is away"), RuntimeError("secret"), asyncio.CancelledError()],
)
def test_whatever_fails_behind_a_refund_says_that_it_goes_on(
    grip: Grip, ana: str, monkeypatch: pytest.MonkeyPatch, trouble: BaseException
):
    """It is written down: an error alone would have it asked for again, and paid again."""
    order = paid(grip)

    async def fail(*_: object) -> None:
        raise trouble

    monkeypatch.setattr(refunds, "submit", fail)
    told = grip("orders", "refund", order, "--amount", "1.00", *WHY, "--json")
    (refund,) = grip("orders", "show", order, "--json").json["refunds"]

    assert (told.status, told.error["code"]) == (1, "refund_under_way")
    assert told.error["message"].startswith(f"{refund['id']} of {order} is requested")
    assert "do not ask for it again" in told.error["message"]
    assert "secret" not in told.error["message"]


async def _paid_at_stripe(database_url: str, wallet_id: str) -> str:
    """Let an order be paid through Stripe; return its id."""
    database = Database(database_url)
    context = Context(
        database=database,
        settings=settings.load(Path("grip.toml"), {}),
        clock=system_clock,
        ids=IdSource(),
    )
    offer = agreeing.of_package(context, "growth")
    async with database.write() as connection:
        wallet = await wallets.lock(connection, wallet_id)
        made = await agreeing.order(
            context, connection, wallet, offer, provider="stripe", actor="test"
        )
    fact = Paid(ref="pi_1", amount_minor=made.gross_minor, currency=made.currency)
    seen = Seen(session_ref=None, payment_ref="pi_1", facts=(fact,))
    await listening.learn(context, "stripe", made.id, seen)
    await database.close()
    return made.id
