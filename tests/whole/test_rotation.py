"""New keys while others work: nothing fails or is touched, the old key opens nothing."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from serve.callers import auth, people
from tests.homes import NOW, open_registry
from workspace import backup, rotation
from workspace.errors import Locked, SealBroken
from workspace.registry import Registry
from workspace.rows import object_id
from workspace.sealing import seal
from workspace.store import WorkspaceStore
from workspace.tombstones import Tombstones
from workspace.types import WorkspaceId
from workspace.unseal import KeySource, Unseal
from workspace.vault import Vault

ROWS = 40
DAY = timedelta(days=1)


def source_of(home: Path) -> KeySource:
    return KeySource(Unseal("file", home, home / "root.key"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with its own key file, a workspace of 40 rows and an asset, a person and a key."""
    home = tmp_path / "home"
    source = source_of(home)
    source.create()
    registry = Registry(home, source)
    workspace = registry.create("atelier", "pro", NOW)
    store = registry.store(workspace.id)
    with store.transaction():
        for n in range(ROWS):
            store.put("products", f"prd_{n}", {"name": f"Coat {n}"}, created_at=NOW.isoformat())
    store.assets.put(b"photo" * 1000, "photo", "prd_0", "image/jpeg")
    people.add(registry, workspace.id, "Ada", ["creator"], "seven green parrots", NOW)
    registry.close()
    return home


@pytest.fixture
def opened(home: Path) -> Iterator[Registry]:
    registry = Registry(home, source_of(home))
    yield registry
    registry.close()


def first(registry: Registry) -> WorkspaceId:
    return registry.ids()[0]


def in_use(registry: Registry) -> WorkspaceStore:
    """The store after its second request: from then on it notices when its keys are replaced."""
    registry.store(first(registry))
    return registry.store(first(registry))


def test_after_a_new_root_key_all_opens_and_the_old_key_opens_nothing(home, opened) -> None:
    old = opened.root.key
    registry = Registry(home, source_of(home))
    assert rotation.rotate_root(registry, source_of(home)) >= 3
    registry.close()
    with pytest.raises(Locked, match="not the one"):
        Registry(home, old)
    again = Registry(home, source_of(home))
    assert again.root.key != old
    assert again.verify().intact
    assert again.by_name("ATELIER").name == "atelier"
    ada = people.by_name(again, first(again), "ada")
    assert people.check_password(again, ada.id, "seven green parrots")
    assert again.store(first(again)).verify().intact
    again.close()
    assert sorted(p.name for p in home.glob("root.key*")) == ["root.key"]


def test_an_open_home_goes_on_with_the_new_root_key(home, opened) -> None:
    _, secret = auth.create_key(opened, first(opened), frozenset({"generate"}), NOW)
    other = Registry(home, source_of(home))
    rotation.rotate_root(other, source_of(home))
    other.close()
    assert auth.authenticate(opened, secret, NOW).workspace_id == first(opened)
    key_id, _ = auth.create_key(opened, first(opened), frozenset({"generate"}), NOW)
    assert opened.verify().intact
    fresh = Registry(home, source_of(home))
    assert key_id in [key["id"] for key in auth.list_keys(fresh, first(fresh))]
    assert fresh.verify().intact
    fresh.close()


def test_graves_are_read_with_a_key_that_outlives_the_root_key(home, opened) -> None:
    copy = home.with_name("copy")
    opened.tombstones.bury("ws_1", "mdl_1", NOW, "erased")
    shutil.copytree(home, copy)  # as a backup is: under the root key of that time
    other = Registry(home, source_of(home))
    rotation.rotate_root(other, source_of(home))
    other.close()
    opened.tombstones.bury("ws_1", "mdl_2", NOW, "erased")  # open all the time
    earlier = Registry(copy, source_of(copy), opened.tombstones.path)
    for registry in (opened, earlier):
        found = [grave.object_id for grave in registry.tombstones.graves()]
        assert found == ["mdl_1", "mdl_2"]
    assert Tombstones(opened.tombstones.path, opened.root.key).count() == 0
    earlier.close()


def test_an_older_register_is_read_and_one_of_an_unknown_key_is_refused(home) -> None:
    source, path = source_of(home), home.with_name("home.tombstones")
    with sqlite3.connect(home / "control.db") as control:  # as an older home is
        control.execute("DELETE FROM meta WHERE key = 'register_key'")
        (workspace,) = control.execute("SELECT id FROM workspaces").fetchone()
    control.close()
    older = Tombstones(path, source.candidates()[0])
    older.bury(workspace, "mdl_1", NOW, "erased")
    stranger = Tombstones(path, bytes(32))
    stranger.bury(workspace, "mdl_1", NOW, "erased")  # says what is known; of another home, too
    stranger.bury("ws_of_others", "mdl_2", NOW, "erased")
    registry = Registry(home, source)
    assert [grave.object_id for grave in registry.tombstones.graves()] == ["mdl_1"]
    registry.close()
    with sqlite3.connect(home / "control.db") as control:
        control.execute("DELETE FROM meta WHERE key = 'register_key'")
    control.close()
    stranger.bury(workspace, "mdl_3", NOW, "erased")
    with pytest.raises(Locked, match="can't read"):
        Registry(home, source)


