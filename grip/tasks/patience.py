"""How long tasks wait for what may never come. Refuses to be configured: a drill alone has less."""

from collections.abc import Mapping
from typing import Final

import msgspec

from grip.providers.task_port import LIFETIMES_S


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever is silent for `lease_s` loses its tasks to others, which renewing keeps it from.

    A submission that was lost sight of is looked for `ambiguous_s`, and a task of a type is given
    up after `lifetimes_s`.
    """

    lease_s: float = 60
    ambiguous_s: float = 900
    lifetimes_s: Mapping[str, int] = msgspec.field(default_factory=lambda: LIFETIMES_S)

    @property
    def lease_us(self) -> int:
        """The lease in microseconds."""
        return round(self.lease_s * 1_000_000)

    @property
    def renew_s(self) -> float:
        """When a lease is renewed: two renewals may fail before it is over."""
        return self.lease_s / 3

    @property
    def ambiguous_us(self) -> int:
        """The search for a submission in microseconds."""
        return round(self.ambiguous_s * 1_000_000)


PATIENCE: Final = Patience()
