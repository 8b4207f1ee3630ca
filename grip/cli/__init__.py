'''The command line: one file per noun, each command parse → use case → print.

Owns words, options, tables and exit statuses. Refuses to hold a rule: those live in `services`,
which web and jobs share.

How a noun file is written; `main.py` names it in `NOUNS`, and imports it when it is called:

    app = typer.Typer(help="Wallets and the credits in them.")

    COLUMNS = (text("id"), text("owner"), number("balance"), moment("created_at"))

    @app.command("list")
    def list_wallets(config: Config = None, as_json: AsJson = False) -> None:
        """Show all wallets, newest first."""
        found = run(config, wallets.list_wallets)
        output.rows([_shown(one) for one in found], COLUMNS, as_json=as_json, empty="No wallets.")

    @app.command()
    def tier(wallet: Wallet, to: Tier, reason: Reason, actor: Actor = "", config: Config = None,
             as_json: AsJson = False) -> None:
        """Put a wallet on a tier."""
        moved = run(config, wallets.move, wallet, to, actor=actor, reason=reason)
        output.done({"id": moved.id, "tier": moved.tier}, f"{moved.id} is on {moved.tier} now.",
                    as_json=as_json)

Options that two commands take alike are a table of `Annotated` types and `sharing.takes`. The
words of times, prices, lists and mappings become values in `parse`. `output.item` shows one thing
whole. Values are JSON's own: times through `clock.to_iso`, prices as text. A failure is a raised
GripError; `errors.py` tells it and chooses the exit status. A command whose answer is "no" (a
failed check) prints its answer and raises `typer.Exit(errors.FAILED)`.
'''
