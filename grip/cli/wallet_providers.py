"""`grip wallet providers`: which channels may serve a wallet."""

from typing import Annotated

import typer

from grip.cli import output
from grip.cli.options import Actor, AsJson, Config, Reason
from grip.cli.runner import run
from grip.cli.sharing import Given, several, takes
from grip.cli.wallet_members import Wallet
from grip.services import wallet_providers
from grip.services.views import wallet_view

_WORDS = {
    "allow_groups": several("--allow-group", "GROUP", "Only channels of this group; repeatable."),
    "deny_groups": several(
        "--deny-group", "GROUP", "No channel of this group, whatever else it is in; repeatable."
    ),
    "allow_kinds": several("--allow-kind", "KIND", "Only channels of this kind; repeatable."),
    "deny_kinds": several("--deny-kind", "KIND", "No channel of this kind; repeatable."),
}


@takes(_WORDS)
def providers(
    wallet: Wallet,
    given: Given,
    reason: Reason,
    any_: Annotated[
        bool, typer.Option("--any", help="Lift the policy: every channel may serve again.")
    ] = False,
    actor: Actor = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say which channels may serve a wallet; what was said before no longer holds."""
    if any_ == bool(given):
        raise typer.BadParameter("name groups or kinds to allow or deny, or --any alone")
    policy = wallet_providers.policy(**given)
    after = run(config, wallet_providers.set_providers, wallet, policy, actor=actor, reason=reason)
    served = "by any channel" if policy is None else "by what its policy allows"
    output.done(wallet_view(after), f"{after.id} is served {served} now.", as_json=as_json)
