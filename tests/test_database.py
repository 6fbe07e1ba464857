"""Transactions are all or nothing, between threads and processes; SQLite's faults are ours."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils.migrations import Migrations

from workspace.database import Database, open_database, transaction
from workspace.errors import Fault, Locked, SealBroken, StorageFull, Unavailable

THINGS = Migrations("things")


@THINGS(name="001_things")
def _things(db: Database) -> None:
    db.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, word TEXT)")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "things.db", THINGS)
    yield opened
    opened.close()


def count(db: Database) -> int:
    return int(db.execute("SELECT COUNT(*) FROM things").fetchone()[0])


def test_a_database_is_durable_private_and_writes_no_temporary_files(db, tmp_path: Path) -> None:
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "temp_store": 2,
        "recursive_triggers": 1,
    }
    for pragma, value in expected.items():
        assert db.execute(f"PRAGMA {pragma}").fetchone()[0] == value, pragma
    db.execute("INSERT INTO things (word) VALUES ('x')")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_failed_block_leaves_nothing(db) -> None:
    with pytest.raises(RuntimeError), transaction(db):
        db.execute("INSERT INTO things (word) VALUES ('x')")
        raise RuntimeError
    assert count(db) == 0
    with transaction(db):
        db.execute("INSERT INTO things (word) VALUES ('y')")
    assert count(db) == 1


def test_a_failed_inner_block_leaves_the_outer_one_whole(db) -> None:
    done: list[str] = []
    with transaction(db):
        db.execute("INSERT INTO things (word) VALUES ('outer')")
        db.after_commit(lambda: done.append("outer"))
        with pytest.raises(RuntimeError), transaction(db):
            db.execute("INSERT INTO things (word) VALUES ('inner')")
            db.after_commit(lambda: done.append("inner"))
            db.after_rollback(lambda: done.append("undo inner"))
            raise RuntimeError
        assert done == ["undo inner"]
    assert [row["word"] for row in db.query("SELECT word FROM things")] == ["outer"]
    assert done == ["undo inner", "outer"]


def test_what_follows_a_commit_or_rollback_runs_once_and_only_then(db) -> None:
    done: list[str] = []
    with pytest.raises(RuntimeError), transaction(db):
        db.after_commit(lambda: done.append("commit"))
        db.after_rollback(lambda: done.append("rollback"))
        raise RuntimeError
    with transaction(db):
        db.after_rollback(lambda: done.append("never"))
    assert done == ["rollback"]


def test_threads_do_not_see_or_join_each_others_transactions(db) -> None:
    inside, seen = threading.Event(), []

    def read() -> None:
        inside.wait()
        seen.append(count(db))

    reader = threading.Thread(target=read)
    reader.start()
    with pytest.raises(RuntimeError), transaction(db):
        db.execute("INSERT INTO things (word) VALUES ('uncommitted')")
        inside.set()
        time.sleep(0.05)
        raise RuntimeError
    reader.join()
    assert seen == [0]


def test_many_threads_lose_no_update(db) -> None:
    db.execute("INSERT INTO things VALUES (1, '0')")

    def raise_by_ten() -> None:
        for _ in range(10):
            with transaction(db):
                word = int(db.execute("SELECT word FROM things").fetchone()[0])
                db.execute("UPDATE things SET word = ?", [str(word + 1)])

    threads = [threading.Thread(target=raise_by_ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.execute("SELECT word FROM things").fetchone()[0] == "40"


def test_two_processes_write_to_one_file_and_lose_nothing(db, tmp_path: Path) -> None:
    program = (
        "from tests.test_database import *\n"
        f"db = open_database(Path({str(tmp_path / 'things.db')!r}), THINGS)\n"
        "for _ in range(20):\n"
        "    with transaction(db):\n"
        "        db.execute('INSERT INTO things (word) VALUES (?)', ['other'])\n"
    )
    other = subprocess.Popen([sys.executable, "-c", program])
    for _ in range(20):
        with transaction(db):
            db.execute("INSERT INTO things (word) VALUES ('mine')")
    assert other.wait(30) == 0
    assert count(db) == 40


def test_a_file_that_another_process_holds_is_unavailable_not_a_crash(db, tmp_path: Path) -> None:
    db.execute("PRAGMA busy_timeout = 50").fetchone()
    holder = sqlite3.connect(tmp_path / "things.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as refused, transaction(db):
        pass
    holder.close()
    assert refused.value.retry_after_seconds == 1
    with transaction(db):
        db.execute("INSERT INTO things (word) VALUES ('later')")
    assert count(db) == 1


def test_a_full_disk_is_storage_full_and_the_transaction_is_undone(db) -> None:
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone()
    undone: list[str] = []
    with pytest.raises(StorageFull), transaction(db):
        db.after_rollback(lambda: undone.append("yes"))
        db.execute("INSERT INTO things (word) VALUES (?)", ["x" * 100_000])
    assert undone == ["yes"]
    assert count(db) == 0


def test_constraints_stay_sqlite_errors(db) -> None:
    db.execute("INSERT INTO things VALUES (1, 'a')")
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO things VALUES (1, 'b')")


def test_a_closed_database_is_locked(db) -> None:
    db.close()
    with pytest.raises(Locked):
        count(db)
    with pytest.raises(Locked), transaction(db):
        pass


def test_a_file_that_is_no_database_is_a_broken_seal(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(SealBroken):
        open_database(path, THINGS)


def test_damaged_pages_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    opened = open_database(path, THINGS)
    with transaction(opened):
        for _ in range(50):
            opened.execute("INSERT INTO things (word) VALUES (?)", ["w" * 500])
    assert opened.is_whole()
    opened.close()
    raw = bytearray(path.read_bytes())
    for page in range(2, len(raw) // 4096):
        raw[page * 4096 : page * 4096 + 16] = b"\xa5" * 16
    path.write_bytes(raw)
    with pytest.raises(SealBroken):
        broken = open_database(path, THINGS)
        try:
            assert not broken.is_whole()
            [*broken.query("SELECT * FROM things")]
        finally:
            broken.close()


def test_migrations_run_once_in_order_and_a_newer_schema_is_refused(tmp_path: Path) -> None:
    newer = Migrations("things")
    newer(name="001_things")(_things)
    newer(name="002_more")(lambda db: db.execute("ALTER TABLE things ADD COLUMN more TEXT"))
    path = tmp_path / "things.db"
    open_database(path, THINGS).close()
    for _ in range(2):
        opened = open_database(path, newer)
        opened.execute("INSERT INTO things (word, more) VALUES ('a', 'b')")
        assert [done.name for done in newer.applied(opened)] == ["001_things", "002_more"]
        opened.close()
    with pytest.raises(Fault, match="newer version"):
        open_database(path, THINGS)


def test_a_failed_migration_leaves_the_old_schema(tmp_path: Path) -> None:
    def fail(db: Database) -> None:
        db.execute("ALTER TABLE things ADD COLUMN half TEXT")
        raise RuntimeError

    broken = Migrations("things")
    broken(name="001_things")(_things)
    broken(name="002_broken")(fail)
    path = tmp_path / "things.db"
    open_database(path, THINGS).close()
    with pytest.raises(RuntimeError):
        open_database(path, broken)
    opened = open_database(path, THINGS)
    assert "half" not in opened.execute("SELECT sql FROM sqlite_master").fetchone()[0]
    opened.close()


def test_threads_that_open_a_new_file_at_once_migrate_it_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            open_database(tmp_path / "new.db", THINGS).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_log_that_can_not_be_erased_now_is_erased_after_a_later_commit(db, tmp_path) -> None:
    log, done = tmp_path / "things.db-wal", []
    db.execute("INSERT INTO things VALUES (1, 'a secret word')")
    reader = sqlite3.connect(tmp_path / "things.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM things").fetchall()
    with transaction(db):
        db.execute("DELETE FROM things")
        db.erase_log_after_commit()
        db.after_commit(lambda: done.append("yes"))
    assert done == ["yes"]
    assert b"a secret word" in log.read_bytes()
    reader.close()
    with transaction(db):
        db.execute("INSERT INTO things VALUES (2, 'other')")
    for path in tmp_path.iterdir():
        assert b"a secret word" not in path.read_bytes()
