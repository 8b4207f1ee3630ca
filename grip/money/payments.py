"""What is known of a payment, from facts in any order: who tells what when cannot matter.

Facts are a set that only grows; all else is read off it. So a replay adds nothing, and an event
that comes late meets the same end as one that comes first (reference: each provider's own word on
webhooks is that they come in any order, and more than once). Pure.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

FAILED: Final = "failed"
EXPIRED: Final = "expired"
CANCELED: Final = "canceled"

PENDING: Final = "pending"
SUCCEEDED: Final = "succeeded"
REFUND_STATES: Final = (PENDING, SUCCEEDED, CANCELED, FAILED)
"""Each beats those before it: a refund may fail after it has succeeded."""

WITHDRAWN: Final = "withdrawn"
REINSTATED: Final = "reinstated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A payment came in, under the provider's name of it."""

    ref: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A session ended without a payment: failed, expired or canceled. A payment beats it."""

    ref: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund under the provider's name of it, in one of `REFUND_STATES`."""

    ref: str
    amount_minor: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A dispute took money away (`withdrawn`), or gave it back (`reinstated`); `opened` neither."""

    ref: str
    amount_minor: int
    what: str


Fact: TypeAlias = Paid | Ended | Refund | Dispute

_Told = TypeVar("_Told", Refund, Dispute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an order asks for, and what it brings."""

    amount_minor: int
    currency: str
    credits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an order stands.

    `paid_by` is the provider's name of the payment that settles it, `doubtful` are payments that do
    not: of another amount or currency, or a second one. `returned_minor` has gone back to the
    customer, and `reversed_credits` with it. `disputed` says that money is away, or may soon be.
    """

    paid_by: str | None
    doubtful: tuple[str, ...]
    ended: str | None
    returned_minor: int
    reversed_credits: int
    disputed: bool


def standing(facts: Collection[Fact], expected: Expected) -> Standing:
    """Return how an order stands, whatever the order of its facts."""
    payments = sorted(
        {fact for fact in facts if isinstance(fact, Paid)},
        key=lambda fact: (fact.ref, fact.amount_minor, fact.currency),
    )
    good = [fact.ref for fact in payments if _is_whole(fact, expected)]
    paid_by = good[0] if good else None
    doubtful = tuple(
        fact.ref for fact in payments if fact.ref != paid_by or not _is_whole(fact, expected)
    )
    returned = min(_refunded(facts) + _withdrawn(facts), expected.amount_minor)
    if paid_by is None:
        returned = 0
    return Standing(
        paid_by=paid_by,
        doubtful=doubtful,
        ended=_ended(facts),
        returned_minor=returned,
        reversed_credits=reversed_credits(expected, returned),
        disputed=any(isinstance(fact, Dispute) for fact in facts) and _is_open(facts),
    )


def reversed_credits(expected: Expected, returned_minor: int) -> int:
    """Return how many credits go back with so much money: all with all of it, else rounded down."""
    if expected.amount_minor <= 0:
        return 0
    return expected.credits * min(returned_minor, expected.amount_minor) // expected.amount_minor


def _is_whole(fact: Paid, expected: Expected) -> bool:
    return fact.amount_minor == expected.amount_minor and fact.currency == expected.currency


def _ended(facts: Collection[Fact]) -> str | None:
    hows = sorted(fact.how for fact in facts if isinstance(fact, Ended))
    return hows[0] if hows else None


def _refunded(facts: Collection[Fact]) -> int:
    """Return what refunds have given back: those whose strongest word is that they succeeded."""
    total = 0
    for told in _by_ref(fact for fact in facts if isinstance(fact, Refund)):
        strongest = max(told, key=lambda fact: REFUND_STATES.index(fact.state))
        if strongest.state == SUCCEEDED:
            total += max(fact.amount_minor for fact in told)
    return total


def _withdrawn(facts: Collection[Fact]) -> int:
    """Return what disputes have taken away and not given back."""
    total = 0
    for told in _by_ref(fact for fact in facts if isinstance(fact, Dispute)):
        whats = {fact.what for fact in told}
        if WITHDRAWN in whats and REINSTATED not in whats:
            total += max(fact.amount_minor for fact in told)
    return total


def _is_open(facts: Collection[Fact]) -> bool:
    disputes = _by_ref(fact for fact in facts if isinstance(fact, Dispute))
    return any(REINSTATED not in {fact.what for fact in told} for told in disputes)


def _by_ref(facts: Iterable[_Told]) -> list[list[_Told]]:
    grouped: dict[str, list[_Told]] = {}
    for fact in facts:
        grouped.setdefault(fact.ref, []).append(fact)
    return list(grouped.values())
