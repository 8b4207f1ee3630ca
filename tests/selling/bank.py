"""A payment provider in the test's own process: it does as it is told, and counts its calls."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping

from grip import errors
from grip.money.payments import PENDING, Fact, Refund
from grip.payments.build import Providers
from grip.payments.port import Charge, Opened, PaymentProvider, Purchase, Seen, Told

POSTED: dict[bytes, Told] = {}
"""What the bytes of each webhook say."""


def post(told: Told) -> bytes:
    """Return the bytes of a webhook that says this."""
    raw = repr(told).encode()
    POSTED[raw] = told
    return raw


class Shelf(Providers):
    """The providers of a test, by their names."""

    def __init__(self, *banks: "Bank") -> None:
        super().__init__({bank.name: {} for bank in banks})
        self._banks = {bank.name: bank for bank in banks}

    def get(self, name: str) -> PaymentProvider:
        """Return a bank; raises PaymentProviderUnknown."""
        if name not in self._banks:
            raise errors.PaymentProviderUnknown(f"there is no payment provider {name!r}")
        return self._banks[name]


class Bank:
    """A provider: `asked` counts calls, `away` makes it fail, before or after it has done them."""

    can_open = True

    def __init__(self, name: str = "stripe") -> None:
        self.name = name
        self.asked: Counter[str] = Counter()
        self.away = ""
        self.refund_state = PENDING
        self.books: list[Charge] = []
        self.refunds: dict[str, Refund] = {}
        self.sessions: dict[str, Opened] = {}
        self.seen: dict[str, tuple[Fact, ...]] = {}

    async def open(self, purchase: Purchase) -> Opened:
        """Open a session; the same purchase is the same session."""
        self._count("open", "before")
        made = Opened(
            ref=f"cs_{purchase.session_id}",
            url=f"https://pay.example/{purchase.session_id}",
            expires_us=purchase.expires_us,
        )
        self.sessions.setdefault(purchase.session_id, made)
        self._count("", "after")
        return self.sessions[purchase.session_id]

    async def look(self, order_id: str, session_ref: str | None) -> Seen:
        """Return what it knows of an order."""
        self._count("look", "before")
        return Seen(session_ref=session_ref, payment_ref=None, facts=self.seen.get(order_id, ()))

    async def refund(
        self, refund_id: str, payment_ref: str, amount_minor: int, currency: str, reason: str
    ) -> Refund:
        """Give money back, once for each id."""
        assert payment_ref
        assert (currency, bool(reason)) == ("USD", True)
        self._count("refund", "before")
        made = Refund(ref=f"re_{refund_id}", amount_minor=amount_minor, state=self.refund_state)
        self.refunds.setdefault(refund_id, made)
        self._count("", "after")
        return self.refunds[refund_id]

    def read(self, raw: bytes, headers: Mapping[str, str], now_us: int) -> Told:
        """Return what was posted under these bytes, where the header says that it is signed."""
        assert now_us
        if headers.get("signature") != "good":
            raise errors.WebhookRefused("the signature does not hold")
        return POSTED[raw]

    async def charges(self, from_us: int, to_us: int) -> AsyncIterator[Charge]:
        """Yield its books."""
        for charge in self.books:
            if from_us <= charge.created_us < to_us:
                yield charge

    async def close(self) -> None:
        """Hold nothing open."""

    def _count(self, name: str, when: str) -> None:
        if name:
            self.asked[name] += 1
        if self.away == when:
            raise errors.PaymentProviderUnavailable("the provider is away; try again later")
