"""Runs batches on SQLite: one connection, used by one thread.

A batch commits at `synchronous = NORMAL`, which survives the death of the process, and gives its
turn to the next writer. Whatever holds a settlement is then forced to disk by an fdatasync of the
write-ahead log before it is answered: commits are in it in their order, so that one flush covers
all that went before. A power cut may forget a hold of the last moments, which charges nothing.
"""

import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from grip import errors, failpoints
from grip.clock import Clock
from grip.money.batch import Plan
from grip.money.entries import Admit, Entry, Outcome
from grip.money.states import (
    ClaimState,
    HoldState,
    KeyState,
    Loaded,
    MemberState,
    TierLimits,
    WalletState,
)
from grip.store.books import port, statements
from grip.store.books.sqlite_connection import connect
from grip.store.books.statements import for_sqlite
from grip.store.engine import is_broken_file, is_disk_full, unavailable
from grip.store.write_queue import Turn

_TRIES: Final = 3
_AGAIN_AFTER_S: Final = 0.2

log = structlog.get_logger(__name__)


class NotOnDisk(Exception):
    """The disk did not take what was committed; what it holds now, nobody knows."""


class Writer:
    """Runs batches on one connection, in one thread."""

    def __init__(self, path: Path, tiers: Mapping[str, TierLimits], clock: Clock) -> None:
        self._path = path
        self._tiers = tiers
        self._clock = clock
        self._sql = _Statements()
        self._wal: int | None = None
        self._broken: NotOnDisk | None = None
        self._trouble: str | None = None

    def open(self) -> None:
        """Open the connection and join the queue of writers; raises sqlite3.Error or OSError."""
        self._db = connect(self._path)
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA wal_autocheckpoint = 0")
        self._turn = Turn(self._path)

    @property
    def is_lost(self) -> bool:
        """Whether nobody knows any more what is on disk."""
        return self._broken is not None

    def close(self) -> None:
        """Close what was opened."""
        if self._wal is not None:
            os.close(self._wal)
        self._turn.close()
        self._db.close()

    def run(self, entries: list[Entry]) -> list[Outcome]:
        """Run `entries`; what resolves a hold is tried again where the file is locked or full."""
        outcomes = self._run(entries)
        for _ in range(_TRIES - 1):
            again = [
                index
                for index, outcome in enumerate(outcomes)
                if isinstance(outcome, errors.DatabaseUnavailable)
                and not isinstance(entries[index], Admit)
            ]
            if not again or self._broken:
                break
            time.sleep(_AGAIN_AFTER_S)
            for index, outcome in zip(
                again, self._run([entries[index] for index in again]), strict=True
            ):
                outcomes[index] = outcome
        return outcomes

    def _run(self, entries: list[Entry]) -> list[Outcome]:
        """Run `entries` in one transaction; where one breaks it, halve until it stands alone.

        Each has an error of its own: what one caller adds to theirs is no business of another.
        """
        if self._broken:
            return [unavailable(self._broken) for _ in entries]
        try:
            return self._transact(entries)
        except NotOnDisk as error:
            # What a second flush says is no proof: the system may have dropped what it could not
            # write. Only a fresh start reads what is really there.
            self._broken = error
            log.critical("books.not_on_disk", error=str(error), entries=len(entries))
            return [unavailable(error) for _ in entries]
        except Exception as error:  # noqa: BLE001 - whatever it is, every entry has its answer
            if isinstance(error, sqlite3.OperationalError | OSError) or is_broken_file(error):
                return [self._refuse(error) for _ in entries]
            if len(entries) > 1:
                half = len(entries) // 2
                return self._run(entries[:half]) + self._run(entries[half:])
            log.critical("books.broken", error=repr(error), entry=port.shown(entries[0]))
            return [port.broken(error)]

    def _refuse(self, error: Exception) -> errors.DatabaseUnavailable:
        """Return what one who waited is told, and tell the log, once for each trouble."""
        refused = unavailable(error)
        if refused.detail != self._trouble:
            self._trouble = refused.detail
            event = "books.disk_full" if is_disk_full(error) else "books.unavailable"
            log.error(event, error=refused.detail)
        return refused

    def _go_on(self) -> None:
        """Tell the log that what it was told before is over."""
        if self._trouble is not None:
            self._trouble = None
            log.warning("books.available_again")

    def _transact(self, entries: list[Entry]) -> list[Outcome]:
        durable = port.is_durable(entries)
        kind = "settle" if durable else "hold"
        self._turn.take()
        try:
            outcomes = self._commit(entries, kind)
        finally:
            self._turn.give()
        failpoints.hit(f"{kind}.after_commit")
        if durable:
            self._sync()
            failpoints.hit("settle.after_sync")
        return outcomes

    def _commit(self, entries: list[Entry], kind: str) -> list[Outcome]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            plan = Plan(self._load(entries), self._tiers)
            outcomes = [plan.decide(entry) for entry in entries]
            if plan.changes_anything:
                self._apply(plan)
                failpoints.hit(f"{kind}.before_commit")
                self._db.execute("COMMIT")
                self._go_on()
            else:
                self._db.execute("ROLLBACK")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return outcomes

    def _sync(self) -> None:
        """Force the log to disk: the open connection keeps it one file for as long as this runs."""
        try:
            if self._wal is None:
                wal = self._path.with_name(self._path.name + "-wal")
                self._wal = os.open(wal, os.O_RDWR | os.O_CLOEXEC)
            os.fdatasync(self._wal)
        except OSError as error:
            raise NotOnDisk(
                f"the write-ahead log could not be flushed: {error}; grip stops, since only a "
                "start reads what is on the disk: see to it (df, dmesg), then start grip again"
            ) from error

    def _load(self, entries: list[Entry]) -> Loaded:
        (version,) = self._db.execute(self._sql.version).fetchone()
        rows = Loaded(now_us=self._clock(), catalog_version=version)
        admits, resolved = port.wanted(entries)
        for request_id in resolved:
            if (row := self._one("hold", request_id)) is not None:
                rows.holds[request_id] = hold = HoldState(*row)
                self._load_purses(rows, hold)
            elif (row := self._one("settled", request_id)) is not None:
                rows.settled[request_id] = statements.settled(row)
        for admit in admits:
            self._load_purses(rows, admit)
            if admit.idem_key is not None:
                self._load_claim(rows, admit.key_id, admit.idem_key)
        for boot_id in {admit.boot_id for admit in admits}:
            if self._db.execute(self._sql.is_dead, (boot_id,)).fetchone() is not None:
                rows.dead_boots.add(boot_id)
        return rows

    def _load_purses(self, rows: Loaded, entry: Admit | HoldState) -> None:
        if entry.wallet_id not in rows.wallets and (row := self._one("wallet", entry.wallet_id)):
            rows.wallets[entry.wallet_id] = WalletState(*row)
        if entry.key_id not in rows.keys and (row := self._one("key", entry.key_id)):
            rows.keys[entry.key_id] = KeyState(*row)
        if entry.member_id not in rows.members and (row := self._one("member", entry.member_id)):
            rows.members[entry.member_id] = MemberState(*row)

    def _load_claim(self, rows: Loaded, key_id: str, idem_key: str) -> None:
        row = self._db.execute(self._sql.claim.sql, (key_id, idem_key)).fetchone()
        if row is not None:
            rows.claims[key_id, idem_key] = ClaimState(*row)

    def _one(self, kind: str, key: str) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._db.execute(self._sql.select[kind], (key,)).fetchone()
        return row

    def _apply(self, plan: Plan) -> None:
        sql, db = self._sql, self._db
        sql.update_wallet.run(db, list(plan.dirty_wallets.values()))
        sql.update_key.run(db, list(plan.dirty_keys.values()))
        sql.update_member.run(db, list(plan.dirty_members.values()))
        if plan.new_holds:
            new = [sql.hold_args(*hold) for hold in plan.new_holds.values()]
            db.executemany(sql.insert_hold.sql, new)
        sql.update_hold.run(db, list(plan.grown_holds.values()))
        if plan.gone_holds:
            gone = [(request_id,) for request_id in plan.gone_holds]
            done = db.executemany(sql.delete_hold, gone)
            port.expect(done.rowcount, len(gone), "holds resolved")
        if plan.usage:
            db.executemany(sql.insert_usage.sql, [sql.usage_args(entry) for entry in plan.usage])
        if plan.gone_claims or plan.new_claims or plan.kept:
            self._apply_claims(plan)

    def _apply_claims(self, plan: Plan) -> None:
        sql, db = self._sql, self._db
        if plan.gone_claims:
            done = db.executemany(sql.delete_claim, plan.gone_claims)
            port.expect(done.rowcount, len(plan.gone_claims), "claims freed")
        sql.insert_claim.run(db, plan.new_claims)
        sql.keep_claim.run(db, plan.kept)
        sql.insert_answer.run(db, [kept for kept in plan.kept if kept.body is not None])


