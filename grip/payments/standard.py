"""Any provider that signs with Standard Webhooks: a bridge that the operator writes in an evening.

Owns the calls to its addresses; what is said there is in `bridge_wire`. Each call that changes
something has an Idempotency-Key.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from grip import clock, errors
from grip.money.payments import Refund
from grip.payments import bridge_wire
from grip.payments.answers import garbled, understood
from grip.payments.port import Charge, Opened, Purchase, Seen, Told
from grip.payments.reading import Json, Unreadable, json_object, maybe_text, objects
from grip.payments.signatures import check_standard, key_of
from grip.payments.wire import DEADLINE_S, Answer, Wire

_OK: Final = range(200, 300)
_TRY_AGAIN: Final = frozenset({401, 403, 408, 409, 425, 429})
"""Beside 5xx: what another try, or a mended key, may turn into a yes."""

_NO: Final = range(400, 500)
_DETAIL_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the provider is asked; what it cannot do has no address."""

    checkout: str
    refund: str | None = None
    look: str | None = None
    charges: str | None = None


class StandardProvider:
    """A `PaymentProvider` over the JSON of `docs/payments.md`."""

    def __init__(
        self,
        name: str,
        *,
        addresses: Addresses,
        api_key: str,
        webhook_secrets: Sequence[str],
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.name = name
        self._addresses = addresses
        self._key = api_key
        self._secrets = tuple(secret for secret in webhook_secrets if secret.strip())
        for secret in self._secrets:
            key_of(secret)
        self._wire = Wire(name, deadline_s=deadline_s)

    @property
    def can_open(self) -> bool:
        """Tell whether there is a secret to check webhooks with."""
        return bool(self._secrets)

    async def open(self, purchase: Purchase) -> Opened:
        """Ask `checkout_url` for a page, under grip's own id of the session."""
        if not self.can_open:
            raise errors.WebhookUnavailable(
                f"checkout is not possible: payments.{self.name}.webhook_secret is not set"
            )
        body = bridge_wire.checkout_body(purchase)
        answer = await self._post(self._addresses.checkout, purchase.session_id, body)
        with understood(self.name):
            return bridge_wire.opened(answer)

    async def look(self, order_id: str, session_ref: str | None) -> Seen:
        """Ask `look_url` for the events of an order."""
        where = self._able(self._addresses.look, "look_url")
        asked = {"order_id": order_id} | ({"checkout_id": session_ref} if session_ref else {})
        answer = await self._get(where, asked)
        with understood(self.name):
            return bridge_wire.seen(answer, order_id)

    async def refund(
        self, refund_id: str, payment_ref: str, amount_minor: int, currency: str, reason: str
    ) -> Refund:
        """Ask `refund_url`, under grip's own id of the refund."""
        where = self._able(self._addresses.refund, "refund_url")
        body = bridge_wire.refund_body(refund_id, payment_ref, amount_minor, currency, reason)
        answer = await self._post(where, refund_id, body)
        with understood(self.name):
            return bridge_wire.refunded(answer, amount_minor)

    def read(self, raw: bytes, headers: Mapping[str, str], now_us: int) -> Told:
        """Check the signature over the raw bytes, then read the event."""
        event_id = check_standard(raw, headers, self._secrets, now_us)
        try:
            return bridge_wire.told(raw, event_id)
        except Unreadable as error:
            raise errors.WebhookRefused(f"it cannot be read: {error}") from None

    async def charges(self, from_us: int, to_us: int) -> AsyncGenerator[Charge, None]:
        """Yield what `charges_url` lists, page for page."""
        where = self._able(self._addresses.charges, "charges_url")
        asked = {"from": clock.to_iso(from_us), "to": clock.to_iso(to_us)}
        cursor: str | None = None
        while True:
            page = await self._get(where, asked | ({"cursor": cursor} if cursor else {}))
            with understood(self.name):
                rows = [bridge_wire.charge(each) for each in objects(page, "charges")]
            for row in rows:
                yield row
            following = maybe_text(page, "next")
            if following is None:
                return
            if following == cursor:
                raise garbled(self.name, "its list does not end")
            cursor = following

    async def close(self) -> None:
        """Close its connections."""
        await self._wire.close()

    def _able(self, address: str | None, key: str) -> str:
        if address is None:
            raise errors.PaymentProviderUnable(
                f"the payment provider {self.name} cannot do this: payments.{self.name}.{key} is "
                "not set"
            )
        return address

    async def _post(self, url: str, idempotency_key: str, body: Mapping[str, Any]) -> Json:
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        return await self._ask("POST", url, headers, msgspec.json.encode(body))

    async def _get(self, url: str, asked: Mapping[str, str]) -> Json:
        joint = "&" if "?" in url else "?"
        return await self._ask("GET", f"{url}{joint}{urlencode(asked)}", {}, None)

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Json:
        signed = {**headers, "Authorization": f"Bearer {self._key}", "User-Agent": "grip"}
        answer = await self._wire.exchange(method, url, signed, body)
        if answer.status not in _OK:
            raise self._no(answer)
        with understood(self.name):
            return json_object(answer.body)

    def _no(self, answer: Answer) -> errors.GripError:
        words = answer.body.decode(errors="replace").replace(self._key, "…")[:_DETAIL_MAX]
        detail = f"{answer.status}: {words}"
        if answer.status in _NO and answer.status not in _TRY_AGAIN:
            return errors.PaymentProviderRefused(
                f"the payment provider {self.name} refused this", detail=detail
            )
        return errors.PaymentProviderUnavailable(
            f"the payment provider {self.name} cannot be used at the moment", detail=detail
        )
