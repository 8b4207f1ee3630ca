"""The books against a plain model of them: random calls, credits and changes, step by step."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
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
from grip.gateway.boots import Boot, Janitor, verdict
from grip.money.amounts import NANO
from grip.money.entries import VERDICTS, Admit, Answer, Entry, Grow, Stale
from grip.money.pricing import Rates
from grip.money.states import TierLimits
from grip.services import keys, members, wallets
from grip.store import boots
from grip.store.boots import Orphan
from tests.books.plain_model import BUDGET, LIMIT, QPS, START, Money

T = TypeVar("T")

INPUT_TOKENS = 20 * NANO
"""What a verdict of estimate charges: more than some of the calls hold."""

WHO = st.sampled_from(["owner", "guest"])
NANOS = st.one_of(
    st.integers(0, 15 * NANO),
    st.integers(0, 45 * NANO),
    st.sampled_from([0, 1, NANO - 1, NANO, 20 * NANO, 30 * NANO, 40 * NANO - 1]),
)
COSTS = NANOS | st.sampled_from([60 * NANO, 100 * NANO])
# Any call that there ever was, or the latest that is open.
NUMBER = st.one_of(st.integers(0, 99), st.integers(0, 99), st.none())
IDEM_KEYS = st.sampled_from([None, "one", None, "two"])
ANSWERS = st.none() | st.binary(max_size=9)
ADMISSIONS = st.tuples(st.just("admit"), WHO, NANOS, IDEM_KEYS, st.sampled_from(["this", "that"]))
GROWTH = st.tuples(st.just("grow"), st.none() | NUMBER, NANOS)
DEEDS = st.one_of(
    ADMISSIONS,
    ADMISSIONS,
    ADMISSIONS,
    GROWTH,
    GROWTH,
    st.tuples(st.just("settle"), NUMBER, COSTS, st.booleans(), ANSWERS),
    st.tuples(st.just("release"), NUMBER),
    st.tuples(st.just("judge"), NUMBER, st.sampled_from(VERDICTS)),
)
BATCH = st.lists(DEEDS, min_size=3, max_size=8)
GAPS_S = st.sampled_from([0, 0.3, 0.999999, 1, 30, 86_400])
CREDITS = st.integers(1, 50)
EVENTS = st.one_of(
    st.none(),
    st.tuples(st.just("credit"), CREDITS),
    st.tuples(st.just("debit"), CREDITS),
    st.tuples(st.just("limit"), st.none() | st.integers(0, 80)),
    st.tuples(st.just("tier")),
    st.tuples(st.just("die"), st.integers(0, 1), st.sampled_from(VERDICTS)),
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
        self.both = [await self.house.open(tiers) for _ in range(2)]
        self.boots = [await self._boot() for _ in self.both]
        owner, guest = await self.house.customer(START, budget=BUDGET), await self.house.customer()
        self.wallet_id = owner.wallet_id
        await wallets.set_tier(self.context, self.wallet_id, "plus", actor="test", reason="r")
        await members.add(self.context, self.wallet_id, guest.email, actor="test", limit=LIMIT)
        made = await keys.create(
            self.context, self.wallet_id, actor="test", name="guest", member=guest.email
        )
        self.who = {"owner": owner, "guest": self.house.holder(guest.email, made)}

    async def _boot(self) -> Boot:
        boot = Boot(
            self.house.database,
            boot_id=self._boot_id(),
            new_id=self._boot_id,
            clock=self.house.clock,
            host="test",
            region="eu",
        )
        await boot.start()
        return boot

    def _boot_id(self) -> str:
        self.number += 1
        return f"boot_{self.number}"

    @property
    def now_us(self) -> int | None:
        """The time of the limits, which stands still on one engine and is not ours on the other."""
        return self.house.clock.now_us if self.house.database.is_sqlite else None

    @rule(event=EVENTS, gap_s=GAPS_S, which=st.integers(0, 1), deeds=BATCH)
    def step(
        self, event: tuple[Any, ...] | None, gap_s: float, which: int, deeds: list[tuple[Any, ...]]
    ) -> None:
        """Let something happen beside the calls, then ask one of the books for a batch."""
        if event is not None:
            kind, *facts = event
            self.wait(getattr(self, f"_{kind}")(*facts))
        self.house.clock.advance(gap_s)
        self.wait(self._call(which, deeds))

    async def _call(self, which: int, deeds: list[tuple[Any, ...]]) -> None:
        entries: list[Entry] = []
        expected: list[object] = []
        asks = {who: await self._asks(who, which) for who in self.who}
        self.template = asks["owner"]
        self.money.begin()
        for kind, *facts in deeds:
            if kind == "admit":
                entry = self._admission(asks[facts[0]], *facts[1:])
                entries.append(entry)
                expected.append(self.money.admit(entry, facts[0], self.now_us))
            elif self.money.calls:
                self._resolve(kind, facts, entries, expected)
        outcomes = await self.house.all(self.both[which], *entries)

        for outcome, wanted in zip(outcomes, expected, strict=True):
            assert type(outcome) is wanted or outcome == wanted

    async def _asks(self, who: str, which: int) -> Admit:
        entry = await self.house.asks(
            self.both[which],
            self.who[who],
            boot_id=self.boots[which].id,
            input_tokens=INPUT_TOKENS,
            price_id=self.house.price_id,
        )
        assert isinstance(entry, Admit)
        return entry

    def _admission(self, template: Admit, nano: int, idem_key: str | None, body: str) -> Admit:
        self.number += 1
        return template._replace(
            request_id=f"req_{self.number:04}",
            amount=-(-nano // NANO),
            estimate_nano=nano,
            idem_key=idem_key,
            fingerprint=None if idem_key is None else body,
        )

    def _resolve(
        self, kind: str, facts: list[Any], entries: list[Entry], expected: list[object]
    ) -> None:
        name = self._named(facts[0])
        template = self.template._replace(request_id=name)
        match kind:
            case "grow":
                grow = Grow(request_id=name, estimate_nano=facts[1])
                entries.append(grow)
                expected.append(self.money.grow(grow))
            case "release":
                entries.append(self.house.releases(template))
                expected.append(self.money.release(name))
            case _:
                if kind == "settle":
                    body = facts[3]
                    settle = self.house.settles(template, facts[1], proven=facts[2])._replace(
                        answer=None if body is None else Answer(content_type="text", body=body)
                    )
                else:
                    settle = verdict(orphan(name), facts[1])
                    settle = settle._replace(
                        facts=settle.facts._replace(price_id=self.house.price_id)
                    )
                entries.append(settle)
                expected.append(self.money.settle(settle))

    def _named(self, number: int | None) -> str:
        names = list(self.money.calls)
        if number is None:
            return (list(self.money.open()) or names)[-1]
        return names[number % len(names)]

    async def _die(self, which: int, chosen: str) -> None:
        """End a worker's boot; the other one's janitor resolves what it left."""
        dead = self.boots[which].id
        async with self.house.database.write() as connection:
            assert await boots.end(connection, dead, boots.DEAD, 1)
        assert await self.both[which].submit(await self._asks("owner", which)) == Stale()
        left = [name for name, call in self.money.open().items() if call.boot_id == dead]
        for name in left:
            self.money.settle(verdict(orphan(name), chosen))

        assert await self._janitor(1 - which, chosen).run() == len(left)
        assert await self._janitor(which, chosen).run() == 0
        assert self.boots[which].id != dead

    def _janitor(self, which: int, chosen: str) -> Janitor:
        return Janitor(
            self.house.database,
            self.both[which],
            boot=self.boots[which],
            clock=self.house.clock,
            monotonic=lambda: 0.0,
            verdict=chosen,
        )

    async def _credit(self, amount: int) -> None:
        await wallets.credit(self.context, self.wallet_id, amount, actor="test", reason="credit")
        settled = min(self.money.debt, amount)
        self.money.debt -= settled
        self.money.balance += amount - settled

    async def _debit(self, amount: int) -> None:
        work = wallets.debit(self.context, self.wallet_id, amount, actor="test", reason="debit")
        if amount > self.money.balance - self.money.held:
            with pytest.raises(errors.InsufficientCredits):
                await work
        else:
            await work
            self.money.balance -= amount

    async def _limit(self, limit: int | None) -> None:
        guest = self.who["guest"].email
        await members.set_limit(self.context, self.wallet_id, guest, limit, actor="test")
        self.money.members["guest"].cap = limit

    async def _tier(self) -> None:
        old = await self._asks("owner", 0)
        self.money.tier = "pro" if self.money.tier == "plus" else "plus"
        await wallets.set_tier(
            self.context, self.wallet_id, self.money.tier, actor="test", reason="r"
        )
        assert await self.both[1].submit(old) == Stale()

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
        assert {
            row["request_id"]: (row["amount"], row["estimate_nano"])
            for row in await self.house.rows("holds")
        } == {name: (call.amount, call.nano) for name, call in money.open().items()}
        names = ("request_id", "cost_nano", "credits", "debt_credits", "balance_after", "status")
        assert money.usage == [
            tuple(row[name] for name in names) for row in await self.house.rows("usage")
        ]
        await self._compare_purses()
        await self._compare_claims()

    async def _compare_purses(self) -> None:
        found = {row["id"]: row for row in await self.house.rows("api_key")}
        holders = {row["id"]: row for row in await self.house.rows("member")}
        for who, customer in self.who.items():
            key = found[customer.key_id]
            for row, purse in (
                (key, self.money.keys[who]),
                (holders[key["member_id"]], self.money.members[who]),
            ):
                assert row["spent"] * NANO + row["spent_nano"] == purse.spent
                assert row["held_nano"] == purse.held

    async def _compare_claims(self) -> None:
        assert {
            (row["key_id"], row["idem_key"]): tuple(
                row[name] for name in ("request_id", "fingerprint", "state")
            )
            for row in await self.house.rows("idempotency")
        } == {
            (self.who[who].key_id, idem_key): (claim.request_id, claim.fingerprint, claim.state)
            for (who, idem_key), claim in self.money.claims.items()
        }
        answers = await self.house.rows("idempotency_answer")
        assert {row["request_id"]: row["body"] for row in answers} == self.money.answers

    def teardown(self) -> None:
        if hasattr(self, "house"):
            self.wait(self.house.close())
        self.runner.close()


def orphan(request_id: str) -> Orphan:
    """Return what a janitor knows of a call whose process died."""
    return Orphan(
        request_id=request_id,
        key_name="main",
        endpoint="/chat/completions",
        model="gpt",
        ip="192.0.2.1",
        region="eu",
        price_id="",
        input_tokens=INPUT_TOKENS,
        admitted_us=1,
        sell=Rates(input_nano=1, output_nano=0),
        buy=Rates(),
    )


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
