"""Rows open only where they were put and as they were put; everything else is reported."""

from __future__ import annotations

import random
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.homes import NOW, bytes_under, open_registry, open_store, quick
from workspace.errors import Fault, Locked, NotFound, SealBroken
from workspace.rows import BOUND
from workspace.store import WorkspaceStore

WHEN = "2026-11-22T12:00:00+00:00"
CANARY = "Canary Name Ωmega-7731"
COLUMNS: dict[str, dict[str, Any]] = {
    "models": {"status": "ready", "created_at": WHEN},
    "consents": {
        "model_id": "mdl_1",
        "version": 1,
        "status": "active",
        "starts_at": WHEN,
        "expires_at": WHEN,
        "created_at": WHEN,
    },
    "products": {"category": "dress", "created_at": WHEN},
    "generations": {
        "status": "queued",
        "tool": "editorial",
        "model_id": "mdl_1",
        "created_at": WHEN,
        "actor": "key_1",
    },
    "images": {
        "generation_id": "gen_1",
        "k": 0,
        "model_id": "mdl_1",
        "seed": 7,
        "created_at": WHEN,
    },
    "assets": {},
    "meta": {},
    "uses": {
        "generation_id": "gen_1",
        "model_id": "mdl_1",
        "consent_id": "cns_1",
        "made_at": WHEN,
    },
    "publications": {"image_id": "img_1", "model_id": "mdl_1", "published_at": WHEN},
    "image_approvals": {"model_id": "mdl_1", "status": "pending", "created_at": WHEN},
    "campaigns": {"model_id": "mdl_1", "status": "pending", "created_at": WHEN},
    "fingerprints": {"created_at": WHEN},
    "drafts": {"owner": "key_1", "created_at": WHEN, "expires_at": WHEN},
    "pictures": {"created_at": WHEN, "expires_at": WHEN},
    "candidates": {"owner": "key_1", "created_at": WHEN, "expires_at": WHEN},
}
SECOND: dict[str, dict[str, Any]] = {"consents": {"version": 2}, "images": {"k": 1}}
SEALED = [table for table in BOUND if table != "assets"]  # assets have a test file of their own


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WorkspaceStore]:
    with open_store(tmp_path / "home") as opened:
        yield opened


def put(store: WorkspaceStore, table: str, row_id: str = "x_1", **changes: Any) -> None:
    store.put(table, row_id, {"name": CANARY, "prompt": [CANARY]}, **{**COLUMNS[table], **changes})


def behind_our_back(store: WorkspaceStore, sql: str, parameters: Any = ()) -> None:
    """Change the file as somebody with the file, but without the keys, would."""
    with sqlite3.connect(store.folder / "store.db", isolation_level=None) as connection:
        connection.execute(sql, parameters)
    connection.close()


@pytest.mark.parametrize("table", SEALED)
def test_a_row_comes_back_as_it_was_put(store, table: str) -> None:
    put(store, table)
    row = store.get(table, "x_1")
    assert row.private == {"name": CANARY, "prompt": [CANARY]}
    assert {name: row.columns[name] for name in COLUMNS[table]} == COLUMNS[table]
    assert not {"sealed", "_wrapped", "id"} & set(row.columns)


@pytest.mark.parametrize("table", SEALED)
def test_flipping_any_byte_of_a_sealed_column_is_detected_and_reported(store, table: str) -> None:
    put(store, table)
    good = store.db.execute(f"SELECT sealed FROM {table} WHERE id = 'x_1'").fetchone()[0]
    for at in range(len(good)):
        bad = good[:at] + bytes([good[at] ^ 0x01]) + good[at + 1 :]
        store.db.execute(f"UPDATE {table} SET sealed = ? WHERE id = 'x_1'", [bad])
        with pytest.raises(SealBroken):
            store.get(table, "x_1")
    assert store.verify().damaged == (f"{table}/x_1",)
    store.db.execute(f"UPDATE {table} SET sealed = ? WHERE id = 'x_1'", [good])
    assert store.verify().intact


@pytest.mark.parametrize("table", SEALED)
def test_flipping_any_byte_of_a_wrapped_key_is_detected_and_reported(store, table: str) -> None:
    put(store, table)
    good = store.db.execute("SELECT wrapped FROM object_keys").fetchone()[0]
    for at in range(len(good)):
        bad = good[:at] + bytes([good[at] ^ 0x80]) + good[at + 1 :]
        store.db.execute("UPDATE object_keys SET wrapped = ?", [bad])
        with pytest.raises(SealBroken):
            store.get(table, "x_1")
    assert store.verify().damaged == (f"{table}/x_1",)


@pytest.mark.parametrize(("table", "column"), [(t, c) for t in SEALED for c in BOUND[t]])
def test_a_changed_bound_column_is_detected(store, table: str, column: str) -> None:
    put(store, table)
    decided = table in ("image_approvals", "campaigns")
    other = "9" if column != "status" else "approved" if decided else "revoked"
    behind_our_back(store, f"UPDATE {table} SET {column} = ?", [other])
    with pytest.raises(SealBroken):
        store.get(table, "x_1")
    assert store.verify().damaged == (f"{table}/x_1",)


