"""A provider without a network or money: grip serves its page, and sends itself its webhooks.

Owns the token in the page's address, and the events that its buttons make, signed with Standard
Webhooks and in the wire of `bridge_wire`. Keeps no books: what happened is what was told. Refuses
to make anything without a secret, since whoever could would have credits for nothing.
"""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from grip import errors
from grip.money.payments import SUCCEEDED, Refund
from grip.payments import bridge_wire
from grip.payments.port import Charge, Opened, Purchase, Seen, Told
from grip.payments.reading import Unreadable
from grip.payments.signatures import check_standard, key_of, sign_standard

OUTCOMES: Final = (
    "payment.paid",
    "payment.failed",
    "payment.canceled",
    "payment.expired",
    "dispute.opened",
    "dispute.withdrawn",
    "dispute.reinstated",
)
"""What a page can make happen, in the order of its buttons."""

PATH: Final = "/sandbox/checkout/"
"""Where grip serves the page; the token follows."""

_PURPOSE: Final = b"grip sandbox page\n"
_TOKEN_MAX: Final = 8192


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on a page: its session, and where its buttons lead back to."""

    order_id: str
    session_id: str
    currency: str
    gross_minor: int
    description: str
    success_url: str
    cancel_url: str
    expires_us: int

    @property
    def session_ref(self) -> str:
        """Return the sandbox's name of the session."""
        return f"sbx_{self.session_id}"

    @property
    def payment_ref(self) -> str:
        """Return the sandbox's name of its payment."""
        return f"sbx_pay_{self.session_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A webhook as it arrives: the raw body, and its headers."""

    raw: bytes
    headers: Mapping[str, str]


class SandboxProvider:
    """A `PaymentProvider` for trying it out. `address` is grip's own, without a path."""

    def __init__(self, name: str, *, address: str, webhook_secrets: Sequence[str]) -> None:
        self.name = name
        self._address = address.rstrip("/")
        self._secrets = tuple(secret for secret in webhook_secrets if secret.strip())
        for secret in self._secrets:
            key_of(secret)

    @property
    def can_open(self) -> bool:
        """Tell whether there is a secret to sign and to check with."""
        return bool(self._secrets)

    async def open(self, purchase: Purchase) -> Opened:
        """Return the address of the page, all of which is in its token."""
        page = Page(
            order_id=purchase.order_id,
            session_id=purchase.session_id,
            currency=purchase.currency,
            gross_minor=purchase.gross_minor,
            description=purchase.description,
            success_url=purchase.success_url,
            cancel_url=purchase.cancel_url,
            expires_us=purchase.expires_us,
        )
        token = token_of(page, self._secret())
        return Opened(
            ref=page.session_ref,
            url=f"{self._address}{PATH}{token}",
            expires_us=purchase.expires_us,
        )

    def page(self, token: str) -> Page:
        """Return the page of a token, expired or not; raises NotFound for one that is not ours."""
        for secret in self._secrets:
            found = _page(token, secret)
            if found is not None:
                return found
        raise errors.NotFound("there is no such checkout page; begin the checkout again")

    def outcome(self, page: Page, kind: str, now_us: int) -> Notice:
        """Return the webhook of a button, one of `OUTCOMES`; pressed twice, it is the same event.

        A page that has expired takes no payment: raises Conflict.
        """
        if kind not in OUTCOMES:
            raise errors.InvalidRequest(f"{kind!r} is none of {', '.join(OUTCOMES)}", param="kind")
        if kind == "payment.paid" and now_us >= page.expires_us:
            raise errors.Conflict("this checkout page has expired; begin the checkout again")
        data = {
            "order_id": page.order_id,
            "session_id": page.session_id,
            "checkout_id": page.session_ref,
            "payment_id": page.payment_ref,
            "amount_minor": page.gross_minor,
            "currency": page.currency,
        }
        if kind.startswith("dispute."):
            data["dispute_id"] = f"sbx_dp_{page.session_id}"
        return self._notice(kind, data, f"{page.session_id}_{kind}", now_us)

    def refund_notice(
        self, refund_id: str, payment_ref: str, amount_minor: int, state: str, now_us: int
    ) -> Notice:
        """Return the webhook of a refund that comes to `state`: a late failure, for one."""
        data = {
            "id": f"sbx_re_{refund_id}",
            "refund_id": refund_id,
            "payment_id": payment_ref,
            "amount_minor": amount_minor,
        }
        return self._notice(f"refund.{state}", data, f"{refund_id}_{state}", now_us)

    async def look(self, order_id: str, session_ref: str | None) -> Seen:  # noqa: ARG002 - the port's
        """Know nothing: what happened on the page was told at once."""
        return Seen(session_ref=session_ref, payment_ref=None, facts=())

    async def refund(
        self,
        refund_id: str,
        payment_ref: str,  # noqa: ARG002 - the port's
        amount_minor: int,
        currency: str,  # noqa: ARG002 - the port's
        reason: str,  # noqa: ARG002 - the port's
    ) -> Refund:
        """Give back what was never taken, at once."""
        return Refund(ref=f"sbx_re_{refund_id}", amount_minor=amount_minor, state=SUCCEEDED)

    def read(self, raw: bytes, headers: Mapping[str, str], now_us: int) -> Told:
        """Check the signature over the raw bytes, then read the event."""
        event_id = check_standard(raw, headers, self._secrets, now_us)
        try:
            return bridge_wire.told(raw, event_id)
        except Unreadable as error:
            raise errors.WebhookRefused(f"it cannot be read: {error}") from None

    def charges(self, from_us: int, to_us: int) -> AsyncIterator[Charge]:  # noqa: ARG002 - the port's
        """Refuse: the sandbox keeps no books."""
        raise errors.PaymentProviderUnable(
            f"the payment provider {self.name} is a sandbox, which keeps no books to reconcile with"
        )

    async def close(self) -> None:
        """Do nothing: there are no connections."""

    def _secret(self) -> str:
        if not self._secrets:
            raise errors.WebhookUnavailable(
                f"checkout is not possible: payments.{self.name}.webhook_secret is not set"
            )
        return self._secrets[0]

    def _notice(self, kind: str, data: Mapping[str, object], event: str, now_us: int) -> Notice:
        raw = msgspec.json.encode(bridge_wire.event_body(kind, now_us, data))
        headers = sign_standard(self._secret(), f"sbx_evt_{event}", now_us // 1_000_000, raw)
        return Notice(raw=raw, headers=headers)


def token_of(page: Page, secret: str) -> str:
    """Return a page as a word for an address, signed."""
    body = _plain(msgspec.json.encode(page))
    return f"{body}.{_mac(body, secret)}"


def _page(token: str, secret: str) -> Page | None:
    """Return the page that a token carries where `secret` has signed it."""
    body, _, mac = token.partition(".")
    if not token.isascii() or len(token) > _TOKEN_MAX:
        return None
    if not hmac.compare_digest(mac, _mac(body, secret)):
        return None
    padded = body + "=" * (-len(body) % 4)
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Page)
    except msgspec.MsgspecError:
        return None  # of another version of grip


def _mac(body: str, secret: str) -> str:
    # Another purpose than webhooks, so that neither can be made to stand for the other.
    return _plain(hmac.digest(key_of(secret), _PURPOSE + body.encode(), hashlib.sha256))


def _plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
