"""Assets come back whole or not at all, and a failed or torn write leaves nothing behind."""

from __future__ import annotations

import hashlib
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.homes import NOW, bytes_under, open_registry, open_store
from workspace.assets import CHUNK_BYTES
from workspace.errors import NotFound, SealBroken, StorageFull
from workspace.sealing import SEAL_OVERHEAD_BYTES
from workspace.store import WorkspaceStore
from workspace.types import AssetId

SEALED_CHUNK = CHUNK_BYTES + SEAL_OVERHEAD_BYTES
CANARY = b"canary pixels 4711"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WorkspaceStore]:
    with open_store(tmp_path / "home") as opened:
        yield opened


def pattern(size: int) -> bytes:
    return (CANARY + bytes(range(256)))[: max(size, 0)] * (size // 274 + 1)


def put(
    store: WorkspaceStore, data: bytes, owner: str = "mdl_1", kind: str = "close_up"
) -> AssetId:
    return store.assets.put(data, kind, owner, "image/png")


def file_of(store: WorkspaceStore, asset_id: str) -> Path:
    (path,) = (store.folder / "assets").glob(f"{asset_id}*")
    return path


def files(store: WorkspaceStore) -> list[str]:
    return sorted(path.name for path in (store.folder / "assets").iterdir())


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_bytes_come_back_as_they_were(store, size: int) -> None:
    data = pattern(size)[:size]
    asset_id = put(store, data)
    assert store.assets.get(asset_id) == data
    assert store.get("assets", asset_id).columns["size"] == size
    assert store.get("assets", asset_id).private == {"sha256": hashlib.sha256(data).hexdigest()}


def test_flipping_any_byte_of_the_file_is_detected_and_reported(store) -> None:
    asset_id = put(store, b"a small picture")
    path = file_of(store, asset_id)
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        with pytest.raises(SealBroken):
            store.assets.get(asset_id)
    assert store.verify().damaged == (f"assets/{asset_id}",)
    path.write_bytes(good)
    assert store.verify().intact


def test_chunks_can_not_be_cut_added_repeated_or_swapped(store) -> None:
    asset_id = put(store, pattern(2 * CHUNK_BYTES + 100)[: 2 * CHUNK_BYTES + 100])
    path = file_of(store, asset_id)
    good = path.read_bytes()
    first, second, last = good[:SEALED_CHUNK], good[SEALED_CHUNK : 2 * SEALED_CHUNK], good[-129:]
    assert first + second + last == good
    for bad in (
        first + second,
        first,
        b"",
        first + last,
        second + first + last,
        first + first + last,
        good + last,
        good + b"\x00",
        good[:-1],
        last,
    ):
        path.write_bytes(bad)
        with pytest.raises(SealBroken):
            store.assets.get(asset_id)


def test_files_and_rows_can_not_be_swapped(store) -> None:
    first, second = put(store, b"first"), put(store, b"other")
    one, two = file_of(store, first), file_of(store, second)
    held = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(held)
    for asset_id in (first, second):
        with pytest.raises(SealBroken):
            store.assets.get(asset_id)
    assert len(store.verify().damaged) == 2


@pytest.mark.parametrize("column", ["owner_id", "kind", "media_type", "size", "created_at"])
def test_a_changed_metadata_column_is_detected(store, column: str) -> None:
    asset_id = put(store, b"photo")
    store.db.execute(f"UPDATE assets SET {column} = '77'")
    with pytest.raises(SealBroken):
        store.assets.get(asset_id)
    assert store.verify().damaged == (f"assets/{asset_id}",)


def test_a_missing_file_is_detected_and_reported(store) -> None:
    asset_id = put(store, b"photo")
    file_of(store, asset_id).unlink()
    with pytest.raises(SealBroken):
        store.assets.get(asset_id)
    assert store.verify().damaged == (f"assets/{asset_id}",)


def test_the_report_counts_what_it_opened(store) -> None:
    for _ in range(3):
        put(store, b"photo")
    store.put_note("n", {})
    report = store.verify()
    assert (report.rows, report.assets, report.intact) == (1, 3, True)


def test_assets_are_listed_by_owner_and_kind(store) -> None:
    first = put(store, b"1", "mdl_1", "close_up")
    second = put(store, b"2", "mdl_1", "full_body")
    put(store, b"3", "mdl_2", "close_up")
    assert store.assets.owned_by("mdl_1") == [first, second]
    assert store.assets.owned_by("mdl_1", "full_body") == [second]
    assert store.assets.owned_by("mdl_3") == []


def test_a_destroyed_asset_leaves_no_file_row_or_key(store) -> None:
    asset_id = put(store, b"photo")
    store.assets.destroy(asset_id)
    store.assets.destroy(asset_id)
    assert files(store) == []
    assert store.db.execute("SELECT COUNT(*) FROM object_keys").fetchone()[0] == 0
    with pytest.raises(NotFound):
        store.assets.get(asset_id)


def test_destroying_is_undone_with_its_transaction(store) -> None:
    asset_id = put(store, b"photo")
    with pytest.raises(RuntimeError), store.transaction():
        store.assets.destroy(asset_id)
        raise RuntimeError
    assert store.assets.get(asset_id) == b"photo"


def test_a_failed_transaction_leaves_no_file(store) -> None:
    with pytest.raises(RuntimeError), store.transaction():
        put(store, b"photo")
        assert len(files(store)) == 1
        raise RuntimeError
    assert files(store) == []


@pytest.mark.parametrize("bad", ["ast_none", "", "../../etc/passwd", "ast_../../x", "ast_"])
def test_an_id_that_is_none_is_not_found(store, bad: str) -> None:
    with pytest.raises(NotFound):
        store.assets.get(AssetId(bad))


def test_an_asset_that_goes_while_it_is_read_is_not_found_and_not_damage(store) -> None:
    asset_id = put(store, b"photo")
    rows = store.raw("assets", "id = ?", (asset_id,))
    store.assets.destroy(asset_id)
    store.raw = lambda *_: rows  # as another process that read the row just before
    with pytest.raises(NotFound):
        store.assets.get(asset_id)


def test_a_file_that_can_not_be_read_is_reported(store) -> None:
    asset_id = put(store, b"photo")
    path = file_of(store, asset_id)
    path.unlink()
    path.mkdir()
    assert store.verify().damaged == (f"assets/{asset_id}",)
    path.rmdir()


def test_clear_bytes_are_nowhere_on_disk(store, tmp_path: Path) -> None:
    put(store, CANARY * 100_000)
    assert CANARY not in bytes_under(tmp_path)


def test_sweeping_removes_what_no_row_names_and_nothing_else(store) -> None:
    kept = put(store, b"photo")
    folder = store.folder / "assets"
    (folder / "ast_orphan.sealed").write_bytes(b"left by a crash")
    (folder / "ast_torn.draft").write_bytes(b"left by a crash")
    assert store.assets.sweep() == 2
    assert store.assets.sweep() == 0
    assert store.assets.get(kept) == b"photo"


def test_a_full_disk_is_storage_full_and_leaves_nothing(store, tmp_path: Path) -> None:
    kept = put(store, b"photo")
    before = files(store)
    # A real limit of the operating system, as a full disk would be: no file above 512 KiB.
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512 * 1024, old[1]))
    try:
        with pytest.raises(StorageFull):
            put(store, pattern(3 * CHUNK_BYTES))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert files(store) == before
    assert store.verify() == store.verify().__class__(0, 1, ())
    assert store.assets.get(kept) == b"photo"
    assert store.db.execute("SELECT COUNT(*) FROM object_keys").fetchone()[0] == 1
    assert store.assets.get(put(store, pattern(CHUNK_BYTES)))  # and room again is room again


WRITER = """
import sys
from pathlib import Path
from tests.homes import ROOT_KEY, NOW
from workspace.registry import Registry
registry = Registry(Path(sys.argv[1]), ROOT_KEY)
store = registry.store(sys.argv[2])
print("ready", flush=True)
for number in range(10_000):
    with store.transaction():
        data = bytes([number % 256]) * 300_000
        asset = store.assets.put(data, "image", f"img_{number}", "image/png")
        store.put("images", f"img_{number}", {"asset": asset}, generation_id="gen", k=number,
                  seed=number, created_at="2026")
    print(number, flush=True)
"""


def test_a_process_killed_while_writing_leaves_only_whole_images(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        workspace = registry.create("a", "pro", NOW)
    command = [sys.executable, "-c", WRITER, str(tmp_path), workspace.id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if line.strip() == "12":
                writer.kill()
                break
        promised = 13
    with open_registry(tmp_path) as registry:
        store = registry.store(workspace.id)
        store.assets.sweep()
        report = store.verify()
        assert report.intact
        assert report.assets == report.rows >= promised  # what was reported done is there
        assert len(files(store)) == report.assets
        for row in store.find("images"):
            assert len(store.assets.get(AssetId(row.private["asset"]))) == 300_000
