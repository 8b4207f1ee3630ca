"""Running balances: the journal's rows and the usage rows of one wallet, in one order.

The two are counted apart, so time alone orders them, and rows of the same microsecond are ordered
by what a usage row says of the balance that it left behind. Refuses to know where rows come from.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One change of a balance: `amount` credits, negative where they were drawn.

    `before` is the balance that it says it found; None where it says nothing.
    """

    at_us: int
    kind: str
    reference: str
    description: str
    amount: int
    before: int | None = None


def run(
    opening: int, transfers: Iterable[Posting], calls: Iterable[Posting]
) -> Iterator[tuple[Posting, int]]:
    """Yield every posting with the balance after it, both sequences oldest first and in order."""
    balance = opening
    for posting in _merged(transfers, calls, opening):
        balance += posting.amount
        yield posting, balance


def _merged(
    transfers: Iterable[Posting], calls: Iterable[Posting], balance: int
) -> Iterator[Posting]:
    left, right = iter(transfers), iter(calls)
    transfer, call = next(left, None), next(right, None)
    while True:
        if call is not None and (transfer is None or _is_first(call, transfer, balance)):
            chosen, call = call, next(right, None)
        elif transfer is not None:
            chosen, transfer = transfer, next(left, None)
        else:
            return
        balance += chosen.amount
        yield chosen


def _is_first(call: Posting, transfer: Posting, balance: int) -> bool:
    """Whether the call comes before the transfer.

    Within one microsecond a call is taken as soon as the balance is the one it found: where any
    order fits all calls, this one does.
    """
    if call.at_us != transfer.at_us:
        return call.at_us < transfer.at_us
    return call.before == balance
