"""What the tasks of a drill are judged by: the upstream's notes, the books, the store."""

from collections.abc import Mapping
from dataclasses import dataclass

from grip.drill.media.stage import Begun
from grip.drill.media.upstream import Post
from grip.services.ledger import Check
from grip.store.callbacks import Callback
from grip.store.records import UsageRow, Wallet
from grip.store.results import Result
from grip.store.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file of the store: its size in bytes and its SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the books say when all is over.

    `tasks` and `results` are by the task's id, `resolutions` the phases by the hold's; `checks` are
    the invariants of `ledger verify`.
    """

    tasks: Mapping[str, Task]
    results: Mapping[str, tuple[Result, ...]]
    resolutions: Mapping[str, tuple[str, ...]]
    usage: tuple[UsageRow, ...]
    wallets: tuple[Wallet, ...]
    callbacks: tuple[Callback, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One engine's tasks, whole.

    `given` is what each wallet was given, `heard` how often each callback arrived by its id,
    `files` what lies in the store by its name there, `changed` the tasks that were seen to change
    after their end, `errors` what workers logged that nobody foresaw, `statuses` how those ended
    that were asked to; `kills` were not, and `naps` were put to sleep.
    """

    begun: tuple[Begun, ...]
    posts: tuple[Post, ...]
    heard: Mapping[str, int]
    given: int
    books: Books
    files: Mapping[str, Kept]
    changed: frozenset[str]
    errors: tuple[str, ...]
    statuses: tuple[int | None, ...]
    kills: int
    naps: int
