"""The books against a plain model of them: random calls, credits and changes, step by step."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import Admit, Admitted, Entry, Gone, Released, Settle, Settled, Stale
from grip.money.states import TierLimits
from grip.services import keys, members, wallets

T = TypeVar("T")

SECOND_US = 1_000_000
QPS = {"plus": 2, "pro": 5}
START = 50
BUDGET = 45
LIMIT = 40


@dataclass
class Purse:
    """What a key or a member may spend, all of it in nano-credits."""

    cap: int | None
    spent: int = 0
    held: int = 0

    def covers(self, nano: int) -> bool:
        return self.cap is None or self.spent + self.held + nano <= self.cap * NANO


@dataclass
class Call:
    """A call that was admitted; `outcome` is what its end came to."""

    who: str
    amount: int
    nano: int
    outcome: Settled | Released | None = None


@dataclass
class Money:
    """The wallet, its two keys and their holders, as anybody would write them down."""

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
    usage: list[tuple[str, int, int, int, int]] = field(default_factory=list)

    @property
    def held(self) -> int:
        return sum(call.amount for call in self.open().values())

    def open(self) -> dict[str, Call]:
        return {name: call for name, call in self.calls.items() if call.outcome is None}

    def admit(self, entry: Admit, who: str, now_us: int | None) -> type[object]:
        """Decide on an admission; `now_us` is None where there are no limits."""
        if now_us is not None:
            recent = sum(at_us > now_us - SECOND_US for at_us in self.times)
            if recent >= QPS[self.tier]:
                return errors.RateLimitExceeded
        nano, purses = entry.estimate_nano, (self.keys[who], self.members[who])
        if nano and not purses[0].covers(nano):
            return errors.ApiKeyBudgetExhausted
        if nano and not purses[1].covers(nano):
            return errors.MemberLimitExhausted
        if nano and entry.amount > self.balance - self.held:
            return errors.InsufficientCredits
        if now_us is not None:
            self.times.append(now_us)
        for purse in purses:
            purse.held += nano
        self.calls[entry.request_id] = Call(who, entry.amount, nano)
        return Admitted

    def settle(self, entry: Settle) -> object:
        call = self.calls[entry.request_id]
        if call.outcome is not None:
            return call.outcome if isinstance(call.outcome, Settled) else Gone()
        nano = entry.cost_nano if entry.proven else min(entry.cost_nano, call.nano)
        self.let_go(call)
        self.cost += nano
        drawn = self.cost // NANO - self.credits
        self.credits += drawn
        owed = max(0, drawn - (self.balance - self.held + call.amount))
        self.balance -= drawn - owed
        self.debt += owed
        for purse in (self.keys[call.who], self.members[call.who]):
            purse.spent += nano
        call.outcome = Settled(cost_nano=nano, credits=drawn, balance_after=self.balance)
        self.usage.append((entry.request_id, nano, drawn, owed, self.balance))
        return call.outcome

    def release(self, request_id: str) -> object:
        call = self.calls[request_id]
        if call.outcome is not None:
            return Gone()
        self.let_go(call)
        call.outcome = Released()
        return call.outcome

    def let_go(self, call: Call) -> None:
        for purse in (self.keys[call.who], self.members[call.who]):
            purse.held -= call.nano


WHO = st.sampled_from(["owner", "guest"])
NANOS = st.one_of(
    st.integers(0, 45 * NANO),
    st.sampled_from([0, 1, NANO - 1, NANO, 20 * NANO, 30 * NANO, 40 * NANO - 1]),
)
COSTS = NANOS | st.sampled_from([60 * NANO, 100 * NANO])
DEEDS = st.one_of(
    st.tuples(st.just("admit"), WHO, NANOS),
    st.tuples(st.just("settle"), st.integers(0, 99), COSTS, st.booleans()),
    st.tuples(st.just("release"), st.integers(0, 99)),
)


class Books(RuleBasedStateMachine):
    """Random deeds on the real store and on the model; both must agree after every one."""

    house_of: ClassVar[Callable[[], Awaitable[Any]]]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.money = Money()
        self.number = 0

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def open(self) -> None:
        self.wait(self._open())

    async def _open(self) -> None:
        self.house = await type(self).house_of()
        self.context = self.house.context
        is_limited = self.house.database.is_sqlite
        tiers = {name: TierLimits(qps=qps if is_limited else None) for name, qps in QPS.items()}
        self.books = await self.house.open(tiers)
        owner, guest = await self.house.customer(START, budget=BUDGET), await self.house.customer()
        self.wallet_id = owner.wallet_id
        await wallets.set_tier(self.context, self.wallet_id, "plus", actor="test", reason="r")
        await members.add(self.context, self.wallet_id, guest.email, actor="test", limit=LIMIT)
        made = await keys.create(
            self.context, self.wallet_id, actor="test", name="guest", member=guest.email
        )
        self.who = {"owner": owner, "guest": self.house.holder(guest.email, made)}

    @property
    def now_us(self) -> int | None:
        """The time of the limits, which stands still on one engine and is not ours on the other."""
        return self.house.clock.now_us if self.house.database.is_sqlite else None

    @rule(deeds=st.lists(DEEDS, min_size=1, max_size=5))
    def call(self, deeds: list[tuple[Any, ...]]) -> None:
        """Ask for several things that share a batch."""
        self.wait(self._call(deeds))

    async def _call(self, deeds: list[tuple[Any, ...]]) -> None:
        entries: list[Entry] = []
        expected: list[object] = []
        asks = {
            who: await self.house.asks(self.books, customer) for who, customer in self.who.items()
        }
        self.template = asks["owner"]
        for kind, *facts in deeds:
            if kind == "admit":
                entry = self._admission(asks[facts[0]], facts[1])
                entries.append(entry)
                expected.append(self.money.admit(entry, facts[0], self.now_us))
            elif self.money.calls:
                self._resolve(kind, facts, entries, expected)
        outcomes = await self.house.all(self.books, *entries)

        for outcome, wanted in zip(outcomes, expected, strict=True):
            assert type(outcome) is wanted or outcome == wanted

    def _admission(self, template: Admit, nano: int) -> Admit:
        self.number += 1
        return template._replace(
            request_id=f"req_{self.number:04}", amount=-(-nano // NANO), estimate_nano=nano
        )

    def _resolve(
        self, kind: str, facts: list[Any], entries: list[Entry], expected: list[object]
    ) -> None:
        names = list(self.money.calls)
        name = names[facts[0] % len(names)]
        template = self.template._replace(request_id=name)
        if kind == "settle":
            settle = self.house.settles(template, facts[1], proven=facts[2])
            entries.append(settle)
            expected.append(self.money.settle(settle))
        else:
            entries.append(self.house.releases(template))
            expected.append(self.money.release(name))

    @rule(amount=st.integers(1, 50))
    def credit(self, amount: int) -> None:
        self.wait(
            wallets.credit(self.context, self.wallet_id, amount, actor="test", reason="credit")
        )
        settled = min(self.money.debt, amount)
        self.money.debt -= settled
        self.money.balance += amount - settled

    @rule(amount=st.integers(1, 50))
    def debit(self, amount: int) -> None:
        work = wallets.debit(self.context, self.wallet_id, amount, actor="test", reason="debit")
        if amount > self.money.balance - self.money.held:
            with pytest.raises(errors.InsufficientCredits):
                self.wait(work)
        else:
            self.wait(work)
            self.money.balance -= amount

    @rule(limit=st.none() | st.integers(0, 80))
    def limit_the_guest(self, limit: int | None) -> None:
        guest = self.who["guest"].email
        self.wait(members.set_limit(self.context, self.wallet_id, guest, limit, actor="test"))
        self.money.members["guest"].cap = limit

    @rule()
    def change_the_tier(self) -> None:
        old = self.wait(self.house.asks(self.books, self.who["owner"]))
        self.money.tier = "pro" if self.money.tier == "plus" else "plus"
        self.wait(
            wallets.set_tier(
                self.context, self.wallet_id, self.money.tier, actor="test", reason="r"
            )
        )
        assert self.wait(self.books.submit(old)) == Stale()

    @rule(seconds=st.sampled_from([0.3, 0.999999, 1, 30]))
    def let_time_pass(self, seconds: float) -> None:
        self.house.clock.advance(seconds)

    @invariant()
    def both_agree(self) -> None:
        if hasattr(self, "who"):
            self.wait(self._compare())

    async def _compare(self) -> None:
        await self.house.verify()
        money, wallet = self.money, await self.house.wallet(self.wallet_id)
        assert (wallet.balance, wallet.held, wallet.debt, wallet.carry_nano) == (
            money.balance,
            money.held,
            money.debt,
            money.cost % NANO,
        )
        assert {row["request_id"] for row in await self.house.rows("holds")} == set(money.open())
        assert money.usage == [
            (*(row[name] for name in ("request_id", "cost_nano", "credits", "debt_credits")), after)
            for row in await self.house.rows("usage")
            for after in [row["balance_after"]]
        ]
        found = {row["id"]: row for row in await self.house.rows("api_key")}
        holders = {row["id"]: row for row in await self.house.rows("member")}
        for who, customer in self.who.items():
            key = found[customer.key_id]
            for row, purse in (
                (key, money.keys[who]),
                (holders[key["member_id"]], money.members[who]),
            ):
                assert row["spent"] * NANO + row["spent_nano"] == purse.spent
                assert row["held_nano"] == purse.held

    def teardown(self) -> None:
        if hasattr(self, "house"):
            self.wait(self.house.close())
        self.runner.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_the_books_do_what_a_plain_model_of_them_does(engine, request, build, clock):
    """And every invariant holds after every step."""
    fresh = request.getfixturevalue(f"fresh_{engine}")

    async def house_of() -> Any:
        house = build(await fresh(), clock)
        await house.prepare()
        return house

    class Machine(Books):
        pass

    Machine.house_of = staticmethod(house_of)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=10,
            stateful_step_count=15,
            deadline=None,
            # A failure is not shrunk: each try costs a database, and fifteen steps can be read.
            phases=[Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
