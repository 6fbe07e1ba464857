"""Workspaces are apart, their names sealed; locking and destroying hold at once, everywhere."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.homes import NOW, ROOT_KEY, bytes_under, open_registry
from workspace.errors import Conflict, InvalidRequest, Locked, NotFound, SealBroken, StorageFull
from workspace.registry import Registry

NAME = "Maison Canari 7731"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with open_registry(tmp_path / "home") as opened:
        yield opened


OTHER = """
import sys
from pathlib import Path
from tests.homes import *
with open_registry(Path(sys.argv[1])) as registry:
    for line in sys.stdin:
        print(eval(line), flush=True)
"""


class OtherProcess:
    """A second process over the same home, as the command line beside the service is."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, expression: str) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(f"{expression}\n")
        stdin.flush()
        return stdout.readline().strip()

    def end(self) -> None:
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0


def test_a_workspace_is_found_by_id_and_by_name_in_any_case(registry) -> None:
    made = registry.create(f"  {NAME} ", "pro", NOW)
    assert made.name == NAME
    assert registry.get(made.id) == made == registry.by_name(NAME.upper())
    assert registry.list() == [made]
    assert registry.ids() == (made.id,)


def test_workspaces_are_listed_oldest_first(registry) -> None:
    for number in (2, 0, 1):
        registry.create(f"w{number}", "pro", NOW + timedelta(days=number))
    assert [workspace.name for workspace in registry.list()] == ["w0", "w1", "w2"]


@pytest.mark.parametrize("other", [NAME, NAME.lower(), f" {NAME}", "Maison Canari 7731"])
def test_a_name_is_taken_once(registry, other: str) -> None:
    registry.create(NAME, "pro", NOW)
    with pytest.raises(Conflict):
        registry.create(other, "pro", NOW)
    assert len(registry.list()) == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\nb", "a\x00b", "\u202eabc"])
def test_a_name_that_is_none_is_refused(registry, name: str) -> None:
    with pytest.raises(InvalidRequest):
        registry.create(name, "pro", NOW)
    assert registry.list() == []


def test_what_is_not_there_is_not_found(registry) -> None:
    for ask in (registry.get, registry.by_name, registry.store, registry.lock, registry.destroy):
        with pytest.raises(NotFound):
            ask("ws_none")


def test_names_and_keys_are_not_on_disk_in_clear(registry, tmp_path: Path) -> None:
    registry.create(NAME, "enterprise", NOW)
    found = bytes_under(tmp_path)
    assert b"enterprise" in found
    assert b"Canari" not in found
    assert ROOT_KEY not in found
    assert ROOT_KEY.hex().encode() not in found


def test_one_workspace_sees_nothing_of_another(registry) -> None:
    first, second = (registry.store(registry.create(name, "pro", NOW).id) for name in "ab")
    first.put("models", "mdl_1", {"name": "Ada"}, status="ready", created_at="2026")
    asset = first.assets.put(b"photo", "close_up", "mdl_1", "image/png")
    assert second.find("models") == []
    for ask in (lambda: second.get("models", "mdl_1"), lambda: second.assets.get(asset)):
        with pytest.raises(NotFound):
            ask()


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        workspace = registry.create(NAME, "pro", NOW)
        store = registry.store(workspace.id)
        store.put("models", "mdl_1", {"name": "Ada"}, status="ready", created_at="2026")
    with open_registry(tmp_path) as registry:
        assert registry.get(workspace.id) == workspace
        assert registry.store(workspace.id).get("models", "mdl_1").private == {"name": "Ada"}


def test_another_root_key_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        registry.create(NAME, "pro", NOW)
    with pytest.raises(Locked, match="root key"):
        Registry(tmp_path, bytes(32))
    with open_registry(tmp_path) as registry:
        assert registry.by_name(NAME)


def test_a_locked_workspace_stays_closed_until_unlocked(registry) -> None:
    workspace = registry.create(NAME, "pro", NOW)
    store = registry.store(workspace.id)
    store.put_note("n", {"a": 1})
    registry.lock(workspace.id)
    assert registry.get(workspace.id).locked
    with pytest.raises(Locked):
        registry.store(workspace.id)
    with pytest.raises(Locked):
        store.note("n")  # also for those who still hold the store
    registry.unlock(workspace.id)
    assert registry.store(workspace.id).note("n") == {"a": 1}


def test_what_another_process_does_is_seen_at_once(registry, tmp_path: Path) -> None:
    other = OtherProcess(tmp_path / "home")
    made = other.do("registry.create('other', 'pro', NOW).id")
    store = registry.store(made)
    assert registry.by_name("other").id == made
    other.do(f"registry.store({made!r}).put_note('from', {{'other': True}})")
    assert store.note("from") == {"other": True}
    other.do(f"registry.set_plan({made!r}, 'starter')")
    assert registry.store(made).workspace.plan == "starter"
    other.do(f"registry.lock({made!r})")
    with pytest.raises(Locked):
        registry.store(made)
    other.do(f"registry.destroy({made!r})")
    with pytest.raises(NotFound):
        registry.store(made)
    other.end()


def test_threads_that_open_a_store_get_the_same_one(registry) -> None:
    workspace = registry.create(NAME, "pro", NOW)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(registry.store(workspace.id)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(store) for store in found}) == 1


