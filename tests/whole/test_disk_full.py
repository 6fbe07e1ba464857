"""A disk that is full: the short form of `make disk-full`, which breaks every step in turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from identity.encoder import InsightFaceEncoder
from tests.disk_rounds import every_step
from tests.faulty_disk import FaultyDisk


@pytest.mark.timeout(300)
def test_whatever_step_finds_no_room_it_is_said_nothing_is_lost_and_work_goes_on(
    encoder: InsightFaceEncoder,
) -> None:
    found = every_step(encoder, every=40)
    assert [one.work for one in found] == ["enrolment"] * 3 + ["generation"] * 3
    assert all(one.steps >= 2 and one.told for one in found)
    assert sum(one.waited for one in found) > 3


def test_the_faulty_disk_fails_python_and_sqlite_alike_and_heals(tmp_path: Path) -> None:
    from tests.homes import open_store

    with FaultyDisk(tmp_path) as disk, open_store(tmp_path / "home") as store:
        assert {"make", "sqlite pwrite64"} <= set(disk.steps)
        for act in (
            lambda: (tmp_path / "new").write_bytes(b"x"),
            lambda: (tmp_path / "folder").mkdir(),
            lambda: store.put_note("word", {"a": 1}),
            lambda: store.assets.put(b"x", "kind", "owner", "text/plain"),
        ):
            disk.fail_from(1)
            with pytest.raises(Exception, match=r"No space|storage_full"):
                act()
            assert disk.failed >= 1
            disk.heal()
            act()
    (tmp_path / "after").write_bytes(b"x")
    assert open.__module__ == "io"
