"""Tests know nothing of the machine that they run on: another grip may be at work on it.

Owns what a test and the processes that it starts could hear of that one: variables, and the file in
/etc/grip. By either of them, tests would write into books that are in use.
"""

import asyncio
import os
import subprocess
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

from grip.settings import file as settings_file
from tests.apart import sitecustomize

_APART: Final = str(Path(__file__).parent / "apart")
_OURS: Final = "GRIP_TEST_"
_start: Callable[..., None] = subprocess.Popen.__init__


def _deaf(environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables by which a Python looks for no configuration of the machine."""
    places = environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [place for place in places if place and place != _APART]
    return {**environ, "PYTHONPATH": os.pathsep.join([_APART, *kept])}


def _start_apart(
    self: Any, *words: Any, env: Mapping[str, str] | None = None, **options: Any
) -> None:
    environ = os.environ if env is None else env  # noqa: TID251 - what the process would get
    _start(self, *words, env=_deaf(environ), **options)


def _apart(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return a way of asyncio to start processes; the loop of grip does not use `subprocess`."""

    async def started(*words: Any, env: Mapping[str, str] | None = None, **options: Any) -> Any:
        environ = os.environ if env is None else env  # noqa: TID251 - what the process would get
        return await start(*words, env=_deaf(environ), **options)

    return started


def forget(environ: MutableMapping[str, str]) -> None:
    """Take what configures grip out of the variables, but for what tests are told themselves."""
    for name in [name for name in environ if name.startswith("GRIP_")]:
        if not name.startswith(_OURS):
            del environ[name]


def keep_out() -> None:
    """Close the machine's configuration to this process and to all that it starts."""
    settings_file.SYSTEM_PATH = sitecustomize.NOWHERE
    environ = os.environ  # noqa: TID251 - read before grip starts
    forget(environ)
    environ.update(_deaf(environ))
    subprocess.Popen.__init__ = _start_apart  # type: ignore[method-assign, assignment]
    asyncio.create_subprocess_exec = _apart(asyncio.create_subprocess_exec)
    asyncio.create_subprocess_shell = _apart(asyncio.create_subprocess_shell)
