"""`grip orders`: credits that are bought, settled by hand or at a checkout, and given back."""

from typing import Annotated

import typer

from grip import app as gateway
from grip.cli import output, parse
from grip.cli.options import Actor, AsJson, Config, Limit, Reason
from grip.cli.output import moment, number, text
from grip.cli.runner import run
from grip.cli.wallet_members import Wallet
from grip.errors import InvalidRequest
from grip.money.currencies import major
from grip.money.payments import CANCELED, FAILED, PENDING
from grip.services.context import Context
from grip.services.selling import agreeing, refunds, sales
from grip.services.selling.agreeing import Offer, Terms
from grip.store.orders import Order
from grip.store.payments import REQUESTED, RefundRow

app = typer.Typer(help="Orders of credits, and what became of them.")

_COLUMNS = (
    text("id"),
    moment("created_at", "created"),
    text("wallet_id", "wallet"),
    text("provider"),
    text("package"),
    text("status"),
    number("credits"),
    number("bonus"),
    number("gross"),
    text("currency"),
    number("returned"),
)

OrderId = Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")]


@app.command()
def create(
    wallet: Wallet,
    package: Annotated[
        str | None,
        typer.Option("--package", metavar="NAME", help="A package of the configuration."),
    ] = None,
    amount: Annotated[
        str | None,
        typer.Option("--amount", metavar="AMOUNT", help='Without a package: such as "49 USD".'),
    ] = None,
    price: Annotated[
        str | None,
        typer.Option(
            "--price", metavar="AMOUNT", help="The price without tax, instead of the package's."
        ),
    ] = None,
    credits_: Annotated[
        int | None,
        typer.Option("--credits", metavar="N", help="Credits, instead of the package's."),
    ] = None,
    bonus: Annotated[
        int | None,
        typer.Option("--bonus", metavar="N", help="Credits on top, instead of the package's."),
    ] = None,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make an order that is settled by hand: `grip orders approve` once its money is there."""
    if (package is None) == (amount is None):
        raise InvalidRequest("say either --package or --amount", param="package")
    if amount is not None and (price, credits_, bonus) != (None, None, None):
        raise InvalidRequest(
            "--price, --credits and --bonus are terms of a --package; an --amount has none",
            param="amount",
        )
    terms = Terms(
        price=None if price is None else parse.money(price, "price"), credits=credits_, bonus=bonus
    )

    async def make(context: Context) -> Order:
        offer = _offer(context, package, amount, terms)
        return await sales.create(context, wallet, offer, actor=actor)

    made = run(config, make)
    shown = sales.describe(made)
    agreed = agreeing.describe(made)
    tax = "with tax" if made.tax_minor else f"without tax ({agreed['tax_reason']})"
    sentence = (
        f"{made.id}: {made.credits} credits for {shown['gross']} {made.currency} {tax}; approve it "
        "when the money is there."
    )
    output.done(shown | {"terms": agreed}, sentence, as_json=as_json)


@app.command("list")
def list_orders(
    wallet: Annotated[
        str | None, typer.Option("--wallet", metavar="WALLET", help="Those of this wallet alone.")
    ] = None,
    status: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="Those that stand so alone.")
    ] = None,
    limit: Limit = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show the orders, newest first."""
    found = run(config, sales.list_orders, wallet=wallet, status=status, limit=limit)
    output.rows(
        [sales.describe(order) for order in found], _COLUMNS, as_json=as_json, empty="No orders."
    )


@app.command()
def show(order: OrderId, config: Config = None, as_json: AsJson = False) -> None:
    """Show an order with its terms, its tax, and what its provider told."""
    shown = run(config, sales.show, order)
    output.item(shown, as_json=as_json, title=f"Order {shown['id']}")


@app.command()
def approve(
    order: OrderId,
    reason: Reason,
    evidence: Annotated[
        str,
        typer.Option(
            "--evidence", metavar="TEXT", help="What shows that the money came: a bank's reference."
        ),
    ],
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say that an order's money came in by hand: its credits, its invoice, once."""
    after = run(config, sales.approve, order, evidence=evidence, actor=actor, reason=reason)
    output.done(
        sales.describe(after),
        f"{after.id} is {after.status}: {after.credits + after.bonus} credits are in the wallet.",
        as_json=as_json,
    )


@app.command("return")
def send_back(
    order: OrderId,
    reason: Reason,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say that you sent the payment of an order in review back: it credits nothing."""
    after = run(config, sales.send_back, order, actor=actor, reason=reason)
    output.done(sales.describe(after), f"{after.id} is {after.status}.", as_json=as_json)


@app.command()
def refund(
    order: OrderId,
    reason: Reason,
    amount: Annotated[
        str | None,
        typer.Option(
            "--amount", metavar="AMOUNT", help="A part, with its tax; without it all that is left."
        ),
    ] = None,
    owe: Annotated[
        bool,
        typer.Option("--owe", help="Let credits that are spent already become the wallet's debt."),
    ] = False,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Give money back: its credits are held first, then its provider is asked.

    Of an order that was settled by hand, say so once you have sent the money.
    """

    async def give_back(context: Context) -> tuple[RefundRow, Order]:
        providers = gateway.payment_providers(context.settings)
        try:
            return await refunds.give_back(
                context,
                providers,
                order,
                amount_minor=await sales.minor_of(context, order, amount),
                actor=actor,
                reason=reason,
                may_owe=owe,
            )
        finally:
            await providers.close()

    done, after = run(config, give_back)
    shown = {"refund_id": done.id, "refund_state": done.state, **sales.describe(after)}
    output.done(shown, _became(done, after), as_json=as_json)


def _became(refund: RefundRow, order: Order) -> str:
    """Return what became of a refund, in a sentence."""
    said = f"{refund.id} of {order.id} is {refund.state}"
    if refund.state == REQUESTED:
        return (
            f"{said}: {order.provider} does not answer. The gateway goes on asking; do not ask for "
            "it again."
        )
    if refund.state == PENDING:
        return f"{said}: {order.provider} will tell when the money is gone."
    if refund.state in (FAILED, CANCELED):
        return f"{said}: nothing went back, and its credits are free again."
    returned = major(order.returned_minor, order.currency)
    gross = major(order.gross_minor, order.currency)
    return f"{said}: {returned} of {gross} {order.currency} went back."


def _offer(context: Context, package: str | None, amount: str | None, terms: Terms) -> Offer:
    if package is not None:
        return agreeing.of_package(context, package, terms)
    return agreeing.of_amount(context, parse.money(amount or "", "amount"))
