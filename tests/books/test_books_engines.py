"""Both engines are one: the same entries have the same outcomes and leave the same rows."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grip import errors
from grip.money.amounts import NANO
from grip.money.entries import Admitted

TIMES = {"created_us", "admitted_us", "left_us", "revoked_us"}
IDS = {"seq", "id", "wallet_id", "key_id", "member_id", "owner_id", "account_id", "price_id"}
SECRETS = {"hash", "last4"}
NAMES = {"name", "email", "key_name"}
UNLIKE = TIMES | IDS | SECRETS | NAMES

NANOS = st.one_of(st.integers(0, 400 * NANO), st.sampled_from([0, 1, NANO - 1, NANO, 2**70]))
NUMBER = st.integers(0, 99)
DEEDS = st.one_of(
    st.tuples(st.just("admit"), NANOS),
    st.tuples(st.just("settle"), NUMBER, NANOS, st.booleans()),
    st.tuples(st.just("release"), NUMBER),
    # Defects, which must end alike too.
    st.tuples(st.just("admit again"), NUMBER),
    st.tuples(st.just("admit on old facts"), st.sampled_from(["catalog_version", "key_version"])),
    st.tuples(st.just("settle a stranger"), NANOS),
)
BATCHES = st.lists(st.lists(DEEDS, min_size=1, max_size=6), min_size=1, max_size=6)


class Side:
    """One engine, on which a script of batches is played."""

    def __init__(self, house: Any) -> None:
        self.house = house

    async def open(self) -> None:
        await self.house.prepare()
        self.books = await self.house.open()

    async def play(self, example: int, batches: list[list[tuple[Any, ...]]]) -> list[object]:
        """Return all outcomes and, in the end, all rows of a customer of one's own."""
        customer = await self.house.customer(1_000, budget=700)
        self.template = await self.house.asks(self.books, customer)
        self.admits: list[Any] = []
        seen: list[object] = []
        for batch in batches:
            entries = [self.entry(f"req_{example}", deed) for deed in batch]
            outcomes = await self.house.all(self.books, *entries)
            seen.append([comparable(outcome) for outcome in outcomes])
        for table in ("wallet", "api_key", "member"):
            key = "id" if table == "wallet" else "wallet_id"
            seen.append(await self.rows(table, **{key: customer.wallet_id}))
        seen += [
            await self.rows(table, wallet_id=customer.wallet_id) for table in ("holds", "usage")
        ]
        return seen

    async def rows(self, table: str, **where: str) -> list[object]:
        return [
            {name: value for name, value in row.items() if name not in UNLIKE}
            for row in await self.house.rows(table, **where)
        ]

    def entry(self, stem: str, deed: tuple[Any, ...]) -> Any:
        kind, *facts = deed
        fresh = self.template._replace(request_id=f"{stem}_{len(self.admits):03}")
        is_known = self.admits and kind in {"settle", "release", "admit again"}
        known = self.admits[facts[0] % len(self.admits)] if is_known else fresh
        match kind:
            case "admit":
                fresh = fresh._replace(estimate_nano=facts[0], amount=-(-facts[0] // NANO))
            case "admit on old facts":
                fresh = fresh._replace(**{facts[0]: 0})
            case "admit again":
                return known
            case "settle":
                return self.house.settles(known, facts[1], proven=facts[2])
            case "release":
                return self.house.releases(known)
            case _:
                return self.house.settles(fresh._replace(request_id="req_0"), facts[0])
        self.admits.append(fresh)
        return fresh


def comparable(outcome: object) -> object:
    """Return an outcome without its times; what a database says in its own words is left out."""
    match outcome:
        case Admitted():
            return Admitted
        case errors.BooksBroken():
            return errors.BooksBroken
        case errors.GripError():
            return type(outcome), outcome.message, outcome.metadata
        case _:
            return outcome


def test_the_same_entries_come_to_the_same_on_both_engines(
    fresh_sqlite, fresh_postgres, build, clock
):
    """In batches of several, with defective ones among them."""
    with asyncio.Runner() as runner:

        async def open_() -> list[Side]:
            sides = [Side(build(await fresh(), clock)) for fresh in (fresh_sqlite, fresh_postgres)]
            for side in sides:
                await side.open()
            return sides

        async def close() -> None:
            for side in sides:
                await side.house.close()

        async def play(example: int, batches: Any) -> list[list[object]]:
            return [await side.play(example, batches) for side in sides]

        sides = runner.run(open_())
        examples = iter(range(1, 1_000_000))

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(BATCHES)
        def compare(batches: list[list[tuple[Any, ...]]]) -> None:
            sqlite, postgres = runner.run(play(next(examples), batches))
            assert sqlite == postgres

        try:
            compare()
        finally:
            runner.run(close())
