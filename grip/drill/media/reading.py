"""Reads what the tasks of a drill have come to. Refuses to judge."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from grip.drill.media.evidence import Books, Kept
from grip.services import callbacks, ledger, tasks, usage, wallets
from grip.services.context import Context
from grip.storage.directory import DirectoryStore
from grip.store import ledger as journal
from grip.store import results as result_rows
from grip.store.results import Result
from grip.store.tasks import Task


class Watch:
    """Looks at the tasks again and again; `changed` are those that did not stay as they ended."""

    def __init__(self, context: Context) -> None:
        self.changed: set[str] = set()
        self._context = context
        self._ended: dict[str, Task] = {}

    async def look(self) -> int:
        """Return how many are over."""
        for task in await tasks.list_tasks(self._context):
            if task.id in self._ended and self._ended[task.id] != task:
                self.changed.add(task.id)
            if task.is_over:
                self._ended.setdefault(task.id, task)
        return len(self._ended)


async def read(context: Context, checked: Callable[[], None]) -> Books:
    """Return what the books say; `checked` is called after each of `ledger.CHECKS` invariants."""
    report = await ledger.verify(context, done=lambda _: checked())
    found = {task.id: task for task in await tasks.list_tasks(context)}
    return Books(
        tasks=found,
        results=await _results(context, found),
        resolutions=await _resolutions(context),
        usage=tuple(await usage.list_usage(context)),
        wallets=tuple(await wallets.list_wallets(context)),
        callbacks=tuple(await callbacks.list_callbacks(context)),
        checks=tuple(report.checks),
    )


async def files(store: Path, now_us: int) -> dict[str, Kept]:
    """Sweep a store of what dead puts have left, and return what else lies there, by its name."""
    await DirectoryStore(store).tidy(now_us)
    return await asyncio.to_thread(_files, store)


def _files(store: Path) -> dict[str, Kept]:
    found = {}
    for path in store.rglob("*") if store.is_dir() else ():
        if path.is_file():
            data = path.read_bytes()
            kept = Kept(size=len(data), sha256=hashlib.sha256(data).hexdigest())
            found[str(path.relative_to(store))] = kept
    return found


def errors_in(logs: Iterable[Path]) -> Iterator[str]:
    """Yield what workers logged that nobody foresaw: tracebacks, and lines that are no log's."""
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            told = _told(line)
            if told is None or "exception" in told:
                yield f"{log.name}: {line[:500]}"


def _told(line: str) -> Mapping[str, Any] | None:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        return None


async def _results(context: Context, ids: Iterable[str]) -> dict[str, tuple[Result, ...]]:
    async with context.database.read() as connection:
        return {one: tuple(await result_rows.of_task(connection, one)) for one in ids}


async def _resolutions(context: Context) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    async with context.database.read() as connection:
        async for page in journal.pages(connection):
            for transfer, _ in page:
                if transfer.pending_id is not None:
                    found[transfer.pending_id].append(transfer.phase)
    return {hold_id: tuple(phases) for hold_id, phases in found.items()}
