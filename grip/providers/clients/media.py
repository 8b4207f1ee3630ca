"""Files inside of requests: what a `data:` URL carries, checked but not decoded."""

import base64
import binascii
from typing import NamedTuple

from grip.providers.clients.members import invalid


class Carried(NamedTuple):
    """What a URL carries itself: its type, and its bytes in base64; the URL where it does not."""

    media_type: str | None
    data: str | None
    url: str | None


def read_url(url: str, param: str) -> Carried:
    """Take a URL apart that came as the member `param`; raises InvalidRequest, naming it."""
    if not url:
        raise invalid(param, "the URL is empty")
    if url[:5].lower() != "data:":
        return Carried(None, None, url)
    head, comma, data = url[5:].partition(",")
    kind, *parameters = head.split(";")
    if not comma or not parameters or parameters[-1].strip().lower() != "base64":
        raise invalid(param, "a data URL must be in base64: data:image/png;base64,…")
    if "/" not in kind:
        raise invalid(param, "a data URL must name its media type: data:image/png;base64,…")
    return Carried(kind.strip().lower(), checked(data, param), None)


def checked(data: str, param: str) -> str:
    """Return `data`, which is base64; raises InvalidRequest, naming `param`, where it is not."""
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise invalid(param, f"the base64 cannot be read: {error}") from None
    if not data:
        raise invalid(param, "there is no data")
    return data


def encoded(text: str) -> str:
    """Return a text as the base64 of its bytes."""
    return base64.b64encode(text.encode()).decode()