def test_a_destroyed_workspace_leaves_no_key_file_or_row(registry, tmp_path: Path) -> None:
    workspace = registry.create(NAME, "pro", NOW)
    kept = registry.create("kept", "pro", NOW)
    registry.store(workspace.id).assets.put(b"photo", "close_up", "mdl_1", "image/png")
    registry.control.execute(
        "INSERT INTO api_keys (id, workspace_id, hash, scopes, created_at) VALUES"
        " ('key_1', ?, 'h', 'admin', '2026')",
        [workspace.id],
    )
    sql = "SELECT wrapped_key FROM workspaces WHERE id = ?"
    wrapped = registry.control.execute(sql, [workspace.id]).fetchone()[0]
    assert wrapped in bytes_under(tmp_path)
    registry.destroy(workspace.id)
    assert wrapped not in bytes_under(tmp_path)
    assert not (tmp_path / "home" / "workspaces" / workspace.id).exists()
    assert registry.list() == [kept]
    assert registry.control.execute("SELECT COUNT(*) FROM api_keys").fetchone()[0] == 0
    with pytest.raises(NotFound):
        registry.get(workspace.id)
    registry.create(NAME, "pro", NOW)  # the name is free again


def test_a_destroy_that_was_cut_off_is_finished_at_the_next_start(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        workspace = registry.create(NAME, "pro", NOW)
        registry.control.execute("UPDATE workspaces SET wrapped_key = NULL")
        with pytest.raises(NotFound):
            registry.store(workspace.id)
        assert registry.list() == []
    with open_registry(tmp_path) as registry:
        assert not (tmp_path / "workspaces" / workspace.id).exists()
        assert registry.control.execute("SELECT COUNT(*) FROM workspaces").fetchone()[0] == 0


def test_a_workspace_that_can_not_be_made_is_not_half_made(registry, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise StorageFull

    with monkeypatch.context() as patch:
        patch.setattr("workspace.registry.WorkspaceStore", full)
        with pytest.raises(StorageFull):
            registry.create(NAME, "pro", NOW)
    assert registry.list() == []
    assert registry.create(NAME, "pro", NOW)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE workspaces SET plan = 'enterprise'",
        "UPDATE workspaces SET created_at = '2020-01-01T00:00:00+00:00'",
        "UPDATE workspaces SET created_at = CAST(created_at AS BLOB)",
        "UPDATE workspaces SET sealed = x'01'",
        "UPDATE workspaces SET sealed = substr(sealed, 1, 20) || x'00' || substr(sealed, 22)",
    ],
)
def test_a_changed_control_row_is_detected_and_reported(registry, change: str) -> None:
    workspace = registry.create(NAME, "starter", NOW)
    assert registry.verify().intact
    registry.control.execute(change)
    for ask in (registry.get, registry.store):
        with pytest.raises(SealBroken):
            ask(workspace.id)
    assert registry.verify().damaged == (f"workspaces/{workspace.id}",)
    assert registry.ids() == (workspace.id,)  # still named, to be looked at


def test_flipping_any_byte_of_a_workspace_key_is_detected(registry) -> None:
    workspace = registry.create(NAME, "pro", NOW)
    good = registry.control.execute("SELECT wrapped_key FROM workspaces").fetchone()[0]
    for at in range(len(good)):
        bad = good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :]
        registry.control.execute("UPDATE workspaces SET wrapped_key = ?", [bad])
        assert registry.verify().damaged == (f"workspaces/{workspace.id}",)


def test_workspace_keys_can_not_be_exchanged(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        first, second = (registry.create(name, "pro", NOW).id for name in "ab")
    with open_registry(tmp_path) as registry:
        registry.control.execute(
            "UPDATE workspaces SET wrapped_key ="
            " (SELECT wrapped_key FROM workspaces WHERE id = ?) WHERE id = ?",
            [first, second],
        )
        with pytest.raises(SealBroken):
            registry.store(second)


def test_other_control_rows_are_sealed_to_their_place(registry) -> None:
    sealed = registry.seal("api_keys", "key_1", {"label": "night job"})
    assert registry.open("api_keys", "key_1", sealed) == {"label": "night job"}
    assert b"night" not in sealed
    for table, row_id in (("api_keys", "key_2"), ("sessions", "key_1")):
        with pytest.raises(SealBroken):
            registry.open(table, row_id, sealed)
    with pytest.raises(SealBroken):
        registry.open("api_keys", "key_1", None)


def test_a_damaged_control_file_is_reported(registry) -> None:
    registry.create(NAME, "pro", NOW)
    registry.control.execute("CREATE TABLE more (id TEXT)")
    assert registry.verify().damaged == ("control.db",)


def test_a_damaged_label_of_a_key_is_reported(registry) -> None:
    workspace = registry.create(NAME, "pro", NOW)
    row = {"id": "key_1", "workspace_id": workspace.id, "hash": "h", "scopes": "admin"}
    sealed = registry.seal_right("api_keys", {**row, "created_at": "2026"}, {"label": "night job"})
    registry.control.execute(
        "INSERT INTO api_keys (id, workspace_id, hash, scopes, created_at, sealed) VALUES"
        " ('key_1', ?, 'h', 'admin', '2026', ?)",
        [workspace.id, sealed],
    )
    assert registry.verify().intact
    registry.control.execute("UPDATE api_keys SET sealed = substr(sealed, 2)")
    assert registry.verify().damaged == ("api_keys/key_1",)


def test_moving_to_another_plan_keeps_everything_else(registry) -> None:
    workspace = registry.create(NAME, "starter", NOW)
    assert registry.set_plan(workspace.id, "pro").plan == "pro"
    assert registry.get(workspace.id).name == NAME
    assert registry.store(workspace.id).workspace.plan == "pro"