def test_a_home_whose_register_key_is_damaged_does_not_open(home) -> None:
    with sqlite3.connect(home / "control.db") as control:
        control.execute("UPDATE meta SET value = x'00' WHERE key = 'register_key'")
    control.close()
    with pytest.raises(Locked, match="register of the erased is damaged"):
        Registry(home, source_of(home))


def test_an_old_root_key_and_its_card_open_no_later_list(home, opened, tmp_path: Path) -> None:
    folder, old = tmp_path / "vault", opened.root.key
    first_name, _, _ = backup.backup(opened, folder, None, NOW, lambda _: None)
    card = (folder / "backup.json").read_bytes()
    rotation.rotate_root(opened, source_of(home))
    name, _, made = backup.backup(opened, folder, None, NOW + DAY, lambda _: None)
    assert made.bytes_written < sum(p.stat().st_size for p in (folder / "chunks").rglob("*"))
    now = Vault.open(folder, opened.root.key)
    assert now.read(first_name).root_key == old.hex()
    assert now.read(name).root_key == opened.root.key.hex()
    (folder / "backup.json").write_bytes(card)
    thief = Vault.open(folder, old)
    assert thief.read(first_name).root_key == old.hex()
    with pytest.raises(SealBroken):
        thief.read(name)


def test_who_has_the_key_of_chunks_cannot_swap_them(home, opened, tmp_path: Path) -> None:
    _, snapshot, vault = backup.backup(opened, tmp_path / "vault", None, NOW, lambda _: None)
    kept = snapshot.files[0]
    name = kept.chunks[0]
    forged = seal(vault._chunk_key, b"x" * kept.size, f"chunk|{name}")
    (tmp_path / "vault" / "chunks" / name[:2] / name).write_bytes(forged)
    with pytest.raises(SealBroken):
        list(vault.content(kept))


@pytest.mark.parametrize("step", ["before the rows", "before the file"])
def test_a_rotation_of_the_root_that_was_killed_goes_on(home, monkeypatch, step: str) -> None:
    registry = Registry(home, source_of(home))
    old, source = registry.root.key, source_of(home)
    where = (registry.root, "become") if step == "before the rows" else (source, "settle")
    with monkeypatch.context() as patch:
        patch.setattr(*where, lambda key: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate_root(registry, source)
    registry.close()
    assert (home / "root.key.next").exists()
    again = Registry(home, source_of(home))  # the start, which finds the key that is in force
    assert (again.root.key == old) == (step == "before the rows")
    assert again.verify().intact
    rotation.rotate_root(again, source_of(home))
    assert again.root.key != old and again.verify().intact
    again.close()
    assert sorted(p.name for p in home.glob("root.key*")) == ["root.key"]


def test_a_new_workspace_key_wraps_all_again_and_touches_no_object(home, opened) -> None:
    store = opened.store(first(opened))
    files = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in store.folder.glob("assets/*")}
    rows = [(row["id"], row["sealed"]) for row in store.db.query("SELECT * FROM products")]
    wrapped = dict(store.db.execute("SELECT * FROM object_keys"))
    stolen = opened.keys_of(store.workspace.id)
    other = Registry(home, source_of(home))
    assert rotation.rotate_workspace(other, first(other)) == len(wrapped)
    other.close()
    now = dict(store.db.execute("SELECT * FROM object_keys"))
    assert not {*wrapped.values()} & {*now.values()}
    assert files == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in files}
    assert rows == [(row["id"], row["sealed"]) for row in store.db.query("SELECT * FROM products")]
    keys = opened.keys_of(store.workspace.id)
    assert keys.wrapping != stolen.wrapping and keys.base == stolen.base and keys.former is None
    from workspace.ring import KeyRing

    thief, name = KeyRing(store.db, store.workspace.id, stolen), object_id("products", "prd_1")
    with pytest.raises(SealBroken):
        thief.unwrap(name, now[name])


def test_an_open_store_reads_and_writes_across_a_rotation(home, opened) -> None:
    store = opened.store(first(opened))
    raw = next(store.raw("products", "id = ?", ("prd_3",)))  # read before, opened after
    other = Registry(home, source_of(home))
    rotation.rotate_workspace(other, first(other))
    assert store.open("products", raw).private == {"name": "Coat 3"}
    store.put("products", "prd_new", {"name": "New"}, created_at=NOW.isoformat())
    assert store.get("products", "prd_new").private == {"name": "New"}
    rotation.rotate_workspace(other, first(other))
    assert other.store(first(other)).get("products", "prd_new").private == {"name": "New"}
    assert store.verify().intact
    other.close()


def test_a_row_that_was_read_two_rotations_ago_opens(home, opened) -> None:
    store, other = in_use(opened), Registry(home, source_of(home))
    raw = next(store.raw("products", "id = ?", ("prd_3",)))
    for _ in range(2):
        rotation.rotate_workspace(other, first(other))
        opened.store(first(opened))  # as any other request does
    assert store.open("products", raw).private == {"name": "Coat 3"}
    other.close()


