"""What every use case is handed: the books, the configuration, the clock and the ids."""

from dataclasses import dataclass

from grip.clock import Clock
from grip.ids import IdSource
from grip.settings import Settings
from grip.store.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The surroundings of a use case; tests hand in their own clock."""

    database: Database
    settings: Settings
    clock: Clock
    ids: IdSource

    def new_id(self, prefix: str) -> str:
        """Return a fresh id with `prefix`."""
        return self.ids.new(prefix, self.clock())
