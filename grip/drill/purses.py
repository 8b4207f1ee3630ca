"""Holds the books against what was given and promised, purse by purse. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from grip.drill import kinds
from grip.drill.evidence import Allowance, Charge, Evidence
from grip.drill.findings import Finding
from grip.money.amounts import NANO


def nothing_held(evidence: Evidence) -> Iterator[Finding]:
    """When all is over, no wallet, key or member has anything set aside."""
    for wallet in evidence.books.balances:
        if wallet.held:
            yield Finding(sentence=f"{wallet.wallet_id} still holds {wallet.held} credits")
    for one in evidence.books.allowances:
        if one.held_nano:
            yield Finding(sentence=f"{one.id} still holds {one.held_nano} nano-credits")


def wallets_not_negative(evidence: Evidence) -> Iterator[Finding]:
    """No wallet is below zero, and none has promised more than it has."""
    for wallet in evidence.books.balances:
        if wallet.balance < 0 or wallet.balance < wallet.held:
            yield Finding(
                sentence=f"{wallet.wallet_id}: {wallet.balance} credits, {wallet.held} of them held"
            )


def limits_kept(evidence: Evidence) -> Iterator[Finding]:
    """No key and no member has spent more than their limit, but for proven excess."""
    excess: Counter[str] = Counter()
    for charge in evidence.books.charges:
        for holder in (charge.key_id, charge.member_id):
            excess[holder] += _excess_nano(charge)
    for one in evidence.books.allowances:
        if one.cap_nano is not None and one.spent_nano > one.cap_nano + excess[one.id]:
            yield Finding(sentence=_overspent(one), kind=kinds.EMPTY)


def credits_kept(evidence: Evidence) -> Iterator[Finding]:
    """Every gift is in the journal once; one whose outcome was in doubt at the most once."""
    found = Counter((one.wallet_id, one.amount, one.reason) for one in evidence.books.credits)
    for gift in evidence.gifts:
        count = found.pop((gift.wallet_id, gift.amount, gift.reason), 0)
        if count > 1 or (count == 0 and gift.is_sure):
            sentence = f"{gift.reason}: {gift.amount} credits, {count} times in the journal"
            yield Finding(sentence=sentence, kind=kinds.CREDITED)
    for wallet_id, amount, reason in found:
        sentence = f"{wallet_id}: {amount} credits that nobody gave ({reason})"
        yield Finding(sentence=sentence, kind=kinds.CREDITED)


def gateway_stopped(evidence: Evidence) -> Iterator[Finding]:
    """The gateway runs until it is asked to stop, and exits with 0 then."""
    if evidence.server_status != 0:
        yield Finding(sentence=f"the gateway ended with the status {evidence.server_status}")


RULES: Final[Mapping[str, Callable[[Evidence], Iterator[Finding]]]] = {
    rule.__name__: rule
    for rule in (nothing_held, wallets_not_negative, limits_kept, credits_kept, gateway_stopped)
}
"""The rules on purses, by the names under which they are told."""


def _excess_nano(charge: Charge) -> int:
    """Return by how much a charge may have passed its hold, whose part of a credit is not known."""
    if charge.estimated:
        return 0
    return max(0, charge.cost_nano - (charge.hold_credits - 1) * NANO)


def _overspent(one: Allowance) -> str:
    return f"{one.id} has spent {one.spent_nano} of {one.cap_nano} nano-credits"
