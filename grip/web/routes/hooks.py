"""`/hooks/up/{kind}/{task}/{token}`: where vendors call about tasks, without a key of grip's.

A bare ASGI handler: the address is judged before the body is read, and the signature is over the
body's very bytes. No part of the API that customers use.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from litestar.types import ASGIApp, Receive

from grip import errors
from grip.tasks.hooks.addresses import PATH
from grip.tasks.hooks.reception import Reception, refused
from grip.web import calls
from grip.web.calls import MAX_BODY_BYTES, headers_of
from grip.web.request import check_length, read_body

_PARTS: Final = re.compile(r"([^/]{1,40})/([^/]{1,100})/([^/]{1,100})")


def is_hook(path: str) -> bool:
    """Return whether a path is one where vendors call."""
    return path.startswith(PATH)


def handler(reception: Reception, new_id: Callable[[str], str]) -> ASGIApp:
    """Return the handler of all these calls."""
    return calls.handler(partial(_take, reception), new_id)


async def _take(reception: Reception, scope: Any, receive: Receive) -> None:
    if scope["method"] != "POST":
        raise errors.MethodNotAllowed("a vendor's call is a POST")
    check_length(scope, MAX_BODY_BYTES)
    parts = _PARTS.fullmatch(scope["path"].removeprefix(PATH))
    if parts is None:
        raise refused()
    async with reception.expected(*parts.groups()) as task:
        raw = await read_body(scope, receive, MAX_BODY_BYTES)
        await reception.take(task, raw, headers_of(scope))
