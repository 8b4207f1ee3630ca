"""How a task begins: its hold, its row and its Idempotency-Key, in one transaction.

Nobody upstream is asked here: the answer is immediate, and a worker submits. A refusal leaves
nothing, and costs none of the limits.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import msgspec

from grip import errors
from grip.clock import Clock
from grip.gateway import admission, routing
from grip.gateway.call import Offer
from grip.money import ledger
from grip.money.amounts import MAX_CREDITS, ceil_credits
from grip.money.batch import Plan
from grip.money.entries import Admit, Admitted
from grip.money.limits import Standing
from grip.money.pricing import Usage, bound_nano
from grip.money.states import Loaded, TierLimits
from grip.store import idempotency, purses, tasks
from grip.store import ledger as journal
from grip.store.books import HotBooks
from grip.store.engine import Connection, Database
from grip.store.records import Caller, Catalog
from grip.store.tasks import Task
from grip.tasks import phases

_ATTEMPTS: Final = 5
_JSON: Final = "application/json"

Show = Callable[[Task], bytes]
"""Returns a task as its owner sees it: what is kept for the same Idempotency-Key."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for: `most` is the most that it can use, in the units that are priced.

    `units` are the rates that it can be sold by; `deadline_us` is how long the task may take from
    its beginning.
    """

    key_hash: str
    ip: str
    endpoint: str
    model: str
    type: str
    input: Mapping[str, Any]
    most: Usage
    deadline_us: int
    units: frozenset[str]
    metadata: Mapping[str, Any] | None = None
    callback_url: str | None = None
    idem_key: str | None = None
    fingerprint: str | None = None


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A task that has begun, and how the limits on requests stand."""

    task: Task
    requests: Standing | None


