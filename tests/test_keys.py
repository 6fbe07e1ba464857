"""The root key is private or refused; wrapped keys open for their object only, until destroyed."""

from __future__ import annotations

import base64
import os
import stat
import threading
from pathlib import Path

import pytest

from tests.homes import bytes_under, open_store
from workspace.errors import Fault, Locked, SealBroken
from workspace.keys import load_root_key
from workspace.ring import KeyRing
from workspace.rows import object_id


def test_the_first_start_makes_a_private_key_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "root.key"
    key = load_root_key(path, create=True)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_root_key(path, create=True) == key == load_root_key(path, create=False)
    assert [file.name for file in path.parent.iterdir()] == ["root.key"]


def test_without_create_a_missing_key_locks_the_service(tmp_path: Path) -> None:
    with pytest.raises(Locked):
        load_root_key(tmp_path / "root.key", create=False)
    assert not [*tmp_path.iterdir()]


def test_a_lost_key_of_a_home_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    with open_store(tmp_path), pytest.raises(Locked, match="backup"):
        load_root_key(tmp_path / "root.key", create=True)
    assert not (tmp_path / "root.key").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_key_that_others_can_reach_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "root.key"
    load_root_key(path, create=True)
    path.chmod(mode)
    with pytest.raises(Locked) as refused:
        load_root_key(path, create=True)
    assert "chmod 600" in refused.value.detail
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize("write", [bytes.hex, lambda key: base64.b64encode(key).decode()])
def test_an_operators_own_key_is_read_as_hex_or_base64(tmp_path: Path, write) -> None:
    path = tmp_path / "root.key"
    key = bytes(range(200, 232))
    path.write_text(f"{write(key)}\n")
    path.chmod(0o400)
    assert load_root_key(path, create=False) == key


@pytest.mark.parametrize("content", [b"", b"secret", b"00" * 31, b"\xff" * 32, b"00" * 33])
def test_a_file_that_holds_no_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "root.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Locked):
        load_root_key(path, create=True)
    assert path.read_bytes() == content


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(Locked):
        load_root_key(tmp_path, create=True)


def test_a_key_that_can_not_be_reached_locks_the_service(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Locked):
        load_root_key(tmp_path / "file" / "root.key", create=False)
    with pytest.raises(Fault):
        load_root_key(tmp_path / "file" / "root.key", create=True)


def test_a_key_of_another_account_is_refused(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "root.key"
    load_root_key(path, create=True)
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(Locked, match="another account"):
        load_root_key(path, create=False)


def test_of_several_first_starts_all_get_one_key(tmp_path: Path) -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(load_root_key(tmp_path / "k" / "key", True)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_an_object_keeps_its_key_and_no_two_objects_share_one(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        ring = KeyRing(store.db, "ws_1", bytes(32))
        assert ring.obtain("models:a") == ring.obtain("models:a") != ring.obtain("models:b")


def test_a_wrapped_key_opens_for_its_object_and_workspace_only(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        ring = KeyRing(store.db, "ws_1", bytes(32))
        ring.obtain("models:a")
        wrapped = store.db.execute("SELECT wrapped FROM object_keys").fetchone()[0]
        for other, name in (
            (ring, "models:b"),
            (KeyRing(store.db, "ws_2", bytes(32)), "models:a"),
            (KeyRing(store.db, "ws_1", bytes(31) + b"1"), "models:a"),
        ):
            with pytest.raises(SealBroken):
                other.unwrap(name, wrapped)


def test_a_missing_key_is_a_broken_seal(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, pytest.raises(SealBroken):
        KeyRing(store.db, "ws_1", bytes(32)).unwrap("models:a", None)


def test_a_destroyed_key_is_nowhere_on_disk(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.put("models", "mdl_1", {"name": "Ada"}, status="ready", created_at="2026")
        sql = "SELECT wrapped FROM object_keys WHERE object_id = ?"
        wrapped = store.db.execute(sql, [object_id("models", "mdl_1")]).fetchone()[0]
        assert wrapped in bytes_under(tmp_path)
        store.destroy("models", "mdl_1")
        assert wrapped not in bytes_under(tmp_path)


def test_a_forgotten_workspace_key_locks_the_ring(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        ring = KeyRing(store.db, "ws_1", bytes(32))
        ring.forget()
        with pytest.raises(Locked):
            ring.obtain("models:a")
