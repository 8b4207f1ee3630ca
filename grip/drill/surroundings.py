"""What the processes of a drill are told: a configuration and an environment of their own.

Refuses to pass on anything that configures the operator's gateway: no GRIP_… variable of theirs
and no file of theirs reaches a process of the drill.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import grip

PYTHON: Final = sys.executable

CONFIG: Final = """\
# The configuration of `grip drill`; the database's address is in the environment.
[server]
# Each call has an address of its own, so that each charge leads back to one call.
trusted_proxies = ["127.0.0.1"]
graceful_stop_s = 20

[credits]
signup = 0

[upstream]
first_byte_timeout_s = 10

[streams]
# Small, so that holds grow often.
slice_tokens = 64
drain_timeout_s = 5

[log]
level = "info"
format = "json"
"""

_OURS: Final = "GRIP_"
_SOURCE: Final = str(Path(grip.__file__).parents[1])


def environ(operators: Mapping[str, str], database_url: str) -> dict[str, str]:
    """Return the environment of a process on the scratch database."""
    kept = {name: value for name, value in operators.items() if not name.startswith(_OURS)}
    paths = [_SOURCE, *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": ":".join(paths), "GRIP_DATABASE_URL": database_url}
