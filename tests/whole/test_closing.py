"""A database file that somebody touched while it was closed is noticed; a crash is not a touch."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.homes import NOW, ROOT_KEY, open_registry
from workspace.errors import HousemodelError, Locked
from workspace.registry import Registry


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that was closed in order: rows, an asset, an audit-like queue row."""
    home = tmp_path / "home"
    with open_registry(home) as registry:
        store = registry.store(registry.create("atelier", "pro", NOW).id)
        for n in range(5):
            store.put("products", f"prd_{n}", {"name": "Coat"}, created_at=NOW.isoformat())
        store.put(
            "generations",
            "gen_1",
            {},
            status="queued",
            tool="editorial",
            created_at=NOW.isoformat(),
        )
        store.assets.put(b"photo" * 100, "photo", "prd_0", "image/jpeg")
    return home


def damaged(home: Path) -> list[str]:
    """What `verify` reports, or the error that opening gives."""
    try:
        with open_registry(home) as registry:
            found = [*registry.verify().damaged]
            for workspace_id in registry.ids():
                found += registry.store(workspace_id).verify().damaged
            return found
    except (HousemodelError, UnicodeDecodeError) as error:
        return [getattr(error, "code", "damaged")]


def test_a_home_that_nobody_touched_is_whole_again_and_again(home: Path, tmp_path: Path) -> None:
    assert damaged(home) == damaged(home) == []
    shutil.copytree(home, tmp_path / "copy" / "home")
    assert damaged(tmp_path / "copy" / "home") == []


def test_any_changed_byte_of_a_closed_home_is_noticed(home: Path, tmp_path: Path) -> None:
    """Also in free pages and in columns that no row's seal covers."""
    rng = random.Random(3)
    paths = sorted(p for p in home.rglob("*") if p.is_file() and p.suffix != ".lock")
    sizes = [p.stat().st_size for p in paths]
    missed = []
    for _ in range(40):
        (path,) = rng.choices(paths, sizes)
        at, bit = rng.randrange(path.stat().st_size), 1 << rng.randrange(8)
        there = tmp_path / "flipped"
        shutil.copytree(home, there)
        target = there / path.relative_to(home)
        good = target.read_bytes()
        target.write_bytes(good[:at] + bytes([good[at] ^ bit]) + good[at + 1 :])
        if not damaged(there):
            missed.append((path.name, at, bit))
        shutil.rmtree(there)
    assert not missed


def test_a_change_is_reported_until_somebody_accepts_it(home: Path) -> None:
    path = next(home.glob("workspaces/*/store.db"))
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert damaged(home) == damaged(home) == ["store.db"]
    with open_registry(home) as registry:
        registry.store(registry.ids()[0])
        assert registry.accept_changes() == 1
    assert damaged(home) == []


def test_a_crash_leaves_no_seal_and_raises_no_alarm(home: Path, tmp_path: Path) -> None:
    with open_registry(home) as registry:
        store = registry.store(registry.ids()[0])
        assert not [*home.rglob("*.seal")]
        store.put("products", "prd_9", {"name": "Hat"}, created_at=NOW.isoformat())
        shutil.copytree(home, tmp_path / "crashed")
    assert damaged(tmp_path / "crashed") == []


def test_the_last_of_several_to_close_seals(home: Path) -> None:
    with open_registry(home) as first:
        store = first.store(first.ids()[0])
        with open_registry(home) as second:
            second.store(second.ids()[0])
        assert not [*home.rglob("*.seal")]
        store.put("products", "prd_9", {"name": "Hat"}, created_at=NOW.isoformat())
    assert len([*home.rglob("*.seal")]) == 2
    assert damaged(home) == []


def test_somebody_with_another_key_raises_no_alarm(home: Path) -> None:
    with pytest.raises(Locked):
        Registry(home, bytes(32))
    assert bytes(32) != ROOT_KEY and damaged(home) == []
