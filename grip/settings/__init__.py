"""Configuration: the only reader of files and variables that configure grip.

Owns every key, its default, its documentation and its check, and the resolving of secret
references. Refuses to hold secrets, and to be changed once loaded.
"""

from grip.settings.addresses import Amount
from grip.settings.backup import Backup
from grip.settings.file import locate
from grip.settings.kinds import IPNetwork
from grip.settings.load import load
from grip.settings.places import Place
from grip.settings.process import ENVIRON
from grip.settings.references import secret_references
from grip.settings.results import Results
from grip.settings.secret_references import check_secret_reference, resolve_secret
from grip.settings.sections import (
    DEFAULT_TIERS,
    Callbacks,
    Content,
    Credits,
    Database,
    Legal,
    Log,
    Region,
    Retention,
    Routing,
    Server,
    Tier,
    Upstream,
)
from grip.settings.selling import Checkout, Package, Seller, Tax, TaxRule
from grip.settings.shown import describe, flat, render_example
from grip.settings.whole import Settings

__all__ = [
    "DEFAULT_TIERS",
    "ENVIRON",
    "Amount",
    "Backup",
    "Callbacks",
    "Checkout",
    "Content",
    "Credits",
    "Database",
    "IPNetwork",
    "Legal",
    "Log",
    "Package",
    "Place",
    "Region",
    "Results",
    "Retention",
    "Routing",
    "Seller",
    "Server",
    "Settings",
    "Tax",
    "TaxRule",
    "Tier",
    "Upstream",
    "check_secret_reference",
    "describe",
    "flat",
    "load",
    "locate",
    "render_example",
    "resolve_secret",
    "secret_references",
]
