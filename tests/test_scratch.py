"""What a killed backup or restore left is removed; what is at work stays."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from serve.cli.common import ending_on_sigterm
from serve.work.upkeep import Upkeep
from tests.homes import NOW, open_registry
from workspace import backup, scratch
from workspace.unseal import held


def left(home: Path) -> list[Path]:
    """Folders as a kill leaves them: copies of a backup, and a half-made home."""
    folders = [home / "run" / "backup-a1b2", home.with_name(f".{home.name}.0123abcd")]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "control.db").write_bytes(b"keys")
    return folders


def test_the_upkeep_removes_it_and_leaves_everything_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    others = [tmp_path / name for name in (".home.d", ".other.0123abcd", "home.0123abcd")]
    with open_registry(home) as registry:
        for other in others:
            other.mkdir()
        folders = left(home)
        Upkeep().of_registry(registry, NOW)
        assert not any(folder.exists() for folder in folders)
    assert all(other.exists() for other in others) and (home / "control.db").exists()


def test_what_is_at_work_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with held(home), scratch.of_backup(home) as copies, scratch.of_restore(home) as half:
        assert scratch.clear(home) == 0
        assert copies.is_dir() and half.is_dir()
    assert not copies.exists() and half.is_dir()  # a restore has moved it into place
    assert scratch.clear(home) == 1


def test_the_next_backup_and_the_next_restore_remove_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with open_registry(home) as registry:
        copies, half = left(home)
        backup.backup(registry, tmp_path / "vault", None, NOW, lambda _: None)
        assert not copies.exists() and half.exists()
    with scratch.of_restore(home):
        assert not half.exists()


def test_sigterm_ends_a_command_in_order(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with (
        pytest.raises(SystemExit) as ended,
        ending_on_sigterm(),
        held(tmp_path),
        scratch.of_backup(tmp_path),
    ):
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.code == 143 and not [*(tmp_path / "run").glob("backup-*")]
    assert signal.getsignal(signal.SIGTERM) == before
