"""The rows that a batch works on, as values: loaded by the store, changed by `Plan`, written back.

They take their fields by position, since they are made of rows on the hot path.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from grip.money.entries import Facts, Settled


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
    idem_key: str | None


class ClaimState(NamedTuple):
    """A row of `idempotency`: which request a key's Idempotency-Key stands for, and how it went."""

    key_id: str
    idem_key: str
    request_id: str
    fingerprint: str
    state: str
    created_us: int


class KeptAnswer(NamedTuple):
    """What becomes of a claim whose call was charged; `body` None where none is stored with it."""

    key_id: str
    idem_key: str
    request_id: str
    state: str
    content_type: str | None
    body: bytes | None
    created_us: int


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
    """The rows that a batch's entries name; a row that is not there is not in the mapping.

    `settled` are the requests that were charged by their own process: a verdict is no settlement.
    """

    now_us: int
    catalog_version: int
    wallets: dict[str, WalletState] = field(default_factory=dict)
    keys: dict[str, KeyState] = field(default_factory=dict)
    members: dict[str, MemberState] = field(default_factory=dict)
    holds: dict[str, HoldState] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)
    claims: dict[tuple[str, str], ClaimState] = field(default_factory=dict)
    dead_boots: set[str] = field(default_factory=set)
