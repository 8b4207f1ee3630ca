"""[backup]: the backups that `grip maintenance` makes by itself."""

from dataclasses import dataclass

from grip.settings.kinds import Whole
from grip.settings.results import Folder
from grip.settings.schema import key


class FolderOrNothing(Folder):
    """The path of a directory, or the empty string."""

    def from_toml(self, value: object) -> str:
        """Accept the empty string too."""
        return "" if value == "" else super().from_toml(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """[backup]: where backups lie, how often one is made, and how many are kept."""

    directory: str = key(
        "",
        FolderOrNothing(),
        "The directory of the backups that `grip maintenance` makes, relative to the working "
        "directory. Empty, it makes none. It should lie on another disk, and be copied elsewhere.",
    )
    every_hours: int = key(
        24,
        Whole(maximum=8_760),
        "Hours after which the next backup is due; `grip maintenance` has to run as often.",
    )
    keep: int = key(
        7,
        Whole(maximum=10_000),
        "How many backups are kept; an older one is deleted after a new one was proven.",
    )
