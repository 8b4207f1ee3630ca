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
_READY: Final = "READY=1"
_ALIVE: Final = "WATCHDOG=1"
_BEATS: Final = 3
"""So many signs of life in the time after which systemd gives a service up."""

_READY_WITHIN_S: Final = 5.0
"""How long a start waits for systemd to hear of its end; without that it would be undone."""

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
        """Return systemd as who is told; `ready` is called first, for whoever sits before it.

        Of readiness and of a stop systemd must hear: where it did not, the next sign of life says
        it again.
        """
        owed: list[str] = []

        def owe(what: str, *, wait_s: float = 0) -> None:
            if not self._tell(what, wait_s=wait_s):
                owed.append(what)

        def is_ready() -> None:
            ready()
            owe(_READY, wait_s=_READY_WITHIN_S)

        def is_alive() -> None:
            said = tuple(owed)  # a signal may come between here and the answer
            if self._tell("\n".join([*said, _ALIVE])):
                owed[:] = [what for what in owed if what not in said]

        return Overseer(
            ready=is_ready,
            alive=is_alive,
            stopping=lambda: owe(_stopping(ends_within_s)),
            alive_every_s=self.alive_every_s,
        )

    def _tell(self, what: str, *, wait_s: float = 0) -> bool:
        """Send one datagram, and return whether it went out.

        A manager that has gone is none of the service's troubles; one that has a lot to hear is
        waited for, so long.
        """
        if self.address is None:
            return True
        path = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
            way.settimeout(wait_s)
            try:
                way.connect(path)  # who is not connected cannot wait for room
                way.send(what.encode())
            except OSError as error:
                log.warning("systemd.not_told", what=what, error=str(error))
                return False
        return True


def _stopping(within_s: int) -> str:
    """Return what says that a service ends, and how long that may take."""
    return f"STOPPING=1\nEXTEND_TIMEOUT_USEC={within_s * 1_000_000}"


def handed_over(environ: Mapping[str, str], pid: int) -> list[socket.socket]:
    """Return the listening sockets that systemd handed to the process `pid`, none without it.

    Raises SocketUnusable for one that is not a listening TCP socket.
    """
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(pid) or not count.isdecimal():
        return []
    return [_listener(number) for number in range(_FIRST_SOCKET, _FIRST_SOCKET + int(count))]


def address_of(listener: socket.socket) -> str:
    """Return where a socket listens, as ADDRESS:PORT."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
