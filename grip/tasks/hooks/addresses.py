"""Where a vendor may call about one submission: an address that nobody else can guess.

What it ends with is random and new for each attempt. It stands in the submission alone; what is
kept of it is a hash.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Final

import msgspec

from grip.providers.task_port import TaskAdapter
from grip.store.tasks import Task

PATH: Final = "/hooks/up/"
"""What the path of every such address begins with; kind of channel, task and token follow."""

_TOKEN_BYTES: Final = 32
_TOKEN: Final = re.compile(r"[\w-]{43}", re.ASCII)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a vendor may call, and the hash of what only it is told."""

    url: str
    token_hash: str


class Addresses:
    """Makes addresses under the gateway's own, `public_url`; none where that is empty."""

    def __init__(self, public_url: str, adapters: Mapping[str, TaskAdapter]) -> None:
        self._public_url = public_url
        self._adapters = adapters

    def new(self, provider: str, task: Task) -> Address | None:
        """Return a fresh address for a submission to `provider`; None where it never calls."""
        if not self._public_url or not self._adapters[provider].facts(task.type).webhook:
            return None
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        url = f"{self._public_url}{PATH}{provider}/{task.id}/{token}"
        return Address(url=url, token_hash=_hash(token))


def leads_to(task: Task, provider: str, token: str) -> bool:
    """Return whether an address of these parts is the one that the task's vendor was told."""
    known = task.webhook_token_hash or ""
    return hmac.compare_digest(_hash(token), known) and task.provider == provider


def is_token(text: str) -> bool:
    """Return whether an address of grip's may end so at all."""
    return _TOKEN.fullmatch(text) is not None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
