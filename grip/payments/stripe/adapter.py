"""Stripe as a `PaymentProvider`.

Each session and refund has an idempotency key of grip's own, so that a call whose answer was lost
is made again and changes nothing. Nothing that an answer says is believed before it is compared.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import stripe

from grip import errors
from grip.money.payments import Refund
from grip.payments.answers import garbled, understood
from grip.payments.port import Charge, Opened, Purchase, Seen, Told
from grip.payments.reading import Json, objects, text
from grip.payments.signatures import check_stripe
from grip.payments.stripe import events, facts, sessions
from grip.payments.stripe.amounts import to_stripe
from grip.payments.stripe.client import API_BASE, ask, connect
from grip.payments.wire import DEADLINE_S, Wire

_PAGE: Final = 100
_REASON_MAX: Final = 500


class StripeProvider:
    """A `PaymentProvider` over Stripe's Checkout Sessions."""

    def __init__(
        self,
        name: str,
        *,
        secret_key: str,
        webhook_secrets: Sequence[str],
        api_base: str = API_BASE,
        deadline_s: float = DEADLINE_S,
        retries: int = 1,
    ) -> None:
        self.name = name
        self._key = secret_key
        self._secrets = tuple(secret for secret in webhook_secrets if secret.strip())
        self._wire = Wire(name, deadline_s=deadline_s)
        self._v1 = connect(secret_key, api_base.rstrip("/"), self._wire, retries=retries).v1

    @property
    def can_open(self) -> bool:
        """Tell whether there is a secret to check webhooks with."""
        return bool(self._secrets)

    async def open(self, purchase: Purchase) -> Opened:
        """Open a Checkout Session, under the idempotency key that is its id at grip."""
        if not self.can_open:
            raise errors.WebhookUnavailable(
                f"checkout is not possible: payments.{self.name}.webhook_secret is not set"
            )
        params: Any = sessions.session_params(purchase)
        made = self._v1.checkout.sessions.create_async(
            params, {"idempotency_key": purchase.session_id}
        )
        session = await self._ask(made)
        with understood(self.name):
            return sessions.opened(session, purchase)

    async def look(self, order_id: str, session_ref: str | None) -> Seen:
        """Ask for the session, its payment, and that one's refunds and disputes."""
        if session_ref is None:
            return await self._with_returns(await self._search(order_id))
        asked = self._v1.checkout.sessions.retrieve_async(
            session_ref, {"expand": ["payment_intent"]}
        )
        session = await self._ask(asked)
        with understood(self.name):
            found = sessions.seen(session, order_id)
        return await self._with_returns(found)

    async def refund(
        self, refund_id: str, payment_ref: str, amount_minor: int, currency: str, reason: str
    ) -> Refund:
        """Refund, unless Stripe knows this refund: it forgets idempotency keys after a day."""
        params: Any = {
            **_payment(payment_ref),
            "amount": to_stripe(amount_minor, currency),
            "reason": "requested_by_customer",
            "metadata": {"refund_id": refund_id, "reason": reason[:_REASON_MAX]},
        }
        known = await self._all(self._v1.refunds.list_async, _payment(payment_ref))
        ours = [one for one in known if facts.metadata(one).get("refund_id") == refund_id]
        if not ours:
            made = self._v1.refunds.create_async(params, {"idempotency_key": refund_id})
            ours = [await self._ask(made)]
        with understood(self.name):
            return facts.refund_fact(ours[0])

    def read(self, raw: bytes, headers: Mapping[str, str], now_us: int) -> Told:
        """Check `Stripe-Signature` over the raw bytes, then read the event."""
        check_stripe(raw, headers.get("stripe-signature", ""), self._secrets, now_us)
        return events.read(raw, is_live=_is_live(self._key))

    async def charges(self, from_us: int, to_us: int) -> AsyncGenerator[Charge, None]:
        """Yield the charges that succeeded and were captured."""
        created = {"gte": _ceil_s(from_us), "lt": _ceil_s(to_us)}
        async for found in self._pages(self._v1.charges.list_async, {"created": created}):
            if found.get("status") == "succeeded" and found.get("captured") is True:
                with understood(self.name):
                    charge = sessions.charge(found)
                yield charge

    async def close(self) -> None:
        """Close its connections."""
        await self._wire.close()

    async def _search(self, order_id: str) -> Seen:
        """Return the payments that carry an order's id: Stripe indexes them within a minute."""
        query = f"metadata['order_id']:'{_quoted(order_id)}'"
        answer = await self._ask(self._v1.payment_intents.search_async({"query": query}))
        with understood(self.name):
            intents = objects(answer, "data")
            ours = [one for one in intents if facts.metadata(one).get("order_id") == order_id]
            paid = [(text(one, "id"), facts.intent_facts(one)) for one in ours]
        # The one that is paid, where an earlier attempt is not.
        paid.sort(key=lambda each: (not each[1], each[0]))
        return Seen(
            session_ref=None,
            payment_ref=paid[0][0] if paid else None,
            facts=tuple(fact for _, each in paid for fact in each),
        )

    async def _with_returns(self, seen: Seen) -> Seen:
        """Add the refunds and the disputes of a payment."""
        if seen.payment_ref is None:
            return seen
        payment = _payment(seen.payment_ref)
        refunds = await self._all(self._v1.refunds.list_async, payment)
        disputes = await self._all(self._v1.disputes.list_async, payment)
        with understood(self.name):
            returned = [facts.refund_fact(one) for one in refunds]
            disputed = [fact for one in disputes for fact in facts.dispute_facts(one)]
        return Seen(
            session_ref=seen.session_ref,
            payment_ref=seen.payment_ref,
            facts=(*seen.facts, *returned, *disputed),
            refund_ids=facts.refund_ids(refunds),
        )

    async def _all(
        self, listing: Callable[[Any], Awaitable[Any]], params: Mapping[str, Any]
    ) -> list[Json]:
        return [row async for row in self._pages(listing, params)]

    async def _pages(
        self, listing: Callable[[Any], Awaitable[Any]], params: Mapping[str, Any]
    ) -> AsyncGenerator[Json, None]:
        """Yield what a list has, page for page."""
        after: dict[str, str] = {}
        while True:
            page = await self._ask(listing({**params, **after, "limit": _PAGE}))
            with understood(self.name):
                rows = objects(page, "data")
                last = text(rows[-1], "id") if rows else None
            for row in rows:
                yield row
            if page.get("has_more") is not True:
                return
            if last is None or after.get("starting_after") == last:
                raise garbled(self.name, "its list does not end")
            after = {"starting_after": last}

    async def _ask(self, call: Awaitable[stripe.StripeObject]) -> Json:
        answer = await ask(self.name, self._key, call)
        return answer.to_dict()


def _payment(payment_ref: str) -> dict[str, str]:
    """Return the parameter that names a payment: by its charge only where it has no intent."""
    return {"charge" if payment_ref.startswith("ch_") else "payment_intent": payment_ref}


def _is_live(secret_key: str) -> bool | None:
    """Return which world the key is of, by its own name; None where it does not say."""
    if "_live_" in secret_key:
        return True
    return False if "_test_" in secret_key else None


def _quoted(text_: str) -> str:
    return text_.replace("\\", "\\\\").replace("'", "\\'")


def _ceil_s(at_us: int) -> int:
    return -(-at_us // 1_000_000)
