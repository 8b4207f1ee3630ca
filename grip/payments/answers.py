"""Answers of providers that cannot be understood: one error for all of them."""

from collections.abc import Iterator
from contextlib import contextmanager

from grip.errors import PaymentProviderUnavailable
from grip.payments.reading import Unreadable


@contextmanager
def understood(who: str) -> Iterator[None]:
    """Let what is unreadable within become PaymentProviderUnavailable of the provider `who`."""
    try:
        yield
    except Unreadable as error:
        raise garbled(who, str(error)) from None


def garbled(who: str, detail: str) -> PaymentProviderUnavailable:
    """Return the error of an answer that is not what it should be."""
    return PaymentProviderUnavailable(
        f"the payment provider {who} gave an answer that grip does not understand", detail=detail
    )
