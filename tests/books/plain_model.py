"""The money of one wallet as anybody would write it down: what the books are compared with.

Refuses to know of batches, rows and engines; it is told what is asked for, one after the other.
"""

from dataclasses import dataclass, field

from grip import errors
from grip.money import claims
from grip.money.amounts import NANO
from grip.money.entries import (
    CRASH_VOID,
    VERDICTS,
    Admit,
    Admitted,
    Gone,
    Grow,
    Grown,
    Released,
    Settle,
    Settled,
)

SECOND_US = 1_000_000
DAY_US = 24 * 3600 * SECOND_US
QPS = {"plus": 3, "pro": 6}
START = 90
BUDGET = 45
LIMIT = 40


@dataclass
class Purse:
    """What a key or a member may spend, all of it in nano-credits."""

    cap: int | None
    spent: int = 0
    held: int = 0

    @property
    def room(self) -> int:
        return 1 << 62 if self.cap is None else self.cap * NANO - self.spent - self.held


@dataclass
class Call:
    """A call that was admitted; `outcome` is what a settlement is told once it has ended."""

    who: str
    nano: int
    idem_key: str | None
    boot_id: str
    outcome: Settled | Gone | None = None

    @property
    def amount(self) -> int:
        return -(-self.nano // NANO)


@dataclass
class Claim:
    """A call's Idempotency-Key; what happens to it is `told` from the next batch on."""

    request_id: str
    fingerprint: str | None
    at_us: int | None
    state: str = claims.RUNNING
    told: str = claims.RUNNING

    def objection(self, fingerprint: str | None) -> type[errors.GripError]:
        if self.fingerprint != fingerprint:
            return errors.IdempotencyKeyReused
        if self.told == claims.LOST:
            return errors.IdempotencyResultUnavailable
        return errors.IdempotencyKeyInUse

    def is_over(self, now_us: int | None) -> bool:
        if now_us is None or self.at_us is None or self.told == claims.RUNNING:
            return False
        return self.at_us + DAY_US <= now_us


@dataclass
class Money:
    """The wallet, its two keys and their holders."""

    balance: int = START
    debt: int = 0
    cost: int = 0
    credits: int = 0
    tier: str = "plus"
    keys: dict[str, Purse] = field(
        default_factory=lambda: {"owner": Purse(BUDGET), "guest": Purse(None)}
    )
    members: dict[str, Purse] = field(
        default_factory=lambda: {"owner": Purse(None), "guest": Purse(LIMIT)}
    )
    calls: dict[str, Call] = field(default_factory=dict)
    times: list[int] = field(default_factory=list)
    usage: list[tuple[str, int, int, int, int, str]] = field(default_factory=list)
    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)

    @property
    def held(self) -> int:
        return sum(call.amount for call in self.open().values())

    def open(self) -> dict[str, Call]:
        return {name: call for name, call in self.calls.items() if call.outcome is None}

    def begin(self) -> None:
        """Begin a batch: what the one before did to Idempotency-Keys is known now."""
        for claim in self.claims.values():
            claim.told = claim.state

    def admit(self, entry: Admit, who: str, now_us: int | None) -> type[object]:
        """Decide on an admission; `now_us` is None where there are no limits."""
        refusal = self._refusal(entry, who, now_us)
        if refusal is not None:
            return refusal
        if now_us is not None:
            self.times.append(now_us)
        for purse in (self.keys[who], self.members[who]):
            purse.held += entry.estimate_nano
        self.calls[entry.request_id] = Call(who, entry.estimate_nano, entry.idem_key, entry.boot_id)
        if entry.idem_key is not None:
            self.claims[who, entry.idem_key] = Claim(entry.request_id, entry.fingerprint, now_us)
        return Admitted

    def _refusal(self, entry: Admit, who: str, now_us: int | None) -> type[object] | None:
        claim = self.claims.get((who, entry.idem_key or ""))
        if claim is not None and not claim.is_over(now_us):
            return claim.objection(entry.fingerprint)
        if now_us is not None:
            recent = sum(at_us > now_us - SECOND_US for at_us in self.times)
            if recent >= QPS[self.tier]:
                return errors.RateLimitExceeded
        nano = entry.estimate_nano
        if nano > max(0, self.keys[who].room):
            return errors.ApiKeyBudgetExhausted
        if nano > max(0, self.members[who].room):
            return errors.MemberLimitExhausted
        if entry.amount > self.balance - self.held:
            return errors.InsufficientCredits
        return None

    def grow(self, entry: Grow) -> object:
        call = self.calls[entry.request_id]
        if call.outcome is not None:
            return Gone()
        purses = (self.keys[call.who], self.members[call.who])
        rest = (self.balance - self.held + call.amount) * NANO - call.nano
        more = max(0, min(entry.estimate_nano, rest, *(purse.room for purse in purses)))
        call.nano += more
        for purse in purses:
            purse.held += more
        return Grown(estimate_nano=more)

    def settle(self, entry: Settle) -> object:
        call = self.calls[entry.request_id]
        if call.outcome is not None:
            return Gone() if entry.facts.status in VERDICTS else call.outcome
        nano = entry.cost_nano if entry.proven else min(entry.cost_nano, call.nano)
        available = self.balance - self.held + call.amount
        self.cost += nano
        drawn = self.cost // NANO - self.credits
        self.credits += drawn
        owed = max(0, drawn - available)
        self.balance -= drawn - owed
        self.debt += owed
        for purse in (self.keys[call.who], self.members[call.who]):
            purse.held -= call.nano
            purse.spent += nano
        settled = Settled(cost_nano=nano, credits=drawn, balance_after=self.balance)
        status = entry.facts.status
        self.usage.append((entry.request_id, nano, drawn, owed, self.balance, status))
        call.outcome = Gone() if status in VERDICTS else settled
        if status == CRASH_VOID:
            self._free(call)
        else:
            self._keep(call, entry)
        return settled

    def release(self, request_id: str) -> object:
        call = self.calls[request_id]
        if call.outcome is not None:
            return Gone()
        for purse in (self.keys[call.who], self.members[call.who]):
            purse.held -= call.nano
        call.outcome = Gone()
        self._free(call)
        return Released()

    def _free(self, call: Call) -> None:
        if call.idem_key is not None:
            del self.claims[call.who, call.idem_key]

    def _keep(self, call: Call, entry: Settle) -> None:
        if call.idem_key is None:
            return
        claim = self.claims[call.who, call.idem_key]
        claim.state = claims.LOST if entry.answer is None else claims.KEPT
        if entry.answer is not None and entry.answer.body is not None:
            self.answers[entry.request_id] = entry.answer.body