@pytest.mark.parametrize("table", SEALED)
def test_rows_can_not_be_swapped_or_renamed(store, table: str) -> None:
    put(store, table)
    put(store, table, "x_2", **SECOND.get(table, {}))
    behind_our_back(store, f"UPDATE {table} SET id = 'x_3' WHERE id = 'x_1'")
    for wanted in ("x_3",):
        with pytest.raises(SealBroken):
            store.get(table, wanted)
    # The row x_1 is gone without its key having been destroyed: that is reported, too.
    assert set(store.verify().damaged) == {f"{table}/x_1", f"{table}/x_3"}
    behind_our_back(
        store,
        f"UPDATE {table} SET id = 'x_1', sealed = (SELECT sealed FROM {table} WHERE id = 'x_2')"
        " WHERE id = 'x_3'",
    )
    with pytest.raises(SealBroken):
        store.get(table, "x_1")


def test_rows_with_their_keys_can_not_be_moved_between_workspaces(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        first, second = (registry.store(registry.create(n, "pro", NOW).id) for n in ("a", "b"))
        for store in (first, second):
            put(store, "models")
        for table, condition in (("models", "id = 'x_1'"), ("object_keys", "1")):
            for row in [*first.db.query(f"SELECT * FROM {table} WHERE {condition}")]:
                column = "sealed" if table == "models" else "wrapped"
                second.db.execute(f"UPDATE {table} SET {column} = ?", [row[column]])
        with pytest.raises(SealBroken):
            second.get("models", "x_1")


def test_a_row_without_its_key_is_reported(store) -> None:
    put(store, "models")
    behind_our_back(store, "DELETE FROM object_keys")
    with pytest.raises(SealBroken):
        store.get("models", "x_1")
    assert store.verify().damaged == ("models/x_1",)


def test_a_key_that_belongs_to_nothing_or_does_not_open_is_reported(store) -> None:
    put(store, "models")
    wrapped = store.db.execute("SELECT wrapped FROM object_keys").fetchone()[0]
    sql = "INSERT INTO object_keys VALUES (?, ?)"
    behind_our_back(store, sql, ["models:x_2", wrapped])
    assert store.verify().damaged == ("object_keys/models:x_2",)
    behind_our_back(store, "DELETE FROM object_keys WHERE object_id = 'models:x_2'")
    store._keys.obtain("unknown:x_3")
    assert store.verify().damaged == ("unknown/x_3",)


@pytest.mark.parametrize("column", ["created_at", "kind", "id"])
def test_a_text_that_became_something_else_is_detected(store, column: str) -> None:
    put(store, "models")
    behind_our_back(store, f"UPDATE models SET {column} = x'ff80'")
    assert store.verify().damaged
    assert all(isinstance(name, str) for name in store.verify().damaged)


@pytest.mark.parametrize("value", ["text", None, 5, b""])
def test_something_else_in_a_sealed_column_is_detected(store, value: Any) -> None:
    put(store, "models")
    if value is None:
        value = b"\x01"
    store.db.execute("UPDATE models SET sealed = ?", [value])
    with pytest.raises(SealBroken):
        store.get("models", "x_1")
    assert store.verify().damaged == ("models/x_1",)


def test_a_status_that_does_not_exist_is_reported(store) -> None:
    put(store, "models")
    store.db.execute("PRAGMA ignore_check_constraints = ON")
    store.db.execute("UPDATE models SET status = 'readz'")
    store.db.execute("PRAGMA ignore_check_constraints = OFF")
    assert "store.db" in store.verify().damaged


def test_a_damaged_file_is_reported_not_a_crash(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        workspace = registry.create("a", "pro", NOW)
        store = registry.store(workspace.id)
        for number in range(60):
            put(store, "models", f"mdl_{number}")
        path = store.folder / "store.db"
    raw = bytearray(path.read_bytes())
    leaf_of_a_table = 0x0D
    for start in range(0, len(raw), 4096):
        if raw[start] == leaf_of_a_table and b"mdl_" in raw[start : start + 4096]:
            raw[start : start + 64] = b"\xa5" * 64
    path.write_bytes(raw)
    with open_registry(tmp_path) as registry:
        assert "store.db" in registry.store(workspace.id).verify().damaged


def test_nothing_private_is_on_disk_in_clear(store, tmp_path: Path) -> None:
    with store.transaction():
        for table in SEALED:
            put(store, table)
    for table in SEALED:
        put(store, table)  # once more, as an update
    found = bytes_under(tmp_path)
    assert b"queued" in found  # the search does see what the write-ahead log holds
    for encoded in (CANARY.encode(), b"Canary Name", b"7731", CANARY.encode("utf-16-le")):
        assert encoded not in found


def test_files_and_folders_are_private(store, tmp_path: Path) -> None:
    put(store, "models")
    for path in [tmp_path / "home", *(tmp_path / "home").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name


def test_putting_again_replaces_the_content_and_the_given_columns_only(store) -> None:
    put(store, "generations")
    store.update("generations", "x_1", step=3)
    store.put("generations", "x_1", {"prompt": "new"}, status="running")
    row = store.get("generations", "x_1")
    assert row.private == {"prompt": "new"}
    assert (row.columns["status"], row.columns["step"]) == ("running", 3)


def test_a_bound_column_may_be_changed_by_us(store) -> None:
    put(store, "models")
    store.update("models", "x_1", kind="synthetic", status="suspended")
    assert store.get("models", "x_1").columns["kind"] == "synthetic"
    assert store.verify().intact


def test_updating_a_damaged_row_does_not_make_it_good(store) -> None:
    put(store, "models")
    behind_our_back(store, "UPDATE models SET kind = 'synthetic'")
    with pytest.raises(SealBroken):
        store.update("models", "x_1", kind="real_person")
    assert store.verify().damaged == ("models/x_1",)


def test_rows_are_found_counted_and_ordered_by_plain_columns(store) -> None:
    for number in (3, 1, 2):
        put(store, "images", f"img_{number}", k=number)
    found = store.find("images", "k > ?", (1,), "k DESC", 5)
    assert [row.id for row in found] == ["img_3", "img_2"]
    assert [row.id for row in store.find("images", order_by="k", limit=1)] == ["img_1"]
    assert store.count("images", "k >= ?", (2,)) == 2
    assert store.count("models") == 0


def test_destroying_a_row_destroys_its_key_first(store) -> None:
    put(store, "models")
    assert store.destroy("models", "x_1")
    assert not store.destroy("models", "x_1")
    with pytest.raises(NotFound):
        store.get("models", "x_1")
    assert store.db.execute("SELECT COUNT(*) FROM object_keys").fetchone()[0] == 0
    assert store.verify().intact


def test_a_failed_transaction_leaves_neither_row_nor_key(store) -> None:
    with pytest.raises(RuntimeError), store.transaction():
        put(store, "models")
        raise RuntimeError
    assert store.verify().rows == 0
    assert store.db.execute("SELECT COUNT(*) FROM object_keys").fetchone()[0] == 0


def test_what_is_not_there_is_not_found(store) -> None:
    with pytest.raises(NotFound):
        store.get("models", "mdl_none")
    with pytest.raises(NotFound):
        store.update("models", "mdl_none", status="ready")
    assert store.note("none") is None


def test_other_tables_and_columns_are_program_errors(store) -> None:
    for call in (
        lambda: store.get("audit", "1"),
        lambda: store.put("object_keys", "1", {}),
        lambda: store.put("models", "1", {}, **{"status = 'x'; --": 1}),
    ):
        with pytest.raises(ValueError, match="not a"):
            call()


def test_a_note_is_kept_sealed(store, tmp_path: Path) -> None:
    store.put_note("head", {"entries": 3})
    store.put_note("head", {"entries": 4})
    assert store.note("head") == {"entries": 4}


def test_keyed_hashes_differ_between_workspaces_and_labels(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        first, second = (registry.store(registry.create(n, "pro", NOW).id) for n in ("a", "b"))
        hashes = {
            first.keyed_hash("one", "v"),
            first.keyed_hash("two", "v"),
            second.keyed_hash("one", "v"),
        }
        assert len(hashes) == 3


def test_a_closed_store_is_locked(store) -> None:
    put(store, "models")
    store.close()
    with pytest.raises(Locked):
        store.get("models", "x_1")
    with pytest.raises(Locked):
        store.verify()


PRIVATE = st.dictionaries(
    st.text(max_size=10),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=6,
    ),
    max_size=4,
)


@quick
@given(PRIVATE)
def test_any_json_comes_back(store, private: dict[str, Any]) -> None:
    if "inf" in str(private):
        return
    store.put("meta", "note", private)
    assert store.note("note") == private


def test_any_changed_byte_of_the_database_file_is_detected_or_changes_nothing(
    tmp_path: Path,
) -> None:
    """Flip single bits all over the file: either every value is what it was, or it is reported."""
    with open_registry(tmp_path) as registry:
        workspace = registry.create("a", "pro", NOW)
        store = registry.store(workspace.id)
        for table in SEALED:
            put(store, table)
        path = store.folder / "store.db"
    good = path.read_bytes()
    rng = random.Random(11)
    used = [at for at in range(len(good)) if good[at]]
    expected = _values(tmp_path, workspace.id)
    assert not isinstance(expected, SealBroken)
    missed = []
    for at in rng.sample(used, 80):
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << rng.randrange(8))]) + good[at + 1 :])
        found = _values(tmp_path, workspace.id)
        if not isinstance(found, SealBroken) and found != expected:
            missed.append(at)
    assert not missed


def _values(home: Path, workspace_id: str) -> list[Any] | SealBroken:
    """What the store holds, or the broken seal that reading or checking it reports."""
    with open_registry(home) as registry:
        try:
            store = registry.store(workspace_id)
            report = store.verify()
            if not report.intact:
                return SealBroken(str(report.damaged))
            return [
                (table, row.id, row.private, [row.columns[name] for name in BOUND[table]])
                for table in SEALED
                for row in store.find(table, order_by="id")
            ]
        except (SealBroken, Fault) as broken:
            return SealBroken(broken.detail)
