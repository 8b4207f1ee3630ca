"""`grip billing`: who a wallet's customer is, for invoices and tax."""

from typing import Any

import typer

from grip.cli import output
from grip.cli.options import Actor, AsJson, Config, Remark
from grip.cli.runner import run
from grip.cli.sharing import Given, flag, several, takes, words
from grip.cli.wallet_members import Wallet
from grip.errors import InvalidRequest
from grip.services import billing
from grip.services.billing import Words
from grip.services.context import Context

app = typer.Typer(help="Who wallets' invoices go to, and their tax.")

_WORDS = {
    "name": words("--name", "NAME", "The legal name, as invoices have it."),
    "address": several(
        "--address", "LINE", "A line of the address above the city; repeatable, in their order."
    ),
    "city": words("--city", "CITY", "The city."),
    "postcode": words("--postcode", "CODE", "The postcode."),
    "region": words("--region", "REGION", "The state or province; its code in the US and Canada."),
    "country": words("--country", "CC", "The country by its two letters, such as DE."),
    "email": words("--email", "EMAIL", "Where invoices go."),
    "is_business": flag("--business/--person", "Whether a business buys; a tax id says so."),
    "tax_id": words("--tax-id", "ID", "Their VAT, GST or other tax id."),
    "verified": words(
        "--verified", "HOW", "Say that you have verified the tax id, and how: VIES, a letter."
    ),
    "consultation": words(
        "--consultation", "NUMBER", "With --verified: the number that the register gave."
    ),
    "exempt": words("--exempt", "REASON", "Why they pay no tax, as invoices say it."),
}


@app.command()
def show(wallet: Wallet, config: Config = None, as_json: AsJson = False) -> None:
    """Show who a wallet's customer is, and which tax a sale would carry today."""
    shown = run(config, _shown, wallet)
    output.item(shown, as_json=as_json, title=f"Billing of {shown['wallet_id']}")


@app.command("set")
@takes(_WORDS)
def change(
    wallet: Wallet,
    given: Given,
    reason: Remark = "",
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say who a wallet's customer is; what is left out stays, an empty value takes away.

    Orders and invoices that are there keep what was said before.
    """
    if not given:
        raise InvalidRequest("nothing to change; name an option, such as --country DE")
    after = run(config, billing.set_profile, wallet, Words(**given), actor=actor, reason=reason)
    sentence = f"{after.wallet_id} is billed to {after.name} in {after.country} now."
    output.done(billing.describe(after), sentence, as_json=as_json)


async def _shown(context: Context, ref: str) -> dict[str, Any]:
    profile = await billing.show(context, ref)
    return {**billing.describe(profile), "tax": billing.describe_tax(context, profile)}
