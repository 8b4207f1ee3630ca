"""Delivering callbacks: claim what is due, send it outside of any transaction, write how it ended.

Owns a small pool of its own, so that slow receivers delay nothing but callbacks, and hardly those
of others. Refuses to deliver more than two at once to one host.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from grip import errors, ids, standard_webhooks
from grip.clock import Clock
from grip.settings import Callbacks
from grip.store import callback_secrets, callbacks
from grip.store.callback_secrets import Secret
from grip.store.callbacks import Claim, Ending, Lease
from grip.store.engine import Database
from grip.tasks.callbacks import verdicts
from grip.tasks.callbacks.urls import CallbackRules, check_callback_url
from grip.tasks.callbacks.verdicts import Verdict
from grip.transport.guarded import Headers
from grip.transport.port import Reply, TransportFault

AT_ONCE: Final = 16
PER_HOST: Final = 2

_LEASE_SPARE_S: Final = 30
_SECOND_US: Final = 1_000_000
_MILLISECOND_US: Final = 1000

log = structlog.get_logger(__name__)


class Poster(Protocol):
    """What sends a body to a stranger's server: `transport.guarded.GuardedClient`."""

    async def post(self, url: str, *, headers: Headers, body: bytes, deadline_s: float) -> Reply:
        """Return the answer; raises TransportFault."""


class Deliveries:
    """The callbacks that this worker delivers; safe beside any number of others.

    A worker that dies leaves its leases behind: once they are over, others deliver what it had.
    """

    def __init__(
        self,
        database: Database,
        client: Poster,
        *,
        terms: Callbacks,
        rules: CallbackRules,
        owner: str,
        clock: Clock,
        new_id: Callable[[str], str],
        chance: Callable[[], float],
    ) -> None:
        self._database = database
        self._client = client
        self._terms = terms
        self._rules = rules
        self._owner = owner
        self._clock = clock
        self._new_id = new_id
        self._chance = chance
        self._claiming = asyncio.Lock()
        self._busy: Counter[str] = Counter()
        self._running: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    async def run(self) -> None:
        """Begin to deliver what is due and there is room for; each delivery that ends does so too.

        Raises DatabaseUnavailable.
        """
        async with self._claiming:
            room = AT_ONCE - self._busy.total()
            if room > 0 and not self._is_stopping:
                for claimed in await self._claim(room):
                    self._begin(claimed)

    async def settle(self) -> None:
        """Wait until nothing is being delivered, and nothing is due that there was room for."""
        while self._running:
            await asyncio.wait(self._running)

    async def stop(self) -> None:
        """Begin nothing further, and wait for what has begun: at most the time of one delivery."""
        self._is_stopping = True
        await self.settle()

    async def _claim(self, room: int) -> list[Claim]:
        now_us = self._clock()
        lease_us = round((self._terms.timeout_s + _LEASE_SPARE_S) * _SECOND_US)
        lease = Lease(
            owner=self._owner,
            now_us=now_us,
            until_us=now_us + lease_us,
            tries_max=self._terms.max_attempts,
        )
        left = {host: PER_HOST - count for host, count in self._busy.items()}
        async with self._database.read() as connection:
            found = await callbacks.due(connection, lease, limit=room, room=left, per_host=PER_HOST)
        if not found:
            return []
        async with self._database.write() as connection:
            return await callbacks.claim(connection, lease, found)

    def _begin(self, claimed: Claim) -> None:
        self._busy[claimed.host] += 1
        work = asyncio.create_task(self._work(claimed))
        self._running.add(work)
        work.add_done_callback(self._running.discard)

    async def _work(self, claimed: Claim) -> None:
        try:
            try:
                await self._deliver(claimed)
            finally:
                self._leave(claimed.host)
            await self.run()
        except errors.GripError as error:
            log.warning("callback.failed", callback=claimed.id, error=str(error))
        except Exception:
            log.exception("callback.failed", callback=claimed.id)

    def _leave(self, host: str) -> None:
        self._busy[host] -= 1
        if not self._busy[host]:
            del self._busy[host]

    async def _deliver(self, claimed: Claim) -> None:
        began_us = self._clock()
        verdict, reply = await self._attempt(claimed)
        now_us = self._clock()
        ending = Ending(
            outcome=verdict.outcome,
            state=verdict.state,
            reason=verdict.reason,
            due_us=now_us + verdict.wait_us,
            status=verdict.status,
            latency_ms=max(0, now_us - began_us) // _MILLISECOND_US,
            detail=verdict.detail,
            reply=reply,
        )
        async with self._database.write() as connection:
            is_ours = await callbacks.finish(connection, claimed, ending, now_us)
        if not is_ours:
            log.warning("callback.lease_lost", callback=claimed.id)
        elif verdict.state == callbacks.DEAD:
            log.warning("callback.dead", callback=claimed.id, reason=verdict.reason)

    async def _attempt(self, claimed: Claim) -> tuple[Verdict, bytes | None]:
        """Return what the attempt led to, and the beginning of the receiver's answer."""
        tries, most = claimed.tries, self._terms.max_attempts
        try:
            reply = await self._send(claimed)
        except TransportFault as fault:
            return verdicts.of_fault(fault, tries, most, chance=self._chance()), None
        now_us = self._clock()
        verdict = verdicts.of_reply(reply, tries, most, chance=self._chance(), now_us=now_us)
        return verdict, reply.body

    async def _send(self, claimed: Claim) -> Reply:
        try:
            url = check_callback_url(claimed.url, self._rules)
        except errors.InvalidRequest as refused:
            raise TransportFault("refused", refused.message) from None
        secrets = await self._secrets(claimed.wallet_id)
        now_s = self._clock() // _SECOND_US
        headers = (
            ("content-type", "application/json"),
            ("user-agent", "grip"),
            *standard_webhooks.sign(secrets, claimed.id, now_s, claimed.body).items(),
        )
        return await self._client.post(
            url, headers=headers, body=claimed.body, deadline_s=self._terms.timeout_s
        )

    async def _secrets(self, wallet_id: str) -> list[str]:
        """Return what signs for a wallet; nothing is ever sent unsigned."""
        now_us = self._clock()
        async with self._database.read() as connection:
            found = await callback_secrets.active(connection, wallet_id, now_us)
        if not found:
            fresh = Secret(
                id=self._new_id("sec"),
                wallet_id=wallet_id,
                secret=ids.new_callback_secret(),
                created_us=now_us,
                shown_us=None,
                ends_us=None,
            )
            async with self._database.write() as connection:
                found = await callback_secrets.ensure(connection, fresh)
        return [one.secret for one in found]
