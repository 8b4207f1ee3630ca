"""How far a drill has come, for whoever wants to see it."""

from typing import Protocol


class Watcher(Protocol):
    """A person before a terminal, or nobody."""

    def phase(self, what: str, total: float) -> None:
        """Begin a part of the drill, which ends at `total`."""

    def at(self, done: float) -> None:
        """Tell how far this part has come."""
