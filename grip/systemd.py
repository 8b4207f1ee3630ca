"""What systemd hands a service, and what it is told: sockets, readiness, a watchdog.

Owns both protocols, as sd_listen_fds(3) and sd_notify(3) have them. Refuses to decide when anything
is ready or alive; without systemd nobody is told, and nothing is handed over.
"""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self

import structlog

from grip import errors

_FIRST_SOCKET: Final = 3
_BEATS: Final = 3
"""So many signs of life in the time after which systemd gives a service up."""

log = structlog.get_logger(__name__)


class SocketUnusable(errors.GripError):
    """What systemd has handed over is not what grip can serve on."""

    code = "socket_unusable"
    category = errors.Category.CONFLICT


def _nobody() -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overseer:
    """Who is told how a process is: systemd, the process that forked it, or nobody.

    `ready` when it can do its work, `stopping` when it begins to end, and `alive` every
    `alive_every_s` in between, never where that is None.
    """

    ready: Callable[[], None] = _nobody
    alive: Callable[[], None] = _nobody
    stopping: Callable[[], None] = _nobody
    alive_every_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """The way to systemd. `watchdog_s` is how long it waits for a sign of life, if it does."""

    address: str | None = None
    watchdog_s: float | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str], pid: int) -> Self:
        """Return the way that the environment names; the watchdog is of the process it names."""
        address = environ.get("NOTIFY_SOCKET") or None
        watched_us = environ.get("WATCHDOG_USEC", "")
        is_meant = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
        if address is None or not is_meant or not watched_us.isdecimal() or not int(watched_us):
            return cls(address=address)
        return cls(address=address, watchdog_s=int(watched_us) / 1_000_000)

    @property
    def alive_every_s(self) -> float | None:
        """How often systemd is to be told that the process is alive."""
        return None if self.watchdog_s is None else self.watchdog_s / _BEATS

    def overseer(self, *, ready: Callable[[], None], ends_within_s: int) -> Overseer:
        """Return systemd as who is told; `ready` is called first, for whoever sits before it."""

        def is_ready() -> None:
            ready()
            self.ready()

        return Overseer(
            ready=is_ready,
            alive=self.alive,
            stopping=lambda: self.stopping(within_s=ends_within_s),
            alive_every_s=self.alive_every_s,
        )

    def ready(self) -> None:
        """Say that the service does its work."""
        self._tell("READY=1")

    def alive(self) -> None:
        """Say that it still does."""
        self._tell("WATCHDOG=1")

    def stopping(self, *, within_s: int) -> None:
        """Say that it ends, and how long that may take."""
        self._tell(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={within_s * 1_000_000}")

    def _tell(self, what: str) -> None:
        """Send one datagram; a manager that has gone is none of the service's troubles."""
        if self.address is None:
            return
        path = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
            way.setblocking(False)
            try:
                way.sendto(what.encode(), path)
            except OSError as error:
                log.warning("systemd.not_told", what=what, error=str(error))


def handed_over(environ: Mapping[str, str], pid: int) -> list[socket.socket]:
    """Return the listening sockets that systemd handed to the process `pid`, none without it.

    Raises SocketUnusable for one that is not a listening TCP socket.
    """
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(pid) or not count.isdecimal():
        return []
    return [_listener(number) for number in range(_FIRST_SOCKET, _FIRST_SOCKET + int(count))]


def _listener(number: int) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        found = socket.socket(fileno=number)
    except OSError as error:
        raise _unusable() from error
    if not _takes_calls(found):
        found.close()
        raise _unusable()
    found.setblocking(False)
    return found


def _takes_calls(found: socket.socket) -> bool:
    is_tcp = found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM
    return is_tcp and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _unusable() -> SocketUnusable:
    return SocketUnusable(
        "systemd handed over what is not a listening TCP socket: the socket unit needs "
        "ListenStream=ADDRESS:PORT and Accept=no"
    )
