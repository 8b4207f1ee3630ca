"""Whether the upstreams of channels can be reached: a connection, TLS included, and no request."""

import asyncio
import contextlib
import ssl
from typing import Final
from urllib.parse import urlsplit

from grip.services.context import Context
from grip.services.doctor.finding import Finding, error, unless
from grip.store import channels
from grip.store.records import Channel

_NAME: Final = "reach"
_TIMEOUT_S: Final = 5.0
_PORTS: Final = {"http": 80, "https": 443}


async def check(context: Context) -> list[Finding]:
    """Return the enabled channels whose addresses cannot be reached from here."""
    async with context.database.read() as connection:
        known = await channels.load(connection)
    wanted = [channel for channel in known if channel.enabled and channel.base_url]
    told = await asyncio.gather(*(_trouble(channel.base_url) for channel in wanted))
    found = [_finding(channel, why) for channel, why in zip(wanted, told, strict=True) if why]
    return unless(found, _NAME, "The address of every channel can be reached.")


async def _trouble(address: str) -> str:
    """Return why an address cannot be reached, nothing where it can."""
    parts = urlsplit(address)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or _PORTS[parts.scheme], ssl=tls
            )
            writer.close()
            # Whoever hangs up first on TLS has said all the same that it is there.
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    except TimeoutError:
        return f"nobody answered within {_TIMEOUT_S:.0f} s"
    except ssl.SSLError as failed:
        return f"TLS failed: {getattr(failed, 'verify_message', '') or failed.reason or failed}"
    except OSError as failed:
        return failed.strerror or str(failed)
    except UnicodeError:
        return f"{parts.hostname} is no name that a machine can have"
    return ""


def _finding(channel: Channel, why: str) -> Finding:
    return error(
        _NAME,
        f"{channel.name} cannot be reached at {channel.base_url}: {why}.",
        "See to its address (grip channels set), to the network, or disable it.",
    )
