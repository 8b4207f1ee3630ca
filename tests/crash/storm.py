"""A storm of calls on nodes that die in it, and what must be true of the books afterwards."""

import dataclasses
import threading
from collections import Counter

from grip.money.amounts import NANO
from grip.money.entries import COMPLETED, CRASH_ESTIMATED, CRASH_VOID
from grip.store.records import UsageRow
from tests.crash.clients import Ask, Crowd, Seen
from tests.e2e.house import POLITE_NANO, Customer, House
from tests.e2e.scripts import gated, polite
from tests.e2e.upstream import WAIT_S

CALLS = 200
START = 1_000_000
_WARM = 8


class Storm:
    """Two customers with many calls: one asks plainly, one with Idempotency-Keys."""

    def __init__(self, house: House, crowd: Crowd) -> None:
        self._house = house
        self._crowd = crowd
        self._gate = threading.Event()
        self._good = house.sell(gated(self._gate, polite))
        self.plain = house.customer(credits_=START)
        self.keyed = house.customer(credits_=START)
        self._warm_up()

    def _warm_up(self) -> None:
        """Make some calls that go well."""
        self._gate.set()
        self._crowd.send(self._asks("warm", _WARM))
        assert all(seen.in_full for seen in self._crowd.wait())
        for _ in range(_WARM):
            self._good.door.next()
        self._gate.clear()

    def rage(self, *, until_broken: bool) -> None:
        """Send all calls, and let the upstream answer when all of them have come to it.

        Or else when the first call is broken: some die before they come so far.
        """
        self._crowd.send(self._asks("storm", CALLS))
        if until_broken:
            assert self._crowd.broke.wait(WAIT_S)
        else:
            for _ in range(CALLS):
                self._good.door.next()
        self._gate.set()
        self._crowd.wait()

    def ask_again(self, url: str) -> None:
        """Whoever has an Idempotency-Key and did not see the end asks again here, and sees it."""
        broken = [seen.ask for seen in self._crowd.log if not seen.in_full and seen.ask.key]
        self._crowd.send(dataclasses.replace(ask, url=url) for ask in broken)
        again = self._crowd.wait()
        assert all(seen.in_full for seen in again), Counter(seen.code for seen in again)

    def unseen(self) -> int:
        """Return how many calls were charged whose end no client has seen so far."""
        rows = self._house.usage(self.plain) + self._house.usage(self.keyed)
        charged = {row.request_id for row in rows if row.status == COMPLETED}
        return len(charged - {seen.request_id for seen in self._crowd.log if seen.in_full})

    def verdicts(self) -> list[UsageRow]:
        """Return the rows of calls whose process died, newest first."""
        rows = self._house.usage(self.plain) + self._house.usage(self.keyed)
        return [row for row in rows if row.status in (CRASH_VOID, CRASH_ESTIMATED)]

    def assert_right(self) -> None:
        """Compare the books with the clients' log."""
        for customer in (self.plain, self.keyed):
            mine = [seen for seen in self._crowd.log if seen.ask.secret == customer.secret]
            self._assert_charged_once(customer, mine)
        keys = {seen.ask.key for seen in self._crowd.log if seen.ask.key is not None}
        charged = [row for row in self._house.usage(self.keyed) if row.status != CRASH_VOID]
        assert len(charged) == len(keys)
        self._house.assert_clean()

    def _assert_charged_once(self, customer: Customer, log: list[Seen]) -> None:
        rows = {row.request_id: row for row in self._house.usage(customer)}
        charged = [row for row in rows.values() if row.status == COMPLETED]
        void = [row for row in rows.values() if row.status == CRASH_VOID]
        seen = [seen.request_id or "" for seen in log if seen.in_full]
        wallet = self._house.wallet(customer)
        spent_nano = (START - wallet.balance) * NANO + wallet.carry_nano

        assert {rows[request_id].status for request_id in seen} == {COMPLETED}
        assert len(set(seen)) == len(seen)
        assert {row.cost_nano for row in charged} == {POLITE_NANO}
        assert {row.cost_nano for row in void} <= {0}
        assert len(charged) <= len(log)
        assert spent_nano == sum(row.cost_nano for row in rows.values())
        assert wallet.held == 0

    def _asks(self, name: str, count: int) -> list[Ask]:
        """Whole answers and streams, plain and with a key, in turn."""
        return [
            Ask(
                url=self._house.gateway.url,
                secret=(self.keyed if number % 4 > 1 else self.plain).secret,
                model=self._good.name,
                stream=number % 2 == 1,
                key=f"{name}-{number}" if number % 4 > 1 else None,
            )
            for number in range(count)
        ]
