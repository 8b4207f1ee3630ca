"""Reading a request off ASGI: the key, the caller's address, and the body within its bounds."""

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from litestar.types import Receive, Scope

from grip import errors
from grip.ids import key_hash
from grip.settings import IPNetwork

_BEARER: Final = b"bearer "
_FORWARDED: Final = b"x-forwarded-for"
_IDEMPOTENCY_KEY: Final = re.compile(rb"[\x21-\x7e]{1,255}")


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first header of this name, None where there is none."""
    for found, value in scope["headers"]:
        if found == name:
            return value
    return None


def bearer_hash(scope: Scope) -> str:
    """Return the hash of the API key in `Authorization`; raises InvalidApiKey."""
    value = header(scope, b"authorization") or b""
    if value[: len(_BEARER)].lower() != _BEARER or not value[len(_BEARER) :].strip():
        raise errors.InvalidApiKey(
            "no API key was sent; put it into the header: Authorization: Bearer sk-grip-…"
        )
    return key_hash(value[len(_BEARER) :].strip().decode("latin-1"))


def client_hash(scope: Scope) -> str:
    """Return the hash of the API key in `x-api-key`, or in `Authorization`; raises InvalidApiKey.

    Where both are sent, `x-api-key` counts, as with Anthropic's own API.
    """
    value = (header(scope, b"x-api-key") or b"").strip()
    if value:
        return key_hash(value.decode("latin-1"))
    if header(scope, b"authorization") is None:
        raise errors.InvalidApiKey(
            "no API key was sent; put it into the header: x-api-key: sk-grip-…"
        )
    return bearer_hash(scope)


def passed(scope: Scope, names: Collection[bytes]) -> tuple[tuple[str, str], ...]:
    """Return the client's headers of these names, which go along to an upstream."""
    return tuple(
        (name.decode(), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name in names
    )


def idempotency_key(scope: Scope) -> str | None:
    """Return the client's Idempotency-Key, None where it sent none; raises InvalidRequest."""
    values = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    if not values:
        return None
    key = values[0].strip()
    if len(values) > 1 or not _IDEMPOTENCY_KEY.fullmatch(key):
        raise errors.InvalidRequest(
            "Idempotency-Key: send one, of 1 to 255 visible ASCII characters",
            param="Idempotency-Key",
        )
    return key.decode()


def client_ip(scope: Scope, trusted: Sequence[IPNetwork]) -> str:
    """Return the caller's address.

    `X-Forwarded-For` is read from its end, past trusted proxies only: what stands before the
    first address that is not trusted, anybody could have written. Several lines are one: a proxy
    may add its own behind that of its client.
    """
    client: Any = scope.get("client")
    peer = str(client[0]) if client else ""
    if not trusted or not _is_trusted(peer, trusted):
        return peer
    forwarded = b",".join(value for name, value in scope["headers"] if name == _FORWARDED)
    for hop in reversed(forwarded.decode("latin-1").split(",")):
        address = hop.strip()
        if not _is_address(address):
            return peer
        peer = address
        if not _is_trusted(address, trusted):
            break
    return peer


async def read_body(scope: Scope, receive: Receive, max_bytes: int) -> bytes:
    """Return the whole body; raises RequestTooLarge or InvalidRequest.

    The server closes the connection of a client that takes too long to send it.
    """
    check_length(scope, max_bytes)
    message: Any = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return _bounded(body, max_bytes, message)
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_bytes:
            raise _too_large(max_bytes)
    return _bounded(b"".join(parts), max_bytes, message)


def check_length(scope: Scope, max_bytes: int) -> None:
    """Raise RequestTooLarge where the body is announced to be larger."""
    announced = header(scope, b"content-length") or b"0"
    if announced.isdigit() and int(announced) > max_bytes:
        raise _too_large(max_bytes)


def _bounded(body: bytes, max_bytes: int, last: Any) -> bytes:
    if last["type"] == "http.disconnect":
        raise errors.InvalidRequest("the client left before its body was complete")
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


def _too_large(max_bytes: int) -> errors.RequestTooLarge:
    return errors.RequestTooLarge(f"the body is over the limit of {max_bytes} bytes")


def _is_address(text: str) -> bool:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    # A zone means something on one machine only, and may be any text.
    return getattr(found, "scope_id", None) is None


def _is_trusted(address: str, trusted: Iterable[IPNetwork]) -> bool:
    return _is_address(address) and any(
        ipaddress.ip_address(address) in network for network in trusted
    )
