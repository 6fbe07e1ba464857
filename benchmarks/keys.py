"""Rotation of keys with many wrapped objects, while others read and write, and tampering.

`python -m benchmarks.keys` makes a home with 10,000 wrapped objects, replaces all its keys while
two threads read and write through another open registry, counts failed requests (goal: none), and
sees that the old root key opens nothing. Then it flips 1,000 random bits of a closed home, one at a
time: each has to be reported by what `housemodel doctor` asks. Writes benchmarks/results/keys.md.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import Figure, write
from compliance import audit
from workspace import rotation
from workspace.errors import HousemodelError, Locked
from workspace.registry import Registry
from workspace.unseal import KeySource, Unseal

NOW = datetime.now(UTC)
SKIPPED = (".lock",)  # empty files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--flips", type=int, default=1000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hm-keys-") as folder:
        home = Path(folder) / "home"
        _fill(home, args.objects)
        figures, facts = _rotate(home)
        small = Path(folder) / "small"
        _fill(small, 60)
        missed = _flip(small, args.flips)
    facts |= {"objects": args.objects, "flips": args.flips, "flips_missed": len(missed)}
    figures.append(Figure("flipped bytes that nobody noticed", "", [float(len(missed))], 0))
    print(write("keys", figures, facts).read_text())
    for place in missed:
        print("missed:", place)


def _source(home: Path) -> KeySource:
    return KeySource(Unseal("file", home, home / "root.key"))


def _fill(home: Path, objects: int) -> None:
    source = _source(home)
    source.create()
    registry = Registry(home, source)
    store = registry.store(registry.create("bench", "enterprise", NOW).id)
    with store.transaction():
        for n in range(objects):
            store.put("products", f"prd_{n}", {"name": f"Coat {n}"}, created_at=NOW.isoformat())
    asset = store.assets.put(b"photo" * 2000, "photo", "prd_0", "image/jpeg")
    store.put("generations", "gen_1", {}, status="queued", tool="editorial", created_at="2026")
    audit.append(store, "product.added", asset, "bench", NOW)
    registry.close()


def _rotate(home: Path) -> tuple[list[Figure], dict[str, object]]:
    running = Registry(home, _source(home))
    old, workspace_id = running.root.key, running.ids()[0]
    errors: list[str] = []
    took: list[float] = []
    done = threading.Event()

    def work(number: int) -> None:
        n = 0
        while not done.is_set():
            started = time.perf_counter()
            try:
                store = running.store(workspace_id)
                store.get("products", f"prd_{n % 100}")
                store.put("products", f"n{number}_{n}", {"n": n}, created_at=NOW.isoformat())
            except Exception as error:
                errors.append(type(error).__name__)
            took.append(time.perf_counter() - started)
            n += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    other = Registry(home, _source(home))
    started = time.perf_counter()
    wrapped = rotation.rotate_workspace(other, workspace_id)
    objects_s = time.perf_counter() - started
    started = time.perf_counter()
    rotation.rotate_root(other, _source(home))
    root_s = time.perf_counter() - started
    time.sleep(1.0)
    done.set()
    for thread in threads:
        thread.join()
    assert running.store(workspace_id).verify().intact and other.verify().intact
    running.close()
    other.close()
    useless = False
    try:
        Registry(home, old)
    except Locked:
        useless = True
    figures = [
        Figure(f"{wrapped} keys wrapped again, others at work", "s", [objects_s]),
        Figure("a new root key in force", "s", [root_s]),
        Figure("one read and one write meanwhile", "s", took),
        Figure("failed requests meanwhile", "", [float(len(errors))], 0),
    ]
    return figures, {"requests": len(took), "old_root_key_useless": useless, "errors": errors}


def _flip(home: Path, flips: int) -> list[str]:
    """Flip one bit at a time and ask what doctor asks."""
    rng = random.Random(20261122)
    paths = sorted(p for p in home.rglob("*") if p.is_file() and p.suffix not in SKIPPED)
    sizes = [p.stat().st_size for p in paths]
    missed = []
    for _ in range(flips):
        (path,) = rng.choices(paths, sizes)
        at, bit = rng.randrange(path.stat().st_size), 1 << rng.randrange(8)
        there = home.with_name("flipped")
        shutil.copytree(home, there)
        target = there / path.relative_to(home)
        good = target.read_bytes()
        target.write_bytes(good[:at] + bytes([good[at] ^ bit]) + good[at + 1 :])
        if not _noticed(there, home):
            missed.append(f"{path.name} byte {at} bit {bit}")
        shutil.rmtree(there)
        there.with_name("flipped.tombstones").unlink(missing_ok=True)
    return missed


def _noticed(there: Path, home: Path) -> bool:
    """Whether opening or verifying reports it, or the same key was read (a capital digit)."""
    try:
        registry = Registry(there, _source(there))
    except (HousemodelError, UnicodeDecodeError):
        return True
    try:
        found = [*registry.verify().damaged]
        for workspace_id in registry.ids():
            store = registry.store(workspace_id)
            found += store.verify().damaged
            if not audit.verify(store).intact:
                found.append("audit")
        if not found and (there / "root.key").read_bytes() != (home / "root.key").read_bytes():
            return bytes.fromhex((home / "root.key").read_text()) == registry.root.key
        return bool(found)
    except HousemodelError:
        return True
    finally:
        registry.close()


if __name__ == "__main__":
    main()
