"""What `grip config check` knows, and payment providers that cannot be used."""

from grip import errors
from grip.payments.build import Providers
from grip.services import deployment
from grip.services.context import Context
from grip.services.doctor.finding import Finding, error, unless, warning

_NAME = "configuration"
_PAYMENTS = "payments"


async def check(context: Context) -> list[Finding]:
    """Return what is risky about the configuration itself."""
    found = [_split(risk) for risk in deployment.risks(context)]
    return unless(found, _NAME, "The configuration is right.")


async def payments(context: Context) -> list[Finding]:
    """Return which payment providers cannot be used; their secrets are looked at elsewhere."""
    providers = Providers(context.settings.payments)
    try:
        found = [one for name in providers.names for one in _provider(providers, name)]
    finally:
        await providers.close()
    if not providers.names:
        return unless(found, _PAYMENTS, "Orders are settled by hand: there is no [payments.NAME].")
    return unless(found, _PAYMENTS, "Every payment provider can be used.")


def _provider(providers: Providers, name: str) -> list[Finding]:
    try:
        made = providers.get(name)
    except errors.ConfigurationInvalid as refused:
        return [error(_PAYMENTS, f"{refused.message}.", f"Correct [payments.{name}].")]
    except errors.SecretUnresolved:
        return []
    if made.can_open:
        return []
    return [
        warning(
            _PAYMENTS,
            f"Nothing can be bought through {name}: it has no secret for its webhook.",
            f"Set [payments.{name}] webhook_secret.",
        )
    ]


def _split(risk: str) -> Finding:
    sentence, _, remedy = risk.partition("; ")
    return error(_NAME, f"{sentence}.", f"{remedy[:1].upper()}{remedy[1:]}.")
