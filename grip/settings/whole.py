"""The whole configuration: which tables there are, in their order, and what each is about.

Owns `Settings`. Refuses to know the keys of a table: those are in `sections.py` and beside it.
"""

# ruff: noqa: RUF009  # section() returns dataclasses.field(), which Ruff cannot see

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from grip.settings.backup import Backup
from grip.settings.payment_keys import payment_kind
from grip.settings.results import Results
from grip.settings.schema import Section, free_section, named_sections, section
from grip.settings.sections import (
    DEFAULT_TIERS,
    Callbacks,
    Content,
    Credits,
    Database,
    Health,
    Legal,
    Log,
    Region,
    Retention,
    Routing,
    Server,
    Streams,
    Tier,
    Traces,
    Upstream,
)
from grip.settings.selling import (
    DEFAULT_PACKAGES,
    DEFAULT_RATES,
    Checkout,
    Package,
    Seller,
    Tax,
    TaxRule,
)
from grip.settings.selling_kinds import exchange_kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration, checked; immutable, and safe to share between workers."""

    server: Server = section(Server, "How this node listens.")
    database: Database = section(Database, "Where the books are kept.")
    credits: Credits = section(Credits, "Credits that are given, not sold.")
    tiers: Mapping[str, Tier] = named_sections(
        DEFAULT_TIERS,
        Section(
            doc="The tiers of wallets. A table here changes only the keys it names of the default "
            "tier of that name; another name adds a tier, whose absent limits mean no limit.",
            shape=Tier,
        ),
    )
    content: Content = section(Content, "What is kept of requests and answers.")
    retention: Retention = section(Retention, "How long is kept what no money rests on.")
    backup: Backup = section(Backup, "Backups that `grip maintenance` makes by itself.")
    routing: Routing = section(Routing, "How hard a request tries.")
    health: Health = section(Health, "How sick channels are found to be well again.")
    upstream: Upstream = section(
        Upstream, "Timeouts of channels that set none of their own, in seconds."
    )
    streams: Streams = section(Streams, "Answers that flow.")
    callbacks: Callbacks = section(Callbacks, "Deliveries to the callback_url of a task.")
    results: Results = section(Results, "What tasks make: pictures, films and sounds.")
    payments: Mapping[str, Mapping[str, str]] = named_sections(
        MappingProxyType({}),
        Section(
            doc="Payment providers, one table each, every value a string. Keys that hold secrets "
            "(…secret…, …token, …password, …key) are references.",
            free=payment_kind,
            sample={
                "stripe": {
                    "secret_key": "cred:grip_stripe",
                    "webhook_secret": "cred:grip_stripe-webhook",
                }
            },
        ),
    )
    legal: Legal = section(Legal, "The terms that a purchase refers to.")
    seller: Seller = section(
        Seller, "Who sells: it stands on every invoice. Leave it empty, and nothing is sold."
    )
    tax: Tax = section(Tax, "How far customers' words about tax are believed.")
    taxes: Mapping[str, TaxRule] = named_sections(
        MappingProxyType({}),
        Section(
            doc="The tax that you collect, one table for each rate and place, and only for places "
            "where you are registered. When a rate changes, the old table gets a last_day, and "
            "another one begins the day after.",
            shape=TaxRule,
            sample={"de": {"country": "DE", "rate": "19"}},
        ),
    )
    packages: Mapping[str, Package] = named_sections(
        DEFAULT_PACKAGES,
        Section(
            doc="What is sold. A table here changes only the keys it names of the default package "
            "of that name; another name adds a package.",
            shape=Package,
        ),
    )
    checkout: Checkout = section(Checkout, "Amounts that customers choose themselves.")
    exchange: Mapping[str, str] = free_section(
        DEFAULT_RATES,
        Section(
            doc="What one unit of a currency is worth in US dollars, as exact text; keep it up to "
            "date. It says how many credits a chosen amount buys, and compares payments with the "
            "recharge_over of tiers. Each order keeps the rate that it was made at.",
            free=exchange_kind,
        ),
    )
    regions: Mapping[str, Region] = named_sections(
        MappingProxyType({}),
        Section(
            doc="The regions that GET /v1/regions lists, one table each.",
            shape=Region,
            sample={"cn-shanghai": {"endpoint": "https://cn-shanghai.example.com"}},
        ),
    )
    traces: Traces = section(Traces, "Where the traces of calls go, by OpenTelemetry.")
    log: Log = section(Log, "What the process writes to standard error.")
