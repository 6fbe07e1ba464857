"""What one start leaves on the machine is found and removed, and nothing else is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from serve import leftovers
from serve.http_server import listen
from workspace.errors import Conflict, Unavailable

SLEEPER = "import time; time.sleep(60)"


@pytest.fixture
def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix=leftovers.PREFIX))


def started(mark: str | None = None, opened: Path | None = None) -> subprocess.Popen[bytes]:
    code = f"held = open({str(opened)!r}, 'w'); {SLEEPER}" if opened else SLEEPER
    marked = {leftovers.MARK: mark} if mark else {}
    child = subprocess.Popen([sys.executable, "-S", "-c", code], env={**os.environ, **marked})
    return child


def test_a_home_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with leftovers.hold_home(tmp_path), pytest.raises(Conflict), leftovers.hold_home(tmp_path):
        pass
    with leftovers.hold_home(tmp_path):
        pass


def test_the_hold_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from serve import leftovers; import os, sys\n"
        "with leftovers.hold_home(Path(sys.argv[1])): os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    with leftovers.hold_home(tmp_path):
        pass


def test_processes_are_found_by_mark_and_by_open_files(tmp_path: Path, folder: Path) -> None:
    marked, stranger = started("one"), started("another")
    logs = folder / "ray" / "session_2026" / "logs"
    logs.mkdir(parents=True)
    writer = started(opened=logs / "agent.log")
    try:
        while not (logs / "agent.log").exists():
            assert writer.poll() is None
        (tmp_path / "run").mkdir()
        leftovers.remember_start(tmp_path, "one", folder)
        leftovers.clear_up(tmp_path)
        assert marked.poll() is not None and writer.poll() is not None
        assert stranger.poll() is None
        assert not folder.exists() and not (tmp_path / "run" / "start").exists()
        assert (tmp_path / "logs" / "ray" / "agent.log").exists()
    finally:
        for child in (marked, stranger, writer):
            child.kill()
            child.wait()


@pytest.mark.parametrize("kind", ["other name", "link"])
def test_a_folder_that_is_not_ours_stays(tmp_path: Path, kind: str) -> None:
    precious = tmp_path / "precious"
    (precious / "inside").mkdir(parents=True)
    named = precious
    if kind == "link":
        named = tmp_path / f"{leftovers.PREFIX}link"
        named.symlink_to(precious)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "start").write_text(json.dumps({"mark": "none", "folder": str(named)}))
    leftovers.clear_up(tmp_path)
    assert (precious / "inside").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mark": 1}'])
def test_a_damaged_note_is_removed(tmp_path: Path, text: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "start").write_text(text)
    leftovers.clear_up(tmp_path)
    assert not (tmp_path / "run" / "start").exists()


def test_a_taken_port_is_named_with_a_way_out() -> None:
    with listen("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"Port {port} .*--port"):
            listen("127.0.0.1", port)
