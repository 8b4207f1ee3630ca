"""What a channel may be: every rule on its values that needs no other row.

Refuses to read the secret that a reference leads to.
"""

import dataclasses
from urllib.parse import SplitResult, parse_qsl, urlsplit

from grip import settings
from grip.errors import SecretUnresolved
from grip.providers.kinds import KINDS, Kind
from grip.providers.openai import azure
from grip.providers.task_spelling import spelling
from grip.services.catalog_checks import (
    check_groups,
    check_known,
    check_list,
    check_name,
    refused,
)
from grip.store.records import Channel

_WEIGHT_MAX = 1_000_000
_PRIORITY_MAX = 1_000_000
_TIMEOUT_MAX_MS = 86_400_000
_ID_PREFIX = "ch_"
_VERSION = "api-version"
_SPELT = frozenset({"fal", "replicate"})
"""The kinds whose models spell grip's words each in its own way."""


def check_kind(kind: str) -> Kind:
    """Return what is known of a kind; raises InvalidRequest where there is none of that name."""
    check_known([kind], KINDS, "kind")
    return KINDS[kind]


def check(channel: Channel) -> Channel:
    """Return the channel, its address without a slash at its end; raises InvalidRequest."""
    kind = check_kind(channel.kind)
    check_name(channel.name, "name")
    if channel.name.startswith(_ID_PREFIX):
        raise refused("name", f"{channel.name!r} looks like an id; leave {_ID_PREFIX} out")
    check_groups(channel.groups)
    check_list(channel.types, "types")
    check_known(channel.types, kind.types, "types")
    for model, upstream in channel.model_map.items():
        check_name(model, "map")
        check_name(upstream, "map")
        if channel.kind in _SPELT:
            _check_spelling(upstream)
    _check_numbers(channel)
    _check_timeouts(channel)
    _check_upstream(channel, kind)
    return dataclasses.replace(channel, base_url=channel.base_url.rstrip("/"))


def _check_spelling(upstream: str) -> None:
    try:
        spelling(upstream, ())
    except ValueError as error:
        raise refused("map", str(error)) from None


def _check_numbers(channel: Channel) -> None:
    if not 1 <= channel.weight <= _WEIGHT_MAX:
        raise refused("weight", f"{channel.weight} is not from 1 to {_WEIGHT_MAX}")
    if abs(channel.priority) > _PRIORITY_MAX:
        raise refused("priority", f"{channel.priority} is not within {_PRIORITY_MAX} of 0")
    if channel.region:
        check_name(channel.region, "region")


def _check_timeouts(channel: Channel) -> None:
    timeouts = {
        "connect-timeout": channel.connect_timeout_ms,
        "first-byte-timeout": channel.first_byte_timeout_ms,
        "chunk-timeout": channel.chunk_timeout_ms,
        "total-timeout": channel.total_timeout_ms,
    }
    for param, timeout_ms in timeouts.items():
        if timeout_ms is not None and not 0 < timeout_ms <= _TIMEOUT_MAX_MS:
            raise refused(param, "is above 0 and at most 86400 seconds")


def _check_upstream(channel: Channel, kind: Kind) -> None:
    if not kind.has_upstream:
        if channel.base_url or channel.secret:
            raise refused(
                "base-url" if channel.base_url else "secret",
                f"a channel of the kind {channel.kind} calls nobody; leave it out",
            )
        return
    _check_address(channel.base_url)
    if channel.kind == "azure":
        _check_azure(channel.base_url)
    elif "?" in channel.base_url:
        raise refused("base-url", "it ends with its path, without ?")
    if channel.secret is not None:
        _check_secret(channel.secret)


def _check_secret(reference: str) -> None:
    try:
        settings.check_secret_reference(reference)
    except SecretUnresolved as error:
        raise refused("secret", error.message) from None


def _check_address(address: str) -> None:
    parts = _split(address)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        # Unrepeated: what was typed may hold a password.
        raise refused("base-url", "it is an address that starts with https:// or http://")
    if "@" in parts.netloc:
        raise refused("base-url", "it holds no user name or password; see --secret")
    if "#" in address:
        raise refused("base-url", "it ends without #")


def _check_azure(address: str) -> None:
    try:
        azure.address(address)
    except ValueError as error:
        raise refused("base-url", str(error)) from None
    # Unrepeated: what else stands there is most often a key, and addresses are shown to anybody.
    if any(name != _VERSION for name, _ in parse_qsl(urlsplit(address).query, True)):
        raise refused("base-url", f"it asks for {_VERSION} alone after its ?; see --secret")


def _split(address: str) -> SplitResult | None:
    if not address.isprintable() or any(letter.isspace() for letter in address):
        return None
    try:
        parts = urlsplit(address)
        # Read for its check alone: the parser complains about a port only when asked for it.
        _ = parts.port
    except ValueError:
        return None
    return parts
