"""What must be true of tasks whose workers were killed. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from grip.drill.findings import Finding
from grip.drill.media import upstream, wares
from grip.drill.media.evidence import Evidence
from grip.drill.media.stage import Begun
from grip.drill.media.upstream import Post
from grip.money import ledger
from grip.money.amounts import NANO
from grip.store.tasks import Task

_RESOLUTIONS: Final = {"completed": (ledger.POST,), "failed": (ledger.VOID,)}


def tasks_end(evidence: Evidence) -> Iterator[Finding]:
    """Every task that was begun ends, and nobody knows of another; none changes afterwards."""
    known = evidence.books.tasks
    for begun in evidence.begun:
        task = known.get(begun.id)
        if task is None or not task.is_over:
            yield _of(begun, "it has gone" if task is None else f"it is {task.phase} for ever")
        elif begun.id in evidence.changed:
            yield _of(begun, "it changed after its end")
    for task_id in known.keys() - {begun.id for begun in evidence.begun}:
        yield Finding(sentence=f"{task_id}: nobody has begun it")


def ends_foreseen(evidence: Evidence) -> Iterator[Finding]:
    """A task ends as its upstream lets it; as unknown only where nothing was made of it."""
    made = {post.mark for post in evidence.posts if post.came == upstream.TAKEN}
    for begun, task in _ended(evidence):
        end = wares.COMPLETED if task.status == "completed" else task.error_code
        if end not in begun.ware.ends and (end != wares.UNKNOWN or begun.mark in made):
            yield _of(begun, f"it ended as {end}: {task.error_message}")


def holds_resolved_once(evidence: Evidence) -> Iterator[Finding]:
    """The hold of a task is charged where it is completed, given back where it failed, and once."""
    for begun, task in _ended(evidence):
        found = evidence.books.resolutions.get(task.hold_id, ())
        if found != _RESOLUTIONS[task.status]:
            yield _of(begun, f"it is {task.status}, and its hold was resolved by {found}")


def tasks_charged(evidence: Evidence) -> Iterator[Finding]:
    """A completed task has one usage row with its exact cost, a failed one has none."""
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row in evidence.books.usage:
        rows[row.request_id].append(row.cost_nano)
    for begun, task in _ended(evidence):
        is_completed = task.status == "completed"
        if (found := rows.pop(task.id, [])) != [begun.ware.cost_nano] * is_completed:
            yield _of(begun, f"it is {task.status}, and {found} nano-credits were charged")
    for task_id in rows:
        yield Finding(sentence=f"{task_id}: it was charged, and has not ended")


def wallets_add_up(evidence: Evidence) -> Iterator[Finding]:
    """What a wallet was given is what it has and what was charged, to the nano-credit."""
    costs: Counter[str] = Counter()
    for row in evidence.books.usage:
        costs[row.wallet_id] += row.cost_nano
    for wallet in evidence.books.wallets:
        spent_nano = (evidence.given - wallet.balance) * NANO + wallet.carry_nano
        if (spent_nano, wallet.held, wallet.debt) != (costs[wallet.id], 0, 0):
            yield Finding(
                sentence=f"{wallet.id}: {spent_nano} nano-credits spent, {costs[wallet.id]} "
                f"charged, {wallet.held} credits held, {wallet.debt} owed"
            )


def submissions_once(evidence: Evidence) -> Iterator[Finding]:
    """An attempt is sent at most once, and another only after one that is proven unsent.

    That is: after one that never arrived, or whose upstream said that it made nothing of it.
    """
    marks = {begun.mark: begun for begun in evidence.begun}
    for mark, posts in _by_mark(evidence).items():
        begun = marks.get(mark)
        if begun is None:
            yield Finding(sentence=f"{mark}: its upstream was asked, and nobody has begun it")
            continue
        attempts = Counter(post.attempt_us for post in posts)
        if max(attempts.values()) > 1:
            yield _of(begun, f"an attempt was sent {max(attempts.values())} times")
        unproven = [post.came for post in posts[:-1] if post.came != upstream.REFUSED]
        if unproven:
            yield _of(begun, f"it was sent again after a submission that was {unproven}")
        task = evidence.books.tasks.get(begun.id)
        if task is not None and len(posts) > task.attempts:
            yield _of(begun, f"it was sent {len(posts)} times in {task.attempts} attempts")


def jobs_adopted(evidence: Evidence) -> Iterator[Finding]:
    """A task is completed by the one job that its upstream made of it."""
    posts = _by_mark(evidence)
    for begun, task in _ended(evidence):
        made = [post.job_id for post in posts.get(begun.mark, ()) if post.job_id is not None]
        if task.status == "completed" and made != [task.upstream_id]:
            yield _of(begun, f"it was completed by {task.upstream_id}, and made were {made}")


def results_kept(evidence: Evidence) -> Iterator[Finding]:
    """What a completed task made is in the store, whole, as its rows have it."""
    for begun, task in _ended(evidence):
        rows = evidence.books.results.get(task.id, ())
        wanted = begun.ware.results if task.status == "completed" else 0
        if [row.n for row in rows] != list(range(wanted)):
            yield _of(begun, f"it is {task.status} with {len(rows)} results, not {wanted}")
        for row in rows:
            kept = evidence.files.get(_file(task.id, row.n))
            if kept is None:
                yield _of(begun, f"its result {row.n} is not in the store")
            elif (kept.size, kept.sha256) != (row.size, row.sha256):
                yield _of(begun, f"its result {row.n} is not the one of its row")


def files_named(evidence: Evidence) -> Iterator[Finding]:
    """Nothing lies in the store that no row names."""
    named = {
        _file(task_id, row.n) for task_id, rows in evidence.books.results.items() for row in rows
    }
    for name in sorted(evidence.files.keys() - named):
        yield Finding(sentence=f"{name}: a file that no row names")


def callbacks_written_once(evidence: Evidence) -> Iterator[Finding]:
    """Who asked to be told has one callback, of how the task ended; nobody else has any."""
    events: defaultdict[str, list[str]] = defaultdict(list)
    for callback in evidence.books.callbacks:
        events[callback.task_id].append(callback.event)
    for begun, task in _ended(evidence):
        wanted = [f"task.{task.status}"] if begun.calls_back else []
        if (found := events[task.id]) != wanted:
            yield _of(begun, f"its callbacks are {found}, not {wanted}")
    for unknown in evidence.heard.keys() - {one.id for one in evidence.books.callbacks}:
        yield Finding(sentence=f"{unknown}: a callback was heard that is not in the books")


def workers_calm(evidence: Evidence) -> Iterator[Finding]:
    """No worker logs an error that nobody foresaw, and SIGTERM ends each with the status 0."""
    for error in evidence.errors:
        yield Finding(sentence=error)
    for status in evidence.statuses:
        if status != 0:
            yield Finding(sentence=f"a worker ended with the status {status}")


def tasks_came(evidence: Evidence) -> Iterator[Finding]:
    """Some tasks are completed, some workers were killed; else the drill proves nothing."""
    if not any(task.status == "completed" for _, task in _ended(evidence)):
        yield Finding(sentence="no task was completed")
    if not evidence.kills:
        yield Finding(sentence="no worker was killed")


RULES: Final[Mapping[str, Callable[[Evidence], Iterator[Finding]]]] = {
    rule.__name__: rule
    for rule in (
        tasks_end,
        ends_foreseen,
        holds_resolved_once,
        tasks_charged,
        wallets_add_up,
        submissions_once,
        jobs_adopted,
        results_kept,
        files_named,
        callbacks_written_once,
        workers_calm,
        tasks_came,
    )
}
"""The rules on tasks, by the names under which they are told."""


def _ended(evidence: Evidence) -> Iterator[tuple[Begun, Task]]:
    """Yield the tasks that are over, each with how it was begun."""
    for begun in evidence.begun:
        task = evidence.books.tasks.get(begun.id)
        if task is not None and task.is_over:
            yield begun, task


def _by_mark(evidence: Evidence) -> dict[str, list[Post]]:
    found: defaultdict[str, list[Post]] = defaultdict(list)
    for post in evidence.posts:
        found[post.mark].append(post)
    return found


def _file(task_id: str, number: int) -> str:
    return f"{task_id[-2:]}/{task_id}.{number}"


def _of(begun: Begun, sentence: str) -> Finding:
    return Finding(sentence=f"{begun.id} ({begun.ware.what}): {sentence}", attempt=begun.number)
