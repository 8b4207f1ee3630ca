"""A desk: one wallet with its key and its member, and entries for calls on them."""

from dataclasses import dataclass, field

import pytest

from grip.money.amounts import NANO, ceil_credits
from grip.money.batch import Plan
from grip.money.entries import (
    COMPLETED,
    Admit,
    Answer,
    Entry,
    Facts,
    Grow,
    Outcome,
    Release,
    Settle,
    Settled,
)
from grip.money.states import (
    ClaimState,
    HoldState,
    KeyState,
    Loaded,
    MemberState,
    TierLimits,
    WalletState,
)

START = 1_800_000_000_000_000

FACTS = Facts(
    key_name="main",
    endpoint="/chat/completions",
    model="gpt",
    provider="sandbox",
    channel_id="ch_1",
    channel="sandbox",
    upstream_model="gpt",
    upstream_id=None,
    ip="192.0.2.1",
    region="",
    status="completed",
    estimated=False,
    price_id="price_1",
    input_tokens=1,
    output_tokens=0,
    cached_input_tokens=0,
    cache_write_tokens=0,
    images=0,
    seconds=0,
    characters=0,
    buy_cost_nano=None,
    attempts=1,
    latency_ms=1,
    first_byte_ms=1,
)


@dataclass
class Desk:
    """The rows as they stand between batches; every `batch` is decided and then applied."""

    now_us: int = START
    catalog_version: int = 1
    wallet: WalletState = field(
        default_factory=lambda: WalletState("wal_1", "free", 1_000, 0, 0, 0, None, None)
    )
    key: KeyState = field(
        default_factory=lambda: KeyState("key_1", 1, None, None, 0, 0, 0, None, None)
    )
    member: MemberState = field(default_factory=lambda: MemberState("mem_1", None, 0, 0, 0))
    tiers: dict[str, TierLimits] = field(default_factory=lambda: {"free": TierLimits()})
    holds: dict[str, HoldState] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)
    claims: dict[tuple[str, str], ClaimState] = field(default_factory=dict)
    dead_boots: set[str] = field(default_factory=set)

    def plan(self) -> Plan:
        rows = Loaded(now_us=self.now_us, catalog_version=self.catalog_version)
        rows.wallets[self.wallet.id] = self.wallet
        rows.keys[self.key.id] = self.key
        rows.members[self.member.id] = self.member
        rows.holds = self.holds
        rows.settled = self.settled
        rows.claims = self.claims
        rows.dead_boots = self.dead_boots
        return Plan(rows, self.tiers)

    def batch(self, *entries: Entry) -> list[Outcome]:
        plan = self.plan()
        outcomes = [plan.decide(entry) for entry in entries]
        for kept in plan.kept:
            name = (kept.key_id, kept.idem_key)
            self.claims[name] = self.claims[name]._replace(state=kept.state)
        return outcomes

    def ask(self, entry: Entry) -> Outcome:
        return self.batch(entry)[0]

    def admit(self, number: int = 1, nano: int = NANO, **changes: object) -> Admit:
        """Return an admission of a call that may cost `nano` nano-credits."""
        entry = Admit(
            request_id=f"req_{number}",
            wallet_id="wal_1",
            key_id="key_1",
            member_id="mem_1",
            catalog_version=1,
            key_version=1,
            tier="free",
            amount=ceil_credits(nano),
            estimate_nano=nano,
            tokens=10,
            model="gpt",
            endpoint="/chat/completions",
            ip="192.0.2.1",
            boot_id="boot_1",
            input_tokens=1,
            price_id="price_1",
        )
        return entry._replace(**changes)  # type: ignore[arg-type]

    def grow(self, number: int = 1, nano: int = NANO) -> Grow:
        return Grow(request_id=f"req_{number}", estimate_nano=nano)

    def settle(
        self,
        number: int = 1,
        nano: int = NANO,
        *,
        proven: bool = True,
        tokens: int = 10,
        status: str = COMPLETED,
        answer: Answer | None = None,
    ) -> Settle:
        return Settle(
            request_id=f"req_{number}",
            cost_nano=nano,
            proven=proven,
            tokens=tokens,
            facts=FACTS._replace(status=status),
            answer=answer,
        )

    def release(self, number: int = 1) -> Release:
        return Release(request_id=f"req_{number}")

    def rows(self) -> tuple[object, ...]:
        """Return everything that a refusal must leave as it is."""
        return (
            *(repr(self.wallet), repr(self.key), repr(self.member)),
            *(dict(self.holds), dict(self.claims)),
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="session")
def new_desk() -> type[Desk]:
    """The desk itself, for tests that need a fresh one for every example."""
    return Desk
