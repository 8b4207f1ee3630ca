"""Reads the books of a drill through the use cases of the commands. Refuses to judge."""

import asyncio
from collections.abc import Callable
from typing import Final

from grip.drill.evidence import Allowance, Balance, Books, Charge, Credit
from grip.money.amounts import NANO
from grip.services import keys, ledger, members, statements, usage, wallets
from grip.services.context import Context
from grip.store.records import UsageRow, Wallet

_USAGE: Final = "usage"
_LOOK_EVERY_S: Final = 0.5


async def held(context: Context) -> int:
    """Return the credits that calls hold at this moment."""
    return sum(wallet.held for wallet in await wallets.list_wallets(context))


async def read(context: Context, checked: Callable[[], None]) -> Books:
    """Return what the books say; `checked` is called after each of `ledger.CHECKS` invariants."""
    found = await wallets.list_wallets(context)
    report = await ledger.verify(context, done=lambda _: checked())
    return Books(
        charges=tuple(map(_charge, await usage.list_usage(context))),
        balances=tuple(
            Balance(wallet_id=one.id, balance=one.balance, held=one.held) for one in found
        ),
        allowances=(*await _of_keys(context), *await _of_members(context, found)),
        credits=tuple([one for wallet in found for one in await _credits(context, wallet)]),
        checks=tuple(report.checks),
    )


async def wait_until_nothing_is_held(
    context: Context, most_s: float, tell: Callable[[float], None]
) -> None:
    """Wait until no call holds anything, but not for ever; `tell` gets the seconds waited."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while (waited_s := loop.time() - began) < most_s:
        tell(waited_s)
        if not await held(context):
            return
        await asyncio.sleep(_LOOK_EVERY_S)


def _charge(row: UsageRow) -> Charge:
    return Charge(
        request_id=row.request_id,
        ip=row.ip,
        key_id=row.key_id,
        member_id=row.member_id,
        status=row.status,
        estimated=row.estimated,
        cost_nano=row.cost_nano,
        hold_credits=row.hold_credits,
    )


async def _of_keys(context: Context) -> list[Allowance]:
    return [
        Allowance(
            id=key.id,
            cap_nano=None if key.budget is None else key.budget * NANO,
            spent_nano=key.spent * NANO + key.spent_nano,
            held_nano=key.held_nano,
        )
        for key in await keys.list_keys(context)
    ]


async def _of_members(context: Context, found: list[Wallet]) -> list[Allowance]:
    return [
        Allowance(
            id=member.id,
            cap_nano=None if member.credit_limit is None else member.credit_limit * NANO,
            spent_nano=member.spent * NANO + member.spent_nano,
            held_nano=member.held_nano,
        )
        for wallet in found
        for member in await members.list_members(context, wallet.id)
    ]


async def _credits(context: Context, wallet: Wallet) -> list[Credit]:
    statement = await statements.statement(context, wallet.id)
    return [
        Credit(wallet_id=wallet.id, amount=row.amount, reason=row.description)
        for row in statement.rows
        if row.kind != _USAGE and row.amount > 0
    ]
