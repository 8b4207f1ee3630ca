"""Whether a call may be held: the limits of its key and wallet, and the money behind it.

A refusal changes nothing, and costs none of the limits.
"""

from grip import errors
from grip.money.amounts import NANO, draw
from grip.money.entries import Admit
from grip.money.limits import MINUTE_US, SECOND_US, Standing, Window, whole_seconds
from grip.money.states import HoldState, KeyState, MemberState, TierLimits, WalletState


class Windows:
    """The three limits of one admission, judged together: a refusal by one costs none."""

    def __init__(self, wallet: WalletState, key: KeyState, tier: TierLimits) -> None:
        self._wallet = wallet
        self._key = key
        self._qps = None if tier.qps is None else Window(wallet.qps_log, tier.qps, SECOND_US)
        self._tpm = None if tier.tpm is None else Window(wallet.tpm_log, tier.tpm, MINUTE_US)
        self._rpm = None if key.rpm is None else Window(key.rpm_log, key.rpm, MINUTE_US)

    def refusal(self, now_us: int, tokens: int) -> errors.GripError | None:
        """Return why none more may be admitted now, with the wait for it; None where one may."""
        if self._tpm is not None and tokens > self._tpm.limit:
            return errors.InvalidRequest(
                f"the call is estimated at {tokens} tokens, more than the wallet's whole limit of "
                f"{self._tpm.limit} tokens per minute",
                metadata={"limit": "wallet_tpm"},
            )
        wait_us, name = self._wait(now_us, tokens)
        if wait_us <= 0:
            return None
        wait_s = whole_seconds(wait_us)
        # A clock that was set back left admissions so far ahead that they count again by then.
        while (more_us := self._wait(now_us + wait_s * SECOND_US, tokens)[0]) > 0:
            wait_s += whole_seconds(more_us)
        requests, counted = self.standing(now_us)
        refusal = errors.RateLimitExceeded(
            f"{_LIMIT_NAMES[name]} is used up; retry after {wait_s} s",
            metadata={"limit": name},
            retry_after_s=wait_s,
        )
        refusal.standings = (requests, counted)
        return refusal

    def _wait(self, now_us: int, tokens: int) -> tuple[int, str]:
        """Return the longest wait of the three limits for one call at `now_us`, and whose it is."""
        asked = (
            ("key_rpm", self._rpm, 1),
            ("wallet_qps", self._qps, 1),
            ("wallet_tpm", self._tpm, tokens),
        )
        waits = [(window.wait_us(now_us, n), name) for name, window, n in asked if window]
        return max(waits, default=(0, ""))

    def take(self, now_us: int, tokens: int) -> int:
        """Count the admission in every window; return as of when its tokens are counted."""
        if self._rpm is not None:
            self._rpm.take(now_us, 1)
            self._key.rpm_log = self._rpm.pack()
        if self._qps is not None:
            self._qps.take(now_us, 1)
            self._wallet.qps_log = self._qps.pack()
        if self._tpm is None:
            return now_us
        at_us = self._tpm.take(now_us, tokens)
        self._wallet.tpm_log = self._tpm.pack()
        return at_us

    def standing(self, now_us: int) -> tuple[Standing | None, Standing | None]:
        """Return how requests and tokens stand; of two request limits, the nearer to its end."""
        requests = [w.standing(now_us) for w in (self._rpm, self._qps) if w is not None]
        nearest = min(requests, key=lambda s: s.remaining / s.limit, default=None)
        return nearest, None if self._tpm is None else self._tpm.standing(now_us)


_LIMIT_NAMES = {
    "key_rpm": "the API key's limit of requests per minute",
    "wallet_qps": "the wallet's limit of requests per second",
    "wallet_tpm": "the wallet's limit of tokens per minute",
}


def room_nano(hold: HoldState, wallet: WalletState, key: KeyState, member: MemberState) -> int:
    """Return by how much the hold can grow before wallet, budget or member limit is at its end."""
    rooms = [(wallet.available + hold.amount) * NANO - hold.estimate_nano]
    if key.budget is not None:
        rooms.append(_room_nano(key, key.budget))
    if member.credit_limit is not None:
        rooms.append(_room_nano(member, member.credit_limit))
    return min(rooms)


def _room_nano(row: KeyState | MemberState, cap: int) -> int:
    return (cap - row.spent) * NANO - row.spent_nano - row.held_nano


def shortage(
    entry: Admit, wallet: WalletState, key: KeyState, member: MemberState
) -> errors.GripError | None:
    """Return why the money does not suffice, the narrowest purse first; None where it does."""
    need_nano = entry.estimate_nano
    if need_nano == 0:
        return None
    if key.budget is not None and need_nano > _room_nano(key, key.budget):
        return errors.ApiKeyBudgetExhausted(
            f"the API key's budget of {key.budget} credits cannot cover this call; "
            "raise the budget or use another key",
            metadata=_purse(entry, key, key.budget),
        )
    if member.credit_limit is not None and need_nano > _room_nano(member, member.credit_limit):
        return errors.MemberLimitExhausted(
            f"the member's limit of {member.credit_limit} credits in this wallet cannot cover "
            "this call; the wallet's owner can raise it",
            metadata=_purse(entry, member, member.credit_limit),
        )
    if entry.amount > wallet.available:
        return errors.InsufficientCredits(
            f"the call may cost {entry.amount} credits and the wallet has {wallet.available} "
            f"available ({wallet.held} held by calls under way); add credits and retry",
            metadata={
                "required": entry.amount,
                "available": wallet.available,
                "held": wallet.held,
            },
        )
    return None


def spend(row: KeyState | MemberState, cost_nano: int) -> None:
    """Count what was charged against a key's budget or a member's limit."""
    drawn, row.spent_nano = draw(row.spent_nano, cost_nano)
    row.spent += drawn


def _purse(entry: Admit, row: KeyState | MemberState, cap: int) -> dict[str, object]:
    return {
        "required": entry.amount,
        "available": max(0, _room_nano(row, cap)) // NANO,
        "held": -(-row.held_nano // NANO),
        "limit": cap,
    }
