"""What a batch of entries does to the books: the rules of admission and settlement, pure.

A batch is `load → plan → apply`. The store loads the rows that the entries name and holds them
locked, `Plan` decides on them one entry after the other, and the store writes what the plan says,
all in one transaction. Both engines share this file, so they cannot differ in a rule. The states
take their fields by position, since they are made of rows on the hot path.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from grip import errors
from grip.money.amounts import NANO, draw
from grip.money.entries import (
    Admit,
    Admitted,
    Entry,
    Facts,
    Gone,
    Outcome,
    Release,
    Released,
    Settle,
    Settled,
    Stale,
)
from grip.money.limits import MINUTE_US, SECOND_US, Standing, Window, whole_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLimits:
    """What a tier allows a wallet; None means no limit."""

    qps: int | None = None
    tpm: int | None = None


@dataclass(slots=True)
class WalletState:
    """A wallet's row: credits in `balance`, `held` and `debt`, nano-credits in `carry_nano`."""

    id: str
    tier: str
    balance: int
    held: int
    debt: int
    carry_nano: int
    qps_log: bytes | None
    tpm_log: bytes | None

    @property
    def available(self) -> int:
        """The credits that a new hold may take."""
        return self.balance - self.held


@dataclass(slots=True)
class KeyState:
    """An API key's row: `budget` and `spent` in credits, the rest of `spent` in `spent_nano`."""

    id: str
    version: int
    expires_us: int | None
    budget: int | None
    spent: int
    spent_nano: int
    held_nano: int
    rpm: int | None
    rpm_log: bytes | None


@dataclass(slots=True)
class MemberState:
    """A member's row, counted like a key's; `credit_limit` in credits."""

    id: str
    credit_limit: int | None
    spent: int
    spent_nano: int
    held_nano: int


class HoldState(NamedTuple):
    """A row of `holds`, as it was admitted."""

    request_id: str
    wallet_id: str
    key_id: str
    member_id: str
    amount: int
    estimate_nano: int
    tokens: int
    admitted_us: int


class UsageEntry(NamedTuple):
    """A row of `usage` to be: the journal's debit of one synchronous call."""

    request_id: str
    wallet_id: str
    key_id: str
    member_id: str
    created_us: int
    hold_credits: int
    cost_nano: int
    carry_before: int
    carry_after: int
    credits: int
    debt_credits: int
    balance_after: int
    facts: Facts


@dataclass(slots=True, kw_only=True)
class Loaded:
    """The rows that a batch's entries name; a row that is not there is not in the mapping."""

    now_us: int
    catalog_version: int
    wallets: dict[str, WalletState] = field(default_factory=dict)
    keys: dict[str, KeyState] = field(default_factory=dict)
    members: dict[str, MemberState] = field(default_factory=dict)
    holds: dict[str, HoldState] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)