class Creator:
    """Begins tasks."""

    def __init__(
        self,
        *,
        database: Database,
        books: HotBooks,
        clock: Clock,
        new_id: Callable[[str], str],
        tiers: Mapping[str, TierLimits],
        tier_groups: Mapping[str, frozenset[str] | None],
        kinds: Callable[[str], Collection[str]],
        region: str,
    ) -> None:
        self._database = database
        self._books = books
        self._clock = clock
        self._new_id = new_id
        self._tiers = tiers
        self._tier_groups = tier_groups
        self._kinds = kinds
        self._region = region

    async def create(self, order: Order, show: Show) -> Created:
        """Hold what the order may cost, and write it down; raises GripError, and then nothing is.

        What is remembered of caller and catalog may be out of date: a refusal is only given on a
        fresh look.
        """
        fresh = False
        for _ in range(_ATTEMPTS):
            try:
                caller, catalog, offer = await self._look_up(order, fresh=fresh)
            except errors.DatabaseUnavailable:
                raise
            except errors.GripError:
                if fresh:
                    raise
                fresh = True
                continue
            created = await self._try(order, caller, catalog, offer, show)
            if created is not None:
                return created
            fresh = True
        raise errors.ServiceUnavailable(
            "prices or keys are changing at the moment; retry in a second", retry_after_s=1
        )

    async def _look_up(self, order: Order, *, fresh: bool) -> tuple[Caller, Catalog, Offer]:
        caller = await admission.identify(self._books, self._clock, order.key_hash, fresh=fresh)
        catalog = await self._books.catalog(fresh=fresh)
        model = routing.find_model(catalog, caller, order.model, order.type)
        offer = routing.offers(catalog, caller, model, order.units)[0]
        reach = routing.reach_of(
            caller,
            self._tier_groups,
            kinds=self._kinds(order.type),
            region=self._region,
            attempts=1,
        )
        if not any(routing.choices(catalog, (offer,), reach).eligible):
            raise errors.ServiceUnavailable("no channel serves this model at the moment")
        return caller, catalog, offer

    async def _try(
        self, order: Order, caller: Caller, catalog: Catalog, offer: Offer, show: Show
    ) -> Created | None:
        """Return the task, None where caller or catalog have changed meanwhile."""
        async with self._database.write() as connection:
            now_us = await purses.now_us(connection, self._clock())
            wallet, key, member = await purses.lock(
                connection, caller.wallet_id, caller.key_id, caller.member_id
            )
            rows = Loaded(
                now_us=now_us,
                catalog_version=await purses.catalog_version(connection),
                wallets={wallet.id: wallet},
                keys={key.id: key},
                members={member.id: member},
            )
            if order.idem_key is not None:
                claim = await idempotency.find(connection, key.id, order.idem_key)
                if claim is not None:
                    rows.claims[(key.id, order.idem_key)] = claim
            plan = Plan(rows, self._tiers)
            admit = self._admit(order, caller, catalog, offer)
            outcome = plan.decide(admit)
            if isinstance(outcome, errors.GripError):
                raise outcome
            if not isinstance(outcome, Admitted):
                return None
            await purses.write(connection, wallet, key, member)
            task = await self._write(connection, order, caller, admit, now_us)
            await self._keep(connection, plan, show(task))
            return Created(task=task, requests=outcome.requests)

    def _admit(self, order: Order, caller: Caller, catalog: Catalog, offer: Offer) -> Admit:
        """Return what a call of these units would ask of the books: the rules are the same."""
        estimate_nano = bound_nano(offer.sell, order.most)
        amount = ceil_credits(estimate_nano)
        if amount > MAX_CREDITS:
            raise errors.InvalidRequest(
                f"the task could cost {amount} credits, which is more than any may; ask for less"
            )
        return Admit(
            request_id=self._new_id("task"),
            wallet_id=caller.wallet_id,
            key_id=caller.key_id,
            member_id=caller.member_id,
            catalog_version=catalog.version,
            key_version=caller.key_version,
            tier=caller.tier,
            amount=amount,
            estimate_nano=estimate_nano,
            tokens=order.most.tokens,
            model=offer.model.name,
            endpoint=order.endpoint,
            ip=order.ip,
            boot_id="",
            input_tokens=order.most.input_tokens,
            price_id=offer.price_id,
            idem_key=order.idem_key,
            fingerprint=order.fingerprint,
        )

    async def _write(
        self,
        connection: Connection,
        order: Order,
        caller: Caller,
        admit: Admit,
        now_us: int,
    ) -> Task:
        """Write the hold into the journal, and the task that it is for."""
        effect = ledger.Effect(
            name=admit.request_id,
            group_id=self._new_id("grp"),
            wallet_id=caller.wallet_id,
            actor=f"key:{caller.key_id}",
            reason=f"{admit.model}, key {caller.key_name}",
            created_us=max(now_us, await journal.latest_us(connection, caller.wallet_id)),
        )
        held = ledger.hold(effect, self._new_id("trf"), ledger.TASK, admit.amount)
        await journal.append(connection, [held])
        task = _task(order, caller, admit, held, self._new_id("corr"))
        await tasks.insert(connection, task)
        return task

    async def _keep(self, connection: Connection, plan: Plan, body: bytes) -> None:
        """Write the claim of an Idempotency-Key, with the answer that stands for it at once."""
        for key_id, idem_key in plan.gone_claims:
            await idempotency.drop(connection, key_id, idem_key)
        for claim in plan.new_claims:
            await idempotency.keep(connection, claim, _JSON, body)


def _task(
    order: Order, caller: Caller, admit: Admit, held: ledger.Transfer, correlation_id: str
) -> Task:
    return Task(
        id=admit.request_id,
        wallet_id=caller.wallet_id,
        key_id=caller.key_id,
        member_id=caller.member_id,
        key_name=caller.key_name,
        ip=order.ip,
        endpoint=order.endpoint,
        type=order.type,
        model=admit.model,
        input=dict(order.input),
        metadata=None if order.metadata is None else dict(order.metadata),
        callback_url=order.callback_url,
        price_id=admit.price_id,
        hold_id=held.id,
        hold_credits=admit.amount,
        estimate_nano=admit.estimate_nano,
        images=order.most.images,
        seconds=order.most.seconds,
        characters=order.most.characters,
        status=phases.PENDING,
        phase=phases.QUEUED,
        progress=0,
        channel_id=None,
        channel=None,
        provider=None,
        upstream_model=None,
        upstream_id=None,
        webhook_token_hash=None,
        correlation_id=correlation_id,
        buy=None,
        attempts=0,
        polls=0,
        misses=0,
        fault=None,
        due_us=held.created_us,
        deadline_us=held.created_us + order.deadline_us,
        lease_owner=None,
        lease_until_us=0,
        lease_seq=0,
        error_code=None,
        error_message=None,
        cost_nano=None,
        credits=None,
        counted_by=None,
        created_us=held.created_us,
        submitted_us=None,
        completed_us=None,
    )
