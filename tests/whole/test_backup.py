"""A backup is whole, sealed and small; a restore verifies first and brings nobody erased back."""

from __future__ import annotations

import json
import random
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from compliance import audit
from serve.__main__ import main
from serve.callers import auth
from serve.settings import load_settings
from serve.unsealing import open_registry
from tests.homes import NOW, bytes_under
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.tombstones import Tombstones
from workspace.types import AssetId

PHOTO = bytes(range(256)) * 1200  # more than one chunk
CANARY = "Canary Coat 7731"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two workspaces; `atelier` has rows, a file and an audit log."""
    home = tmp_path / "here" / "home"
    home.parent.mkdir()
    registry = open_registry(load_settings(home=home), create=True)
    store = registry.store(registry.create("atelier", "pro", NOW).id)
    registry.create("salon", "pro", NOW)
    for n in range(3):
        store.put("products", f"prd_{n}", {"name": CANARY}, created_at=NOW.isoformat())
    store.assets.put(PHOTO, "photo", "prd_0", "image/jpeg")
    audit.append(store, "product.added", "prd_0", "key_1", NOW)
    registry.close()
    return home


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]):
    """Run a command; its exit status, and what it printed as JSON, or its error."""

    def run(*words: object, at: Path = home) -> tuple[int, Any]:
        status = main([*map(str, words), "--home", str(at), "--json"])
        out, err = capsys.readouterr()
        return status, json.loads(out) if out.strip() else err

    return run


def opened(home: Path) -> tuple[Registry, WorkspaceStore]:
    registry = open_registry(load_settings(home=home))
    return registry, registry.store(registry.by_name("atelier").id)


def test_a_restored_home_is_what_the_backup_saw(home, run, tmp_path: Path) -> None:
    vault, there = tmp_path / "vault", tmp_path / "there" / "home"
    registry, store = opened(home)  # it runs meanwhile
    _, secret = auth.create_key(registry, store.workspace.id, frozenset({"generate"}), NOW)
    auth.create_sign_in(registry, store.workspace.id, frozenset({"generate"}), NOW, minutes=5)
    status, made = run("backup", vault)
    assert status == 0 and made["files"] == 4 and made["missing"] == []
    store.put("products", "prd_after", {"name": "later"}, created_at=NOW.isoformat())
    registry.close()
    there.parent.mkdir()
    status, done = run("restore", vault, "--root-key", home / "root.key", at=there)
    assert status == 0, done
    assert done["erased_again"] == 0 and len(done["verified"]) == 3
    assert any("No register" in note for note in done["notes"])
    registry, store = opened(there)
    assert store.get("products", "prd_1").private == {"name": CANARY}
    assert store.count("products") == 3
    (asset,) = store.assets.owned_by("prd_0")
    assert store.assets.get(AssetId(asset)) == PHOTO
    assert auth.authenticate(registry, secret, NOW).workspace_id == store.workspace.id
    assert registry.control.execute("SELECT COUNT(*) FROM sign_ins").fetchone()[0] == 0
    assert audit.verify(store).intact
    actions = [entry.action for entry in audit.entries(store)]
    assert actions == ["product.added", "home.restored"]
    assert there.stat().st_mode & 0o077 == 0
    assert (there / "root.key").read_text() == (home / "root.key").read_text()
    registry.close()
    assert sorted(p.name for p in there.parent.iterdir()) == ["home"]


def test_a_backup_shows_nothing_without_the_root_key(home, run, tmp_path: Path) -> None:
    run("backup", tmp_path / "vault")
    kept = bytes_under(tmp_path / "vault")
    registry, store = opened(home)
    root = registry.root.key
    for secret in (CANARY.encode(), b"prd_0", store.workspace.id.encode(), root, PHOTO[:64]):
        assert secret not in kept
    assert root.hex().encode() not in kept
    registry.close()
    assert {p.stat().st_mode & 0o077 for p in (tmp_path / "vault").rglob("*")} == {0}
    other = tmp_path / "other.key"
    other.touch(mode=0o600)
    other.write_text("11" * 32)
    status, words = run("restore", tmp_path / "vault", "--root-key", other, at=tmp_path / "x")
    assert status == 1 and "does not open these backups" in words
    assert not (tmp_path / "x").exists()


def test_a_second_backup_writes_only_what_is_new(home, run, tmp_path: Path) -> None:
    _, first = run("backup", tmp_path / "vault")
    _, second = run("backup", tmp_path / "vault")
    assert first["bytes_written"] > len(PHOTO) > second["bytes_written"]
    _, third = run("backup", tmp_path / "vault", "--keep", 1)
    assert third["removed_snapshots"] == 2
    status, _ = run(
        "restore", tmp_path / "vault", "--root-key", home / "root.key", at=tmp_path / "x"
    )
    assert status == 0


def test_every_changed_or_missing_part_of_a_backup_is_refused(home, run, tmp_path: Path) -> None:
    vault, there = tmp_path / "vault", tmp_path / "x"
    run("backup", vault)
    rng = random.Random(5)
    paths = sorted(path for path in vault.rglob("*") if path.is_file())
    for path in paths:
        good = path.read_bytes()
        at = rng.randrange(len(good))
        for bad in (good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], None):
            path.unlink() if bad is None else path.write_bytes(bad)
            status, _ = run("restore", vault, "--root-key", home / "root.key", at=there)
            if path.name == "backup.json" and status == 0:  # a space in its JSON, or the envelope
                shutil.rmtree(there)
                (tmp_path / "x.tombstones").unlink(missing_ok=True)
                continue
            assert status == 1 and not there.exists(), path
            assert not [*tmp_path.glob(".x.*")]
        path.write_bytes(good)
    assert run("restore", vault, "--root-key", home / "root.key", at=there)[0] == 0


def test_what_was_destroyed_since_does_not_come_back(home, run, tmp_path: Path) -> None:
    run("backup", tmp_path / "vault")
    assert run("workspace", "destroy", "salon", "--yes")[0] == 0
    root = ("--root-key", home / "root.key")
    # The register is lost with the machine, but a later snapshot knows.
    run("backup", tmp_path / "vault")
    (first, _) = run("restore", tmp_path / "vault", *root, "--list", at=tmp_path / "x")[1][
        "snapshots"
    ]
    where = ("restore", tmp_path / "vault", *root, "--snapshot", first)
    status, done = run(*where, at=tmp_path / "x")
    assert status == 0 and done["erased_again"] == 1
    assert [row["name"] for row in run("workspace", "list", at=tmp_path / "x")[1]] == ["atelier"]


def test_a_copy_of_the_register_counts_too(home, run, tmp_path: Path) -> None:
    run("backup", tmp_path / "vault")
    assert run("workspace", "destroy", "salon", "--yes")[0] == 0
    register = home.with_name("home.tombstones")
    root = ("--root-key", home / "root.key", "--tombstones", register)
    status, done = run("restore", tmp_path / "vault", *root, at=tmp_path / "x")
    assert status == 0 and done["erased_again"] == 1
    assert (tmp_path / "x.tombstones").exists()


def test_who_was_erased_after_a_rotation_does_not_come_back(home, run, tmp_path: Path) -> None:
    """With the backup from before, which opens with the root key of that time alone."""
    old, register = tmp_path / "old.key", home.with_name("home.tombstones")
    shutil.copy(home / "root.key", old)
    run("backup", tmp_path / "vault")
    assert run("rotate-keys")[0] == 0
    assert run("workspace", "destroy", "salon", "--yes")[0] == 0
    where = ("restore", tmp_path / "vault", "--root-key", old, "--tombstones")
    status, words = run(*where, tmp_path / "typo", at=tmp_path / "x")
    assert status == 1 and "no such copy" in words and not (tmp_path / "x").exists()
    status, done = run(*where, register, at=tmp_path / "x")
    assert status == 0 and done["erased_again"] == 1
    assert [row["name"] for row in run("workspace", "list", at=tmp_path / "x")[1]] == ["atelier"]


def test_a_register_that_cannot_be_read_is_refused(home, run, tmp_path: Path) -> None:
    run("backup", tmp_path / "vault")
    register = tmp_path / "other.tombstones"
    registry, store = opened(home)
    Tombstones(register, bytes(32)).bury(store.workspace.id, "mdl_1", NOW, "erased")
    registry.close()
    where = ("restore", tmp_path / "vault", "--root-key", home / "root.key")
    where = (*where, "--tombstones", register)
    status, words = run(*where, at=tmp_path / "x")
    assert status == 1 and "1 graves that no key" in words and not (tmp_path / "x").exists()
    assert not [*tmp_path.glob(".x.*")]
    status, done = run(*where, "--accept-unread-graves", at=tmp_path / "x")
    assert status == 0 and any("not read" in line for line in done["notes"])


def test_no_draft_own_photo_or_candidate_comes_back(home, run, tmp_path: Path) -> None:
    registry, store = opened(home)
    times = {"created_at": NOW.isoformat(), "expires_at": "2999-01-01T00:00:00+00:00"}
    for table in ("drafts", "pictures", "candidates"):
        owner = {} if table == "pictures" else {"owner": "key_1"}
        store.put(table, f"{table}_1", {"name": "X"}, **owner, **times)
        store.assets.put(PHOTO, "photo", f"{table}_1", "image/jpeg")
    registry.lock(store.workspace.id)  # what is locked is no way around it
    registry.close()
    run("backup", tmp_path / "vault")
    where = ("restore", tmp_path / "vault", "--root-key", home / "root.key")
    status, done = run(*where, at=tmp_path / "x")
    assert status == 0 and any("3 drafts, own photos" in line for line in done["verified"])
    registry = open_registry(load_settings(home=tmp_path / "x"))
    workspace = registry.by_name("atelier")
    assert workspace.locked
    registry.unlock(workspace.id)
    back = registry.store(workspace.id)
    for table in ("drafts", "pictures", "candidates"):
        assert back.count(table) == 0 and back.assets.owned_by(f"{table}_1") == []
    assert back.count("products") == 3 and back.verify().intact
    registry.close()


def test_a_restored_home_goes_on_with_its_folder_of_backups(home, run, tmp_path: Path) -> None:
    run("backup", tmp_path / "vault")
    assert run("rotate-keys")[0] == 0
    run("backup", tmp_path / "vault")
    where = ("restore", tmp_path / "vault", "--root-key", home / "root.key")
    names = run(*where, "--list", at=tmp_path / "x")[1]["snapshots"]
    assert run(*where, "--snapshot", names[0], at=tmp_path / "x")[0] == 0
    assert run("backup", tmp_path / "vault", at=tmp_path / "x")[0] == 0
    for number, name in enumerate(names):  # the later one, too, of which the first knew nothing
        assert run(*where, "--snapshot", name, at=tmp_path / f"y{number}")[0] == 0


def test_older_backups_open_with_the_new_root_key_after_the_next_one(home, run, tmp_path) -> None:
    old = tmp_path / "old.key"
    shutil.copy(home / "root.key", old)
    run("backup", tmp_path / "vault")
    assert run("rotate-keys")[0] == 0
    run("backup", tmp_path / "vault")
    where = ("restore", tmp_path / "vault", "--root-key")
    names = run(*where, home / "root.key", "--list", at=tmp_path / "x")[1]["snapshots"]
    for number, name in enumerate(names):
        there = tmp_path / f"there{number}"
        assert run(*where, old, "--snapshot", name, at=there)[0] == 1
        assert run(*where, home / "root.key", "--snapshot", name, at=there)[0] == 0
        registry, store = opened(there)
        assert store.count("products") == 3 and registry.verify().intact
        registry.close()


def test_a_backup_while_others_write_and_destroy_is_whole(home, run, tmp_path: Path) -> None:
    registry, store = opened(home)
    done = threading.Event()

    def work() -> None:
        n = 0
        while not done.is_set():
            made = store.assets.put(b"x" * 3000, "photo", "prd_1", "image/jpeg")
            store.put("products", f"new_{n}", {"name": "n"}, created_at=NOW.isoformat())
            if n % 2:
                store.assets.destroy(made)
            n += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        status, made = run("backup", tmp_path / "vault")
    finally:
        done.set()
        thread.join()
        registry.close()
    assert status == 0 and made["missing"] == []
    status, _ = run(
        "restore", tmp_path / "vault", "--root-key", home / "root.key", at=tmp_path / "x"
    )
    assert status == 0


def test_wrong_folders_are_refused_with_the_reason(home, run, tmp_path: Path) -> None:
    assert "inside" in run("backup", home / "backups")[1]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("dear")
    assert "no backups" in run("backup", tmp_path / "full")[1]
    assert "no backups" in run("restore", tmp_path / "full", "--root-key", home / "root.key",
                               at=tmp_path / "x")[1].lower()  # fmt: skip
    run("backup", tmp_path / "vault")
    assert "something in this folder" in run("restore", tmp_path / "vault")[1]
    other = tmp_path / "other"
    open_registry(load_settings(home=other), create=True).close()
    assert "another home" in run("backup", tmp_path / "vault", at=other)[1]