def test_a_reader_whose_keys_another_thread_replaced_meanwhile_reads_on(
    home, opened, monkeypatch
) -> None:
    store, other = in_use(opened), Registry(home, source_of(home))
    open_, late = store.keys._open, []

    def opens(object_id: str, wrapped: bytes) -> bytes:
        if late:
            return open_(object_id, wrapped)
        late.append(object_id)  # it looked at the keys before, and is about to be told so
        opened.store(first(opened))
        raise SealBroken("The keys before do not open it.")

    rotation.rotate_workspace(other, first(other))
    monkeypatch.setattr(store.keys, "_open", opens)
    assert store.get("products", "prd_3").private == {"name": "Coat 3"}
    assert late == ["products:prd_3"]
    other.close()


def test_of_two_threads_that_read_the_keys_the_later_one_wins(home, opened) -> None:
    store, other = opened.store(first(opened)), Registry(home, source_of(home))
    again, has_read, newer = store.keys._again, threading.Event(), threading.Event()

    def slow():
        keys = again()
        if not has_read.is_set():
            has_read.set()
            newer.wait(0.3)  # the other can only come if nothing keeps it away
        return keys

    store.keys._again = slow
    rotation.rotate_workspace(other, first(other))
    one = threading.Thread(target=store.keys._read_again)
    one.start()
    has_read.wait()
    rotation.rotate_workspace(other, first(other))
    two = threading.Thread(target=lambda: (store.keys._read_again(), newer.set()))
    two.start()
    one.join()
    two.join()
    assert store.keys._keys == opened.keys_of(first(opened))
    other.close()


def test_a_store_writes_between_a_rotations_first_two_steps(home, opened) -> None:
    other = Registry(home, source_of(home))
    rotation.rotate_workspace(other, first(other))  # from now on there is a witness
    rotation._begin(other, first(other))
    store = opened.store(first(opened))
    store.put("products", "prd_new", {"name": "New"}, created_at=NOW.isoformat())
    rotation.rotate_workspace(other, first(other))
    assert store.get("products", "prd_new").private == {"name": "New"}
    assert other.store(first(other)).verify().intact
    other.close()


def test_a_rotation_of_a_workspace_that_was_killed_goes_on(home, monkeypatch) -> None:
    monkeypatch.setattr(rotation, "_BATCH", 7)
    registry = Registry(home, source_of(home))
    before = registry.keys_of(first(registry)).wrapping

    def killed(done: int, of: int) -> None:
        if done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotation.rotate_workspace(registry, first(registry), killed)
    registry.close()
    again = Registry(home, source_of(home))
    assert again.keys_of(first(again)).former == before
    assert again.store(first(again)).verify().intact  # half and half
    rotation.rotate_workspace(again, first(again))
    assert again.keys_of(first(again)).former is None
    again.close()
    last = Registry(home, source_of(home))
    assert last.store(first(last)).verify().intact
    last.close()


def test_readers_and_writers_never_fail_while_keys_are_replaced(home, opened) -> None:
    errors: list[BaseException] = []
    done = threading.Event()

    def work(number: int) -> None:
        try:
            n = 0
            while not done.is_set():
                store = opened.store(first(opened))
                store.get("products", f"prd_{n % ROWS}")
                store.put("products", f"new_{number}_{n}", {"n": n}, created_at=NOW.isoformat())
                auth.create_sign_in(opened, first(opened), frozenset({"generate"}), NOW, minutes=5)
                n += 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    other = Registry(home, source_of(home))
    for _ in range(2):
        rotation.rotate_workspace(other, first(other))
        rotation.rotate_root(other, source_of(home))
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert opened.verify().intact and opened.store(first(opened)).verify().intact
    assert other.verify().intact and other.store(first(other)).verify().intact
    other.close()


def test_a_workspace_of_an_older_home_has_one_key_for_both(tmp_path: Path) -> None:
    from workspace.control import ControlSeals
    from workspace.ring import WorkspaceKeys

    keys = WorkspaceKeys.of(bytes(32))
    assert keys.wrapping == keys.base == bytes(32) and keys.former is None
    with pytest.raises(SealBroken):
        WorkspaceKeys.of(bytes(33))
    with open_registry(tmp_path) as registry:
        workspace = registry.create("old", "pro", NOW)
        seals: ControlSeals = registry.root.seals()
        place = '["workspace key","' + workspace.id + '",1]'
        wrapped = seal(seals._wrapping_key, b"k" * 32, place)
        registry.control.execute("UPDATE workspaces SET wrapped_key = ?", [wrapped])
    with open_registry(tmp_path) as registry:
        store = registry.store(workspace.id)
        store.put("products", "prd_1", {"name": "Coat"}, created_at=NOW.isoformat())
        derived = store.derive("x")
        rotation.rotate_workspace(registry, workspace.id)
        assert registry.keys_of(workspace.id).base == b"k" * 32
        assert store.derive("x") == derived
        assert store.get("products", "prd_1").private == {"name": "Coat"}
