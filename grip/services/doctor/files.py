"""Files that hold secrets, and who else on the machine could read them."""

import stat
from pathlib import Path


def is_open_to_all(path: Path) -> bool:
    """Return whether every user of this machine can read a file, through all folders above it.

    False where it is not there.
    """
    try:
        place = path.resolve(strict=True)
        if not place.stat().st_mode & stat.S_IROTH:
            return False
        return all(above.stat().st_mode & stat.S_IXOTH for above in place.parents)
    except OSError:
        return False
