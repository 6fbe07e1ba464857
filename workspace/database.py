"""SQLite as this product uses it: durable, one connection per file, safe between threads.

Rules: a database file has one connection and one lock in a process, and every statement holds the
lock; other processes (the command line beside the running service) are kept apart by WAL and the
busy timeout. Writes that belong together go into `transaction`, which takes SQLite's write lock at
once. What SQLite reports is translated here: a full disk is StorageFull, a busy file Unavailable,
a disk that can't be read or written StorageFailed, a damaged file SealBroken. Constraint violations
stay `sqlite3.IntegrityError`; the caller knows what they mean.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlite_utils
from sqlite_utils.migrations import Migrations

from workspace.errors import (
    Fault,
    HousemodelError,
    Locked,
    SealBroken,
    StorageFailed,
    StorageFull,
    Unavailable,
)

BUSY_TIMEOUT_SECONDS = 5.0
_ERASE_WAIT_MILLISECONDS = 200
_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # deleted rows are overwritten, also wrapped keys
    "PRAGMA temp_store = MEMORY",  # no temporary files
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)


class Answer:
    """What one statement gave, read whole: no statement stays open for another thread to trip over.

    Reads like a `sqlite3.Cursor`, as far as this product and sqlite-utils read cursors.
    """

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.description = cursor.description
        self._rows: deque[Any] = deque(cursor.fetchall() if cursor.description else ())
        self.rowcount = cursor.rowcount  # only known once the rows of a RETURNING are read
        self.lastrowid = cursor.lastrowid

    def fetchone(self) -> Any:
        """Take the next row; None when there is none left."""
        return self._rows.popleft() if self._rows else None

    def fetchall(self) -> list[Any]:
        """Take all rows that are left."""
        return list(self)

    def __iter__(self) -> Iterator[Any]:
        while self._rows:
            yield self._rows.popleft()


class Database(sqlite_utils.Database):  # type: ignore[misc]
    """A `sqlite_utils.Database` whose every statement holds one re-entrant lock until it is read.

    Use `transaction` where several statements must see the same state.
    """

    def __init__(self, connection: sqlite3.Connection, migrations: Migrations) -> None:
        self.lock = threading.RLock()
        self._migrations = migrations
        self._after_commit: list[Callable[[], None]] = []
        self._after_rollback: list[Callable[[], None]] = []
        self._log_to_erase = False
        super().__init__(connection, execute_plugins=False)

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> Answer:
        """Run one statement and read it whole; a write outside of a transaction commits itself."""
        with self.lock, _translated():
            # NOTE: a statement that is still open makes other threads' statements fail as busy.
            return Answer(super().execute(sql, parameters))

    def query(
        self, sql: str, params: Sequence[Any] | dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Run one statement and return its rows, all read before the lock is released."""
        with self.lock, _translated():
            # NOTE: sqlite-utils puts a savepoint around every query, which makes three of each.
            cursor = self.conn.execute(sql, params or ())
            names = [column[0] for column in cursor.description]
            return iter([dict(zip(names, row, strict=True)) for row in cursor.fetchall()])

    @contextlib.contextmanager
    def atomic(self) -> Iterator[Database]:
        """Everything in the block, or nothing of it; a nested block is a savepoint."""
        with self.lock, _translated((sqlite3.Error,)):
            if self.conn.in_transaction:
                with self._savepoint():
                    yield self
            else:
                with self._immediate():
                    yield self

    @contextlib.contextmanager
    def _immediate(self) -> Iterator[None]:
        self.conn.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.conn.execute("COMMIT")
        except BaseException:
            self.rollback()
            undo = self._after_rollback[::-1]
            self._forget_hooks()
            _run_all(undo)
            raise
        after = self._after_commit[:]
        self._forget_hooks()
        _run_all(after)
        if self._log_to_erase:
            self.erase_log()

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        commits, rollbacks = len(self._after_commit), len(self._after_rollback)
        try:
            with super().atomic():
                yield
        except BaseException:
            undo = self._after_rollback[rollbacks:][::-1]
            del self._after_commit[commits:], self._after_rollback[rollbacks:]
            _run_all(undo)
            raise

    def after_commit(self, action: Callable[[], None]) -> None:
        """Do this once the running transaction is durable; never, if it is rolled back."""
        if self.conn.in_transaction:
            self._after_commit.append(action)
        else:
            action()

    def after_rollback(self, action: Callable[[], None]) -> None:
        """Do this if the running transaction (or the savepoint around the call) is undone."""
        if self.conn.in_transaction:
            self._after_rollback.append(action)

    def erase_log_after_commit(self) -> None:
        """Empty the write-ahead log after the running transaction, so that no old page stays."""
        self._log_to_erase = True
        if not self.conn.in_transaction:
            self.erase_log()

    def erase_log(self) -> None:
        """Move the write-ahead log into the database file and empty it.

        When the disk is full or another process reads, it is tried again after the next commit
        and when the database is closed; what was committed stays committed.
        """
        with self.lock:
            self.conn.execute(f"PRAGMA busy_timeout = {_ERASE_WAIT_MILLISECONDS}").fetchone()
            with contextlib.suppress(sqlite3.OperationalError):
                busy = self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                self._log_to_erase = bool(busy)
            self.conn.execute(
                f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}"
            ).fetchone()

    def is_whole(self) -> bool:
        """Check pages, indexes and constraints, and that the schema is the one that we made.

        Raises:
            SealBroken: the file is too damaged to be checked.
        """
        rows = self.query("PRAGMA integrity_check")
        sound = [next(iter(row.values())) for row in rows] == ["ok"]
        return sound and self.has_own_schema()

    def has_own_schema(self) -> bool:
        """Tell whether tables, columns and triggers are those of the migrations, to the letter."""
        return _schema(self) == _expected_schema(self._migrations)

    def close(self) -> None:
        """Close the file; every later statement raises Locked."""
        with self.lock:
            super().close()

    def _forget_hooks(self) -> None:
        self._after_commit.clear()
        self._after_rollback.clear()