class _Write:
    """A statement that touches one row, run for many and counted."""

    def __init__(self, statement: Any) -> None:
        compiled = for_sqlite(statement)
        self._sql = compiled.sql
        self._args = compiled.getter()

    def run(self, db: sqlite3.Connection, states: list[Any]) -> None:
        if states:
            done = db.executemany(self._sql, [self._args(state) for state in states])
            port.expect(done.rowcount, len(states), self._sql)


class _Statements:
    """The hot statements, compiled for the stdlib driver."""

    def __init__(self) -> None:
        self.select = {kind: for_sqlite(s).sql for kind, s in statements.SELECT_ONE.items()}
        self.version = for_sqlite(statements.CATALOG_VERSION).sql
        self.is_dead = for_sqlite(statements.IS_DEAD).sql
        self.claim = for_sqlite(statements.CLAIM)
        self.update_wallet = _Write(statements.UPDATE_WALLET)
        self.update_key = _Write(statements.UPDATE_KEY)
        self.update_member = _Write(statements.UPDATE_MEMBER)
        self.insert_hold = for_sqlite(statements.INSERT_HOLD)
        self.hold_args = self.insert_hold.hold_getter()
        self.update_hold = _Write(statements.UPDATE_HOLD)
        self.delete_hold = for_sqlite(statements.DELETE_HOLD).sql
        self.insert_usage = for_sqlite(statements.INSERT_USAGE)
        self.usage_args = self.insert_usage.usage_getter()
        self.delete_claim = for_sqlite(statements.DELETE_CLAIM).sql
        self.insert_claim = _Write(statements.INSERT_CLAIM)
        self.keep_claim = _Write(statements.KEEP_CLAIM)
        self.insert_answer = _Write(statements.INSERT_ANSWER)
