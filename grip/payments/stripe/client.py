"""Stripe's library, over grip's own connections, quiet, and with its errors named.

Owns how the library is set up. It speaks through a client of our own, as it provides for: those
that it brings have no bound on an answer, and either no deadline for a whole exchange or errors
that escape as another library's, where a connection breaks half-way through an answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import Any, Final, TypeVar

import stripe

from grip import errors
from grip.payments.reading import Unreadable, child, json_object
from grip.payments.wire import Wire

API_VERSION: Final = "2026-10-28.endive"
"""What requests and answers look like; a test holds that it is the library's own."""

API_BASE: Final = "https://api.stripe.com"

_T = TypeVar("_T")
_FIRST_ERROR: Final = 400
_DETAIL_MAX: Final = 500

# It would write a file into the home directory, and tell which machine this is.
stripe.enable_telemetry = False
# At its lower levels it repeats requests, and with them the customer's address.
logging.getLogger("stripe").setLevel(logging.WARNING)


class Transport(stripe.HTTPClient):
    """The library's client over a `Wire`."""

    name = "httpx2"

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Exchange one request; what is no answer of Stripe's is no answer."""
        body = post_data.encode() if isinstance(post_data, str) else post_data
        try:
            answer = await self._wire.exchange(method.upper(), url, headers, body)
            _check(answer.status, answer.body)
        except (errors.PaymentProviderUnavailable, Unreadable) as error:
            raise _no_answer(str(error)) from error
        # Not `Stripe-Notice`, which the library makes a warning of.
        kept = {key.title(): value for key, value in answer.headers.items()}
        kept.pop("Stripe-Notice", None)
        return answer.body, answer.status, _Headers(kept)

    def sleep_async(self, secs: float) -> Awaitable[None]:
        """Wait between two tries."""
        return asyncio.sleep(secs)

    async def close_async(self) -> None:
        """Close the connections."""
        await self._wire.close()


class _Headers(dict[str, str]):
    """Headers whose names have no case, as far as the library asks for them."""

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and super().__contains__(key.title())

    def __getitem__(self, key: str) -> str:
        return super().__getitem__(key.title())

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key.title(), default)


def connect(secret_key: str, base: str, wire: Wire, *, retries: int) -> stripe.StripeClient:
    """Return the library's client; it tries again with the same idempotency key, or not at all."""
    return stripe.StripeClient(
        secret_key,
        stripe_version=API_VERSION,
        base_addresses={"api": base},
        max_network_retries=retries,
        http_client=Transport(wire),
    )


async def ask(who: str, key: str, call: Awaitable[_T]) -> _T:
    """Return the library's answer; its errors become grip's, without the key."""
    try:
        return await call
    except stripe.StripeError as error:
        raise named(who, key, error) from error


def named(who: str, key: str, error: stripe.StripeError) -> errors.GripError:
    """Return what an error of the library is: a no, or that nobody can tell yet."""
    words = (error.user_message or type(error).__name__).replace(key, "…")[:_DETAIL_MAX]
    detail = f"{words} ({error.code or type(error).__name__}, request {error.request_id or '-'})"
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError | stripe.IdempotencyError):
        return errors.PaymentProviderRefused(
            f"the payment provider {who} refused this", detail=detail
        )
    return errors.PaymentProviderUnavailable(
        f"the payment provider {who} cannot be used at the moment", detail=detail
    )


def _no_answer(detail: str) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(detail, should_retry=True)  # type: ignore[no-untyped-call]


def _check(status: int, body: bytes) -> None:
    """Let only JSON objects through, and errors in the shape in which Stripe tells them."""
    found = json_object(body)
    if status >= _FIRST_ERROR:
        child(found, "error")