def open_database(path: Path, migrations: Migrations) -> Database:
    """Open (or make) a database file, mode 0600, and bring its schema up to date.

    Args:
        path: The file; its folder exists.
        migrations: The ordered schema history of this kind of database.

    Raises:
        StorageFull, Unavailable: the disk or another process is in the way.
        SealBroken: the file is no database any more.
        Fault: the file was written by a newer version of the product.
    """
    with contextlib.suppress(FileExistsError):
        # NOTE: SQLite gives its -wal and -shm files the mode of the database file.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
    )
    # NOTE: damaged text must not stop a whole query; its row's seal no longer opens anyway.
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        with _translated():
            db = Database(connection, migrations)
            _enable_wal(connection)
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            _migrate(db, migrations)
            if not db.has_own_schema():
                raise SealBroken("The tables of a database file were changed.")
            db.erase_log()  # a crash may have left pages with keys that were destroyed
    except BaseException:
        connection.close()
        raise
    return db


@contextlib.contextmanager
def transaction(db: Database) -> Iterator[None]:
    """Group writes: all of them are durable when the block ends, or none happened.

    Re-entrant in its thread: a nested block is a savepoint of the outer one. Never await inside:
    other coroutines of the thread would write into the same transaction.

    Raises:
        StorageFull, Unavailable, SealBroken: what SQLite reported; nothing was written.
    """
    with db.atomic():
        yield


def _enable_wal(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            # NOTE: the change of mode does not wait for other processes by itself.
            if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise Unavailable("The database can't be opened while others hold it.")
        time.sleep(0.02)


def _migrate(db: Database, migrations: Migrations) -> None:
    known = {migration.name for migration in migrations._migrations}
    if _applied(db, migrations) == known:
        return
    # One write lock around all: of two processes that open a new file, one migrates it.
    with db.atomic():
        done = _applied(db, migrations)
        if not done <= known:
            raise Fault("This home was written by a newer version of housemodel. Update this one.")
        if not done and _schema(db):
            raise SealBroken("The tables of a database file were changed.")
        migrations.apply(db)


def _applied(db: Database, migrations: Migrations) -> set[str]:
    try:
        return {migration.name for migration in migrations.applied(db)}
    except (KeyError, sqlite3.OperationalError) as error:
        raise SealBroken("The tables of a database file were changed.") from error


def _schema(db: Database) -> frozenset[tuple[str, ...]]:
    sql = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite@_%'"
    return frozenset(tuple(row.values()) for row in db.query(f"{sql} ESCAPE '@'"))


@functools.cache
def _expected_schema(migrations: Migrations) -> frozenset[tuple[str, ...]]:
    fresh = Database(sqlite3.connect(":memory:", isolation_level=None), migrations)
    try:
        migrations.apply(fresh)
        return _schema(fresh)
    finally:
        fresh.close()


def _run_all(actions: Sequence[Callable[[], None]]) -> None:
    for action in actions:
        action()


@contextlib.contextmanager
def _translated(
    # NOTE: SQLite's own message about a damaged schema may quote bytes that are no text.
    faults: tuple[type[Exception], ...] = (sqlite3.Error, UnicodeDecodeError),
) -> Iterator[None]:
    try:
        yield
    except faults as error:
        known = _translate(error)
        if known is None:
            raise
        raise known from error


def _translate(error: Exception) -> HousemodelError | None:
    if isinstance(error, sqlite3.ProgrammingError) and "closed database" in str(error):
        return Locked("The workspace was closed while it was in use.")
    if isinstance(error, UnicodeDecodeError):
        return SealBroken("The tables of a database file were changed.")
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:
        return StorageFull()
    match code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return StorageFull()
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Unavailable("Another process is writing.", (), 1)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return SealBroken("The database file is damaged.")
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN:
            return StorageFailed("The disk could not be read or written.")
        case sqlite3.SQLITE_READONLY:
            return StorageFailed("The home folder can't be written.")
    return None
