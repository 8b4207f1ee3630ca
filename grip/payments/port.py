"""What grip asks of a payment provider, and the shapes in which it answers.

Owns the port and its values. Refuses to know any provider. Amounts are integers of the minor unit
that ISO 4217 gives the currency, whatever a provider counts in.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from grip.money.payments import Fact, Refund

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A session to be opened: all that the customer is to pay, tax included, in one line.

    `session_id` is grip's own id of the attempt, and the idempotency key of its opening.
    """

    order_id: str
    session_id: str
    currency: str
    gross_minor: int
    description: str
    success_url: str
    cancel_url: str
    expires_us: int
    email: str | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session that is open: `ref` is the provider's name of it, `url` where the customer pays."""

    ref: str
    url: str
    expires_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A webhook whose signature holds.

    `event_id` stays the same when the provider sends it again. `session_id` is grip's own id where
    the provider repeats it, `session_ref` and `payment_ref` are the provider's. An event that means
    nothing to grip has no facts. `refund_ids` are grip's own ids of refunds by the provider's: a
    refund that is not among them was made elsewhere.
    """

    event_id: str
    kind: str
    order_id: str | None
    session_ref: str | None
    payment_ref: str | None
    facts: tuple[Fact, ...]
    session_id: str | None = None
    refund_ids: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the provider says about an order when it is asked; `refund_ids` as in `Told`."""

    session_ref: str | None
    payment_ref: str | None
    facts: tuple[Fact, ...]
    refund_ids: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A payment in the provider's own books, for reconciling."""

    payment_ref: str
    order_id: str | None
    amount_minor: int
    currency: str
    refunded_minor: int
    created_us: int


class PaymentProvider(Protocol):
    """A provider under the name that the configuration gives it.

    Everything but `read` raises PaymentProviderUnavailable where the provider cannot be had, or
    does not speak as it should: the same call may be made again. PaymentProviderRefused is its own
    no, and PaymentProviderUnable says that this provider cannot do that at all.
    """

    @property
    def name(self) -> str:
        """Return the name of its table, `[payments.NAME]`, and of its webhook's route."""

    @property
    def can_open(self) -> bool:
        """Tell whether checkout may begin: not without a secret to check the webhook with."""

    async def open(self, purchase: Purchase) -> Opened:
        """Open a session; the same purchase again is the same session.

        So whoever died before writing `ref` down asks again. Raises WebhookUnavailable where
        `can_open` is false, and AmountUnpayable where the provider cannot take this amount.
        """

    async def look(self, order_id: str, session_ref: str | None) -> Seen:
        """Return what the provider knows of an order; without `session_ref` by the order's id.

        To find nothing without `session_ref` proves nothing: providers index late.
        """

    async def refund(
        self, refund_id: str, payment_ref: str, amount_minor: int, currency: str, reason: str
    ) -> Refund:
        """Give money back, once for each `refund_id`, however often this is called."""

    def read(self, raw: bytes, headers: Mapping[str, str], now_us: int) -> Told:
        """Return what a webhook says; `headers` have names in lower case.

        Raises WebhookRefused where it is not proven to be the provider's, or cannot be read, and
        WebhookUnavailable where there is no secret to prove it with.
        """

    def charges(self, from_us: int, to_us: int) -> AsyncIterator[Charge]:
        """Yield the payments made from one time up to another, in any order."""

    async def close(self) -> None:
        """Let go of its connections."""
