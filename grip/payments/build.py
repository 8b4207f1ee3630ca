"""From `[payments.NAME]` to the adapter that it asks for, at its first use.

Owns which kinds there are and which keys each of them takes. Refuses nothing at the start of the
process: a table that cannot be used is an error of whoever uses it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import urlsplit

from grip import errors
from grip.payments.port import PaymentProvider
from grip.payments.sandbox import SandboxProvider
from grip.payments.standard import Addresses, StandardProvider
from grip.settings import resolve_secret

_SECRETS: Final = ("webhook_secret", "webhook_secret_old")
_KEYS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "stripe": frozenset({"kind", "secret_key", "api_base", *_SECRETS}),
        "standard": frozenset(
            {
                "kind",
                "checkout_url",
                "refund_url",
                "look_url",
                "charges_url",
                "api_key",
                *_SECRETS,
            }
        ),
        "sandbox": frozenset({"kind", "address", *_SECRETS}),
    }
)
KINDS: Final = tuple(_KEYS)
"""The kinds of providers; a table without `kind` is of the kind that its own name is."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class _Table:
    """One table, read key by key; every complaint names the key."""

    def __init__(self, name: str, table: Mapping[str, str], resolve: Callable[[str], str]) -> None:
        self.name = name
        self._table = table
        self._resolve = resolve

    def kind(self) -> str:
        """Return its kind, once all of its keys are known to it."""
        kind = self._table.get("kind", self.name)
        known = _KEYS.get(kind)
        if known is None:
            raise self._invalid("kind", f"is none of {', '.join(KINDS)}")
        for key in self._table:
            if key not in known:
                raise self._invalid(key, f"is no key of the kind {kind}")
        return kind

    def secret(self, key: str) -> str:
        """Return a secret's value."""
        reference = self._table.get(key)
        if reference is None:
            raise self._invalid(key, "is missing")
        return self._resolve(reference)

    def secrets(self) -> tuple[str, ...]:
        """Return the webhook's secrets, the newest first; none where none is set."""
        return tuple(self.secret(key) for key in _SECRETS if key in self._table)

    def link(self, key: str) -> str:
        """Return an address that has to be there."""
        found = self.maybe_link(key)
        if found is None:
            raise self._invalid(key, "is missing")
        return found

    def maybe_link(self, key: str) -> str | None:
        """Return an address: of https, or of this machine."""
        found = self._table.get(key)
        if found is None:
            return None
        parts = _split(found)
        is_safe = parts is not None and (
            parts[0] == "https" or (parts[0] == "http" and parts[1] in _LOOPBACK)
        )
        if not is_safe:
            raise self._invalid(key, "must be an address that starts with https://")
        return found

    def text(self, key: str, default: str) -> str:
        """Return a text, or its default."""
        return self._table.get(key, default)

    def _invalid(self, key: str, what: str) -> errors.ConfigurationInvalid:
        where = f"payments.{self.name}.{key}"
        return errors.ConfigurationInvalid(f"{where}: {what}", param=where)


class _Make(Protocol):
    def __call__(self, table: _Table, address: str) -> PaymentProvider: ...


class Providers:
    """The providers of a configuration by name. `address` is grip's own, for the sandbox's page."""

    def __init__(
        self,
        tables: Mapping[str, Mapping[str, str]],
        *,
        address: str = "",
        resolve: Callable[[str], str] = resolve_secret,
    ) -> None:
        self._tables = tables
        self._address = address
        self._resolve = resolve
        self._made: dict[str, PaymentProvider] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names in the configuration's order, whether they can be used or not."""
        return tuple(self._tables)

    def get(self, name: str) -> PaymentProvider:
        """Return a provider, made once.

        Raises PaymentProviderUnknown, ConfigurationInvalid where its table cannot be used, and
        SecretUnresolved.
        """
        made = self._made.get(name)
        if made is not None:
            return made
        table = self._tables.get(name)
        if table is None:
            raise errors.PaymentProviderUnknown(f"there is no payment provider {name!r}")
        read = _Table(name, table, self._resolve)
        return self._made.setdefault(name, _MAKERS[read.kind()](read, self._address))

    def usable(self, name: str) -> PaymentProvider:
        """Return a provider for strangers, who must not hear why its table cannot be used.

        Raises PaymentProviderUnknown, and WebhookUnavailable whose detail is for the operator.
        """
        try:
            return self.get(name)
        except (errors.ConfigurationInvalid, errors.SecretUnresolved) as error:
            raise errors.WebhookUnavailable(
                "this payment provider cannot be used at the moment: tell the operator",
                detail=str(error),
            ) from error

    async def close(self) -> None:
        """Close the connections of all that were made."""
        made, self._made = self._made, {}
        for provider in made.values():
            await provider.close()


def _stripe(table: _Table, address: str) -> PaymentProvider:  # noqa: ARG001 - a maker's
    # Thirty megabytes and a quarter of a second, for those who sell through Stripe.
    from grip.payments.stripe.adapter import StripeProvider  # noqa: PLC0415
    from grip.payments.stripe.client import API_BASE  # noqa: PLC0415

    return StripeProvider(
        table.name,
        secret_key=table.secret("secret_key"),
        webhook_secrets=table.secrets(),
        api_base=table.maybe_link("api_base") or API_BASE,
    )


def _standard(table: _Table, address: str) -> PaymentProvider:  # noqa: ARG001 - a maker's
    return StandardProvider(
        table.name,
        addresses=Addresses(
            checkout=table.link("checkout_url"),
            refund=table.maybe_link("refund_url"),
            look=table.maybe_link("look_url"),
            charges=table.maybe_link("charges_url"),
        ),
        api_key=table.secret("api_key"),
        webhook_secrets=table.secrets(),
    )


def _sandbox(table: _Table, address: str) -> PaymentProvider:
    return SandboxProvider(
        table.name,
        address=table.text("address", address),
        webhook_secrets=table.secrets(),
    )


_MAKERS: Final[Mapping[str, _Make]] = MappingProxyType(
    {"stripe": _stripe, "standard": _standard, "sandbox": _sandbox}
)


def _split(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return (parts.scheme, host) if host and "@" not in parts.netloc else None