class Plan:
    """Decides on entries in order, on the loaded rows, and collects what is to be written."""

    def __init__(self, rows: Loaded, tiers: Mapping[str, TierLimits]) -> None:
        self.rows = rows
        self.tiers = tiers
        self.dirty_wallets: dict[str, WalletState] = {}
        self.dirty_keys: dict[str, KeyState] = {}
        self.dirty_members: dict[str, MemberState] = {}
        self.new_holds: list[tuple[Admit, int]] = []
        self.gone_holds: list[str] = []
        self.usage: list[UsageEntry] = []

    def decide(self, entry: Entry) -> Outcome:
        """Return what becomes of `entry`; an error is returned, not raised."""
        if isinstance(entry, Admit):
            return self._admit(entry)
        if isinstance(entry, Settle):
            return self._settle(entry)
        return self._release(entry)

    def _admit(self, entry: Admit) -> Outcome:
        wallet = self.rows.wallets.get(entry.wallet_id)
        key = self.rows.keys.get(entry.key_id)
        member = self.rows.members.get(entry.member_id)
        if wallet is None or key is None or member is None or self._is_stale(entry, wallet, key):
            return Stale()
        if key.expires_us is not None and key.expires_us <= self.rows.now_us:
            return errors.InvalidApiKey("this API key has expired")
        tier = self.tiers.get(wallet.tier)
        if tier is None:
            return errors.ServiceUnavailable(
                "the wallet's tier is not offered here; ask the operator",
                detail=f"[tiers.{wallet.tier}] is not in the configuration",
            )
        windows = _Windows(wallet, key, tier)
        refusal = windows.refusal(self.rows.now_us, entry.tokens) or _shortage(
            entry, wallet, key, member
        )
        if refusal is not None:
            return refusal
        return self._hold(entry, wallet, key, member, windows)

    def _is_stale(self, entry: Admit, wallet: WalletState, key: KeyState) -> bool:
        return (
            entry.catalog_version != self.rows.catalog_version
            or entry.key_version != key.version
            or entry.tier != wallet.tier
        )

    def _hold(
        self,
        entry: Admit,
        wallet: WalletState,
        key: KeyState,
        member: MemberState,
        windows: "_Windows",
    ) -> Admitted:
        at_us = windows.take(self.rows.now_us, entry.tokens)
        wallet.held += entry.amount
        key.held_nano += entry.estimate_nano
        member.held_nano += entry.estimate_nano
        self._touch(wallet, key, member)
        self.new_holds.append((entry, at_us))
        self.rows.holds[entry.request_id] = HoldState(
            request_id=entry.request_id,
            wallet_id=wallet.id,
            key_id=key.id,
            member_id=member.id,
            amount=entry.amount,
            estimate_nano=entry.estimate_nano,
            tokens=entry.tokens,
            admitted_us=at_us,
        )
        requests, tokens = windows.standing(self.rows.now_us)
        return Admitted(admitted_us=at_us, requests=requests, tokens=tokens)

    def _settle(self, entry: Settle) -> Outcome:
        hold = self.rows.holds.get(entry.request_id)
        if hold is None:
            return self.rows.settled.get(entry.request_id, Gone())
        cost_nano = entry.cost_nano if entry.proven else min(entry.cost_nano, hold.estimate_nano)
        wallet, key, member = self._let_go(hold, entry.tokens - hold.tokens)
        carry_before = wallet.carry_nano
        drawn, wallet.carry_nano = draw(carry_before, cost_nano)
        from_wallet = min(drawn, wallet.available)
        wallet.balance -= from_wallet
        wallet.debt += drawn - from_wallet
        _spend(key, cost_nano)
        _spend(member, cost_nano)
        self.usage.append(
            UsageEntry(
                request_id=hold.request_id,
                wallet_id=wallet.id,
                key_id=key.id,
                member_id=member.id,
                created_us=self.rows.now_us,
                hold_credits=hold.amount,
                cost_nano=cost_nano,
                carry_before=carry_before,
                carry_after=wallet.carry_nano,
                credits=drawn,
                debt_credits=drawn - from_wallet,
                balance_after=wallet.balance,
                facts=entry.facts,
            )
        )
        settled = Settled(cost_nano=cost_nano, credits=drawn, balance_after=wallet.balance)
        self.rows.settled[hold.request_id] = settled
        return settled

    def _release(self, entry: Release) -> Outcome:
        hold = self.rows.holds.get(entry.request_id)
        if hold is None:
            return Gone()
        self._let_go(hold, -hold.tokens)
        return Released()

    def _let_go(
        self, hold: HoldState, difference: int
    ) -> tuple[WalletState, KeyState, MemberState]:
        """Take the hold off its rows, and correct the tokens counted by `difference`."""
        wallet = self.rows.wallets[hold.wallet_id]
        key = self.rows.keys[hold.key_id]
        member = self.rows.members[hold.member_id]
        wallet.held -= hold.amount
        key.held_nano -= hold.estimate_nano
        member.held_nano -= hold.estimate_nano
        if wallet.tpm_log and difference:
            limits = self.tiers.get(wallet.tier)
            window = Window(wallet.tpm_log, (limits and limits.tpm) or 0, MINUTE_US)
            window.correct(hold.admitted_us, difference)
            wallet.tpm_log = window.pack()
        self._touch(wallet, key, member)
        del self.rows.holds[hold.request_id]
        self.gone_holds.append(hold.request_id)
        return wallet, key, member

    def _touch(self, wallet: WalletState, key: KeyState, member: MemberState) -> None:
        self.dirty_wallets[wallet.id] = wallet
        self.dirty_keys[key.id] = key
        self.dirty_members[member.id] = member


class _Windows:
    """The three limits of one admission, judged together: a refusal by one costs none."""

    def __init__(self, wallet: WalletState, key: KeyState, tier: TierLimits) -> None:
        self._wallet = wallet
        self._key = key
        self._qps = None if tier.qps is None else Window(wallet.qps_log, tier.qps, SECOND_US)
        self._tpm = None if tier.tpm is None else Window(wallet.tpm_log, tier.tpm, MINUTE_US)
        self._rpm = None if key.rpm is None else Window(key.rpm_log, key.rpm, MINUTE_US)

    def refusal(self, now_us: int, tokens: int) -> errors.GripError | None:
        if self._tpm is not None and tokens > self._tpm.limit:
            return errors.InvalidRequest(
                f"the call is estimated at {tokens} tokens, more than the wallet's whole limit of "
                f"{self._tpm.limit} tokens per minute",
                metadata={"limit": "wallet_tpm"},
            )
        waits = [
            (window.wait_us(now_us, amount), name)
            for name, window, amount in (
                ("key_rpm", self._rpm, 1),
                ("wallet_qps", self._qps, 1),
                ("wallet_tpm", self._tpm, tokens),
            )
            if window is not None
        ]
        wait_us, name = max(waits, default=(0, ""))
        if wait_us <= 0:
            return None
        requests, counted = self.standing(now_us)
        refusal = errors.RateLimitExceeded(
            f"{_LIMIT_NAMES[name]} is used up; retry after {whole_seconds(wait_us)} s",
            metadata={"limit": name},
            retry_after_s=whole_seconds(wait_us),
        )
        refusal.standings = (requests, counted)
        return refusal

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


def _spend(row: KeyState | MemberState, cost_nano: int) -> None:
    drawn, row.spent_nano = draw(row.spent_nano, cost_nano)
    row.spent += drawn


def _room_nano(row: KeyState | MemberState, cap: int) -> int:
    return (cap - row.spent) * NANO - row.spent_nano - row.held_nano


def _shortage(
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


def _purse(entry: Admit, row: KeyState | MemberState, cap: int) -> dict[str, object]:
    return {
        "required": entry.amount,
        "available": max(0, _room_nano(row, cap)) // NANO,
        "held": -(-row.held_nano // NANO),
        "limit": cap,
    }
