"""The order of a drill: a scratch place, a gateway on it, trouble, quiet, and the verdict."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import msgspec

from grip.drill import engines, reading, report, server, shop
from grip.drill.engines import Engine
from grip.drill.errors import DrillImpossible
from grip.drill.evidence import Evidence
from grip.drill.media import telling
from grip.drill.media.act import Act
from grip.drill.report import Verdict
from grip.drill.scene import Scene
from grip.drill.server import Server
from grip.drill.surroundings import CONFIG, environ
from grip.drill.watch import Watcher
from grip.errors import GripError
from grip.services import ledger

Notes = Mapping[str, Iterable[object]]
"""What a verdict rests on, by the name of the file that it is left in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How to drill: `operators` is the environment that the drill itself was started in.

    With `tasks`, so many media tasks are what is drilled, in place of calls.
    """

    seconds: int
    seed: int
    workers: int
    keep: bool
    operators: Mapping[str, str]
    tasks: int | None = None


async def drill(terms: Terms, watcher: Watcher, *, postgres: str | None = None) -> Verdict:
    """Drill on SQLite, or on a database of its own on the server `postgres`; return the verdict.

    Raises DrillImpossible where it cannot be carried out. Where something was lost the scratch
    folder stays, and with `keep` always, the database on the server included.
    """
    folder = Path(tempfile.mkdtemp(prefix="grip-drill-"))
    stays = terms.keep
    try:
        verdict = await _verdict(terms, watcher, folder, postgres)
        stays = stays or not verdict.ok
        return replace(verdict, scratch=str(folder)) if stays else verdict
    except GripError as error:
        stays = stays or _has_files(folder)
        where = f"; what there is of this drill is in {folder}" if stays else ""
        raise DrillImpossible(f"{error.message}{where}", detail=error.detail) from error
    finally:
        if not stays:
            shutil.rmtree(folder)


async def _verdict(terms: Terms, watcher: Watcher, folder: Path, postgres: str | None) -> Verdict:
    opened: AbstractAsyncContextManager[Engine] = (
        engines.sqlite(folder, terms.operators)
        if postgres is None
        else engines.postgres(postgres, keep=terms.keep)
    )
    async with opened as engine:
        verdict, notes = await _drilled(terms, watcher, folder, engine)
    if terms.keep or not verdict.ok:
        _write_down(folder, notes)
    return replace(verdict, database=engine.left)


async def _drilled(
    terms: Terms, watcher: Watcher, folder: Path, engine: Engine
) -> tuple[Verdict, Notes]:
    """Return the verdict, and what it rests on."""
    if terms.tasks is None:
        found = await _evidence(terms, watcher, folder, engine)
        return report.verdict(engine.name, list(engine.troubles), found), {
            "attempts": found.attempts,
            "incidents": found.incidents,
            "gifts": found.gifts,
            "charges": found.books.charges,
        }
    act = Act(
        tasks=terms.tasks,
        seconds=terms.seconds,
        workers=terms.workers,
        seed=terms.seed,
        operators=terms.operators,
        folder=folder,
        engine=engine,
        watcher=watcher,
    )
    played = await act.play()
    return telling.verdict(engine.name, played), {
        "begun": played.begun,
        "posts": played.posts,
        "tasks": played.books.tasks.values(),
    }


async def _evidence(terms: Terms, watcher: Watcher, folder: Path, engine: Engine) -> Evidence:
    config = folder / "grip.toml"
    config.write_text(CONFIG)
    watcher.phase(f"{engine.name}: opening a gateway", 1)
    async with shop.office(config, {"GRIP_DATABASE_URL": engine.url}) as context:
        furnished = await shop.furnish(context)
        async with _serving(terms, folder, engine) as gateway:
            scene = Scene(
                engine=engine, gateway=gateway, context=context, shop=furnished, watcher=watcher
            )
            notes = await scene.play(terms.seed, terms.seconds)
            watcher.phase(f"{engine.name}: stopping the gateway", 1)
            status = await gateway.stop()
        watcher.phase(f"{engine.name}: checking the books", ledger.CHECKS)
        checked = count(1)
        books = await reading.read(context, lambda: watcher.at(next(checked)))
    return Evidence(
        attempts=notes.attempts,
        incidents=notes.incidents,
        gifts=notes.gifts,
        books=books,
        server_status=status,
    )


@asynccontextmanager
async def _serving(terms: Terms, folder: Path, engine: Engine) -> AsyncIterator[Server]:
    gateway = await server.start(folder, environ(terms.operators, engine.url), terms.workers)
    try:
        yield gateway
    finally:
        await gateway.end()


def _has_files(folder: Path) -> bool:
    return any(folder.iterdir())


def _write_down(folder: Path, notes: Notes) -> None:
    """Leave what the verdict rests on as lines of JSON, for whoever looks into a loss."""
    for name, things in notes.items():
        text = b"".join(msgspec.json.encode(thing) + b"\n" for thing in things)
        (folder / f"{name}.jsonl").write_bytes(text)
