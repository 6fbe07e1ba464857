"""The log only grows, and every way to change it afterwards is found."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import audit
from tests.homes import NOW, open_registry, open_store, quick
from workspace import sealing
from workspace.errors import SealBroken
from workspace.rows import canonical_json
from workspace.store import WorkspaceStore

COLUMNS = ["seq", "at", "action", "actor", "object_id", "facts", "previous", "hash", "mac"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WorkspaceStore]:
    with open_store(tmp_path) as opened:
        yield opened


def fill(store: WorkspaceStore, count: int = 5) -> None:
    with store.transaction():
        for number in range(count):
            audit.append(
                store,
                "generation.admitted",
                f"gen_{number}",
                "key_1",
                NOW + timedelta(seconds=number),
                n=number,
                pack="mannequin",
            )


def without_triggers(store: WorkspaceStore, *statements: str) -> None:
    """Change the log as somebody with the file, but without the keys, would."""
    triggers = [*store.db.query("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")]
    for trigger in triggers:
        store.db.execute(f"DROP TRIGGER {trigger['name']}")
    for statement in statements:
        store.db.execute(statement)
    for trigger in triggers:
        store.db.execute(trigger["sql"])


def test_entries_are_numbered_chained_and_come_back_in_order(store) -> None:
    fill(store)
    found = audit.entries(store)
    assert [entry.seq for entry in found] == [1, 2, 3, 4, 5]
    assert [entry.previous for entry in found[1:]] == [entry.hash for entry in found[:-1]]
    assert (found[2].object_id, found[2].facts) == ("gen_2", {"n": 2, "pack": "mannequin"})
    assert audit.verify(store) == audit.AuditReport(True, 5, found[-1].hash, None)


def test_an_empty_log_is_intact(store) -> None:
    assert audit.verify(store) == audit.AuditReport(True, 0, "0" * 64, None)
    assert [*audit.export(store)] == []


def test_entries_are_paged(store) -> None:
    fill(store)
    assert [entry.seq for entry in audit.entries(store, 2, 2)] == [3, 4]
    assert audit.entries(store, 5) == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit",
        "UPDATE audit SET actor = 'someone' WHERE seq = 2",
        "UPDATE audit SET facts = '{}'",
        "INSERT OR REPLACE INTO audit SELECT 2, at, 'x', actor, object_id, facts, previous, hash,"
        " mac FROM audit WHERE seq = 1",
        "INSERT INTO audit SELECT 9, at, action, actor, object_id, facts, previous, hash, mac"
        " FROM audit WHERE seq = 1",
    ],
)
def test_the_table_refuses_changes(store, statement: str) -> None:
    fill(store)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        store.db.execute(statement)
    assert audit.verify(store).intact


@pytest.mark.parametrize("column", COLUMNS)
def test_a_change_of_any_column_is_found(store, column: str) -> None:
    fill(store)
    value = "0" if column == "seq" else f"substr({column}, 1, length({column}) - 1) || '~'"
    without_triggers(store, f"UPDATE audit SET {column} = {value} WHERE seq = 3")
    report = audit.verify(store)
    assert not report.intact
    assert report.first_broken == (1 if column == "seq" else 3)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_removed_entry_is_found(store, seq: int) -> None:
    fill(store)
    without_triggers(store, f"DELETE FROM audit WHERE seq = {seq}")
    report = audit.verify(store)
    assert (report.intact, report.first_broken) == (False, seq)


def test_a_removed_and_closed_gap_is_found(store) -> None:
    fill(store)
    without_triggers(
        store,
        "DELETE FROM audit WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 4",
        "UPDATE audit SET seq = 4 WHERE seq = 5",
    )
    report = audit.verify(store)
    assert (report.intact, report.first_broken) == (False, 3)


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_a_cut_tail_is_found_and_the_log_takes_no_more_entries(store, kept: int) -> None:
    fill(store)
    without_triggers(store, f"DELETE FROM audit WHERE seq > {kept}")
    report = audit.verify(store)
    assert (report.intact, report.first_broken) == (False, kept + 1)
    with pytest.raises(SealBroken):
        fill(store, 1)


def test_swapped_entries_are_found(store) -> None:
    fill(store)
    without_triggers(
        store,
        "UPDATE audit SET seq = 99 WHERE seq = 2",
        "UPDATE audit SET seq = 2 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 99",
    )
    report = audit.verify(store)
    assert (report.intact, report.first_broken) == (False, 2)


def test_an_entry_before_the_first_is_found(store) -> None:
    fill(store)
    without_triggers(
        store,
        "INSERT INTO audit SELECT -4, at, action, actor, object_id, facts, previous, hash, mac"
        " FROM audit WHERE seq = 1",
    )
    assert audit.verify(store).first_broken == 1


@quick
@given(
    st.sampled_from(["delete", "swap", *COLUMNS]), st.integers(1, 5), st.integers(1, 5), st.text()
)
def test_whatever_is_done_to_one_entry_is_found(
    store, what: str, first: int, second: int, text: str
) -> None:
    if not audit.entries(store):
        fill(store)
    kept = [tuple(row.values()) for row in store.db.query("SELECT * FROM audit ORDER BY seq")]
    changed = [list(row) for row in kept]
    if what == "delete":
        del changed[first - 1]
    elif what == "swap":
        changed[first - 1][1:], changed[second - 1][1:] = kept[second - 1][1:], kept[first - 1][1:]
    else:
        column = COLUMNS.index(what)
        changed[first - 1][column] = second if what == "seq" else text
    replace_all(store, changed)
    same = [tuple(row) for row in changed] == kept
    assert audit.verify(store).intact is same
    replace_all(store, kept)
    assert audit.verify(store).intact


def replace_all(store: WorkspaceStore, rows: list[Any]) -> None:
    triggers = [*store.db.query("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")]
    with store.transaction():
        for trigger in triggers:
            store.db.execute(f"DROP TRIGGER {trigger['name']}")
        store.db.execute("DELETE FROM audit")
        for row in rows:
            marks = ", ".join("?" * len(COLUMNS))
            store.db.execute(f"INSERT OR REPLACE INTO audit VALUES ({marks})", row)
        for trigger in triggers:
            store.db.execute(trigger["sql"])


def forged(store: WorkspaceStore, key: bytes, **changes: Any) -> list[str]:
    """Rewrite the chain from entry 3 on with right hashes, as a forger without our key would."""
    statements = []
    entries = audit.entries(store)
    previous = entries[1].hash
    for entry in entries[2:]:
        words = {
            "seq": entry.seq,
            "at": entry.at,
            "action": entry.action,
            "actor": entry.actor,
            "object_id": entry.object_id,
            "facts": entry.facts,
        }
        words |= changes if entry.seq == 3 else {}
        digest = hashlib.sha256((previous + canonical_json(words)).encode()).hexdigest()
        mac = sealing.keyed_hash(key, digest)
        statements.append(
            f"UPDATE audit SET actor = '{words['actor']}', previous = '{previous}',"
            f" hash = '{digest}', mac = '{mac}' WHERE seq = {entry.seq}"
        )
        previous = digest
    return statements


def test_a_rewritten_chain_is_found_where_it_begins(store) -> None:
    fill(store)
    without_triggers(store, *forged(store, bytes(32), actor="someone"))
    report = audit.verify(store)
    assert (report.intact, report.first_broken) == (False, 3)


def test_even_with_the_entries_key_the_sealed_head_does_not_agree(store) -> None:
    fill(store)
    key = store.derive("audit mac v1")
    without_triggers(store, *forged(store, key, actor="someone"))
    report = audit.verify(store)
    assert (report.intact, report.first_broken) == (False, 6)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM meta",
        "UPDATE meta SET sealed = x'00'",
        "UPDATE meta SET sealed = substr(sealed, 1, 30) || substr(sealed, 30)",
    ],
)
def test_a_lost_head_is_found(store, statement: str) -> None:
    fill(store)
    store.db.execute(statement)
    assert not audit.verify(store).intact
    with pytest.raises(SealBroken):
        fill(store, 1)


def test_the_log_of_another_workspace_does_not_fit(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        first, second = (registry.store(registry.create(name, "pro", NOW).id) for name in "ab")
        fill(first)
        for row in [*first.db.query("SELECT * FROM audit")]:
            second.db.execute(
                f"INSERT INTO audit VALUES ({', '.join('?' * len(COLUMNS))})", [*row.values()]
            )
        assert audit.verify(second).first_broken == 1


def test_dropped_triggers_are_reported_by_the_store(store) -> None:
    store.db.execute("DROP TRIGGER audit_keeps_words")
    assert store.verify().damaged == ("store.db",)


def test_an_entry_is_part_of_the_callers_transaction(store) -> None:
    fill(store, 2)
    with pytest.raises(RuntimeError), store.transaction():
        fill(store, 1)
        raise RuntimeError
    assert audit.verify(store).entries == 2
    fill(store, 1)
    assert audit.verify(store) == audit.AuditReport(True, 3, audit.entries(store)[-1].hash, None)


def test_threads_append_without_a_gap(store) -> None:
    threads = [threading.Thread(target=fill, args=(store, 8)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = audit.verify(store)
    assert (report.intact, report.entries) == (True, 32)


def test_the_log_goes_on_after_a_restart(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        workspace = registry.create("a", "pro", NOW)
        fill(registry.store(workspace.id), 2)
    with open_registry(tmp_path) as registry:
        store = registry.store(workspace.id)
        fill(store, 2)
        assert audit.verify(store).entries == 4


def test_an_export_can_be_checked_without_any_key(store) -> None:
    fill(store, 3)
    previous = "0" * 64
    for number, line in enumerate(audit.export(store), 1):
        entry = json.loads(line)
        words = {
            name: entry[name] for name in ("seq", "at", "action", "actor", "object_id", "facts")
        }
        assert entry["seq"] == number
        assert entry["previous"] == previous
        previous = hashlib.sha256(
            (previous + json.dumps(words, sort_keys=True, separators=(",", ":"))).encode()
        ).hexdigest()
        assert entry["hash"] == previous


@pytest.mark.parametrize(
    "facts",
    [
        {"prompt": "a person"},
        {"name": "Ada"},
        {"what": {"deep": 1}},
        {"what": b"bytes"},
        {"what": "x" * 301},
        {"what": float("nan")},
    ],
)
def test_what_does_not_belong_into_the_log_is_a_program_error(store, facts: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        audit.append(store, "x", "gen_1", "key_1", NOW, **facts)
    assert audit.entries(store) == []


FACTS = st.dictionaries(
    st.text(alphabet="abcdef_", min_size=1, max_size=8),
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30),
    max_size=4,
)


@quick
@given(FACTS)
def test_any_facts_stay_intact(store, facts: dict[str, Any]) -> None:
    number = audit.append(store, "x.y", "gen_1", "key_1", NOW, **facts)
    assert audit.entries(store, number - 1)[0].facts == facts
    assert audit.verify(store).intact
