"""Where a SQLite file lies: on a network it loses what its locks and flushes promise.

In memory, or in the layer of a container, it is gone with the machine or the container.
"""

import os
import re
from pathlib import Path
from typing import Final

NETWORK: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
        "virtiofs",
    }
)
"""Kinds of file system, as Linux names them, that other machines may write to as well."""

FLEETING: Final = frozenset({"aufs", "devtmpfs", "overlay", "ramfs", "tmpfs"})
"""Kinds of file system that do not outlive the machine, or a container that runs on them."""

_MOUNTS: Final = Path("/proc/self/mountinfo")
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def network_kind(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of network file system that `path` lies on; None where it is on none.

    None as well where the system does not tell, as outside of Linux.
    """
    kind = _kind(path, mounts)
    return kind if kind in NETWORK else None


def fleeting_kind(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of file system that `path` lies on where it does not last, None elsewhere."""
    kind = _kind(path, mounts)
    return kind if kind in FLEETING else None


def _kind(path: Path, mounts: Path) -> str:
    """Return the kind of file system that `path` lies on, nothing where nobody tells."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return ""
    place = os.path.realpath(path)
    kinds = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), before.split(" ")[4])
        if place == point or place.startswith(point.rstrip("/") + "/"):
            kinds[point] = after.split(" ")[0]
    return kinds[max(kinds, key=len)] if kinds else ""
