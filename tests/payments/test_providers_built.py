"""From the configuration to adapters, and what is wrong with a table."""

import base64
import subprocess
import sys
from collections.abc import Mapping

import pytest

from grip import errors
from grip.payments.build import KINDS, Providers
from grip.payments.sandbox import SandboxProvider
from grip.payments.standard import StandardProvider
from grip.payments.stripe.adapter import StripeProvider
from grip.settings import resolve_secret

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
ENVIRON = {"KEY": "sk_test_1", "HOOK": SECRET, "EMPTY": ""}
STRIPE = {"secret_key": "env:KEY", "webhook_secret": "env:HOOK"}
STANDARD = {
    "kind": "standard",
    "checkout_url": "https://bridge.example.com/checkout",
    "api_key": "env:KEY",
    "webhook_secret": "env:HOOK",
}


def built(tables: Mapping[str, Mapping[str, str]]) -> Providers:
    """Return the providers of a configuration whose secrets are in ENVIRON."""
    return Providers(
        tables,
        address="https://grip.example.com",
        resolve=lambda reference: resolve_secret(reference, ENVIRON),
    )


async def test_a_table_is_of_its_kind_or_of_its_name():
    """Several of one kind have names of their own."""
    hook = {"webhook_secret": "env:HOOK"}
    providers = built(
        {
            "stripe": STRIPE,
            "stripe_japan": STRIPE | {"kind": "stripe", "webhook_secret_old": "env:HOOK"},
            "bank": STANDARD,
            "sandbox": hook,
        }
    )
    kinds = {name: type(providers.get(name)) for name in providers.names}

    assert kinds == {
        "stripe": StripeProvider,
        "stripe_japan": StripeProvider,
        "bank": StandardProvider,
        "sandbox": SandboxProvider,
    }
    assert all(providers.get(name).can_open for name in providers.names)
    assert all(providers.get(name).name == name for name in providers.names)
    assert providers.get("bank") is providers.get("bank")
    await providers.close()


def test_an_unknown_provider_is_not_found():
    """As its webhook's route says it."""
    with pytest.raises(errors.PaymentProviderUnknown):
        built({}).get("stripe")


@pytest.mark.parametrize("name", KINDS)
def test_without_a_webhook_secret_a_provider_opens_nothing(name: str):
    """It is there all the same: refunds and reconciling need no webhook."""
    table = {"stripe": STRIPE, "standard": STANDARD, "sandbox": {"webhook_secret": "env:HOOK"}}[
        name
    ]
    bare = {key: value for key, value in table.items() if key != "webhook_secret"}
    assert not built({name: bare}).get(name).can_open


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"kind": "paypal"}, "kind"),
        ({}, "kind"),
        ({"kind": "stripe"}, "secret_key"),
        ({"kind": "stripe", **STRIPE, "webhook_secert": "env:HOOK"}, "webhook_secert"),
        ({"kind": "stripe", **STRIPE, "api_base": "http://stripe.example.com"}, "api_base"),
        ({"kind": "stripe", **STRIPE, "api_base": "https://me@stripe.example.com"}, "api_base"),
        ({"kind": "stripe", **STRIPE, "api_base": "https://[::1"}, "api_base"),
        (STANDARD | {"checkout_url": "ftp://bridge.example.com"}, "checkout_url"),
        ({"kind": "standard", "api_key": "env:KEY"}, "checkout_url"),
        ({key: value for key, value in STANDARD.items() if key != "api_key"}, "api_key"),
    ],
)
def test_a_table_that_cannot_be_used_names_its_key(table: Mapping[str, str], key: str):
    """When it is used, not when grip starts."""
    providers = built({"shop": table})
    with pytest.raises(errors.ConfigurationInvalid) as caught:
        providers.get("shop")
    assert caught.value.param == f"payments.shop.{key}"


@pytest.mark.parametrize("key", ["secret_key", "webhook_secret", "webhook_secret_old"])
@pytest.mark.parametrize("reference", ["env:NOT_THERE", "env:EMPTY"])
def test_a_secret_that_is_not_there_is_named(key: str, reference: str):
    """An empty one is none."""
    with pytest.raises(errors.SecretUnresolved, match=reference.partition(":")[2]):
        built({"stripe": STRIPE | {key: reference}}).get("stripe")


def test_a_webhook_secret_of_another_form_is_named():
    """Standard Webhooks has a form for them, and Stripe takes any."""
    with pytest.raises(errors.WebhookUnavailable):
        built({"bank": STANDARD | {"webhook_secret": "env:KEY"}}).get("bank")
    assert built({"stripe": STRIPE | {"webhook_secret": "env:KEY"}}).get("stripe").can_open


def test_a_server_of_this_machine_needs_no_tls():
    """For tests, and for a bridge beside grip."""
    for host in ("127.0.0.1:9", "localhost", "[::1]:9"):
        assert built({"stripe": STRIPE | {"api_base": f"http://{host}"}}).get("stripe").can_open


def test_stripes_library_is_loaded_by_those_who_use_it():
    """It takes 30 MB of memory in each worker."""
    said = subprocess.run(
        [sys.executable, "-c", "import sys, grip.payments.build; print('stripe' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "False\n"
