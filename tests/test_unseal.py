"""The root key: from a file, from words, from a key or from a program; nothing else opens it."""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

import pytest

from serve.__main__ import main
from serve.settings import load_settings
from serve.unsealing import open_source
from workspace import envelope
from workspace.errors import ApplianceLocked, Conflict, InvalidRequest, Locked
from workspace.registry import Registry
from workspace.unseal import KeySource, Unseal, held

WORDS = "seven green parrots on a wire"
KEY = bytes(range(100, 132))


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id at a cost for tests."""
    monkeypatch.setattr(envelope, "_MEMORY_KIB", 8 * 1024)
    monkeypatch.setattr(envelope, "_PASSES", 1)


def source(
    home: Path, method: str, command: tuple[str, ...] = (), seconds: float = 20
) -> KeySource:
    return KeySource(Unseal(method, home, home / "root.key", command, seconds))  # type: ignore


def printing(words: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"print({words!r})")


def test_words_open_the_home_and_other_words_do_not(tmp_path: Path) -> None:
    first = source(tmp_path, "passphrase")
    assert first.waits and first.is_new
    first.give_passphrase(WORDS)
    (root,) = first.candidates()
    Registry(tmp_path, first).close()
    again = source(tmp_path, "passphrase")
    with pytest.raises(ApplianceLocked) as wrong:
        again.give_passphrase("seven green parrots")
    assert again.waits and "parrots" not in str(wrong.value)
    again.give_passphrase(WORDS)
    assert again.candidates() == (root,)
    stored = (tmp_path / "root.sealed").read_bytes()
    assert root not in stored and root.hex().encode() not in stored
    assert (tmp_path / "root.sealed").stat().st_mode & 0o077 == 0


def test_a_short_passphrase_is_refused_at_the_first_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="12 characters"):
        source(tmp_path, "passphrase").give_passphrase("parrots")
    assert not (tmp_path / "root.sealed").exists()


@pytest.mark.parametrize("change", ["memory_kib", "passes", "salt", "sealed", "method"])
def test_a_changed_envelope_opens_nothing(tmp_path: Path, change: str) -> None:
    source(tmp_path, "passphrase").give_passphrase(WORDS)
    path = tmp_path / "root.sealed"
    kept = json.loads(path.read_text())
    if change in ("memory_kib", "passes"):
        kept["cost"][change] += 1
    elif change == "salt":
        kept["cost"]["salt"] = "00" * 16
    else:
        kept[change] = {"sealed": "AAAA" + kept["sealed"][4:], "method": "environment"}[change]
    path.write_text(json.dumps(kept))
    with pytest.raises(ApplianceLocked):
        source(tmp_path, "passphrase").give_passphrase(WORDS)


def test_a_cost_that_would_stop_the_machine_is_refused(tmp_path: Path) -> None:
    source(tmp_path, "passphrase").give_passphrase(WORDS)
    path = tmp_path / "root.sealed"
    for name, value in (("memory_kib", 1 << 30), ("passes", 10**9), ("lanes", "4")):
        kept = json.loads(path.read_text())
        kept["cost"][name] = value
        path.write_text(json.dumps(kept))
        with pytest.raises(ApplianceLocked, match="damaged"):
            source(tmp_path, "passphrase").give_passphrase(WORDS)


def test_an_unseal_key_comes_from_a_program_that_is_no_shell(tmp_path: Path) -> None:
    made = source(tmp_path, "command", printing(KEY.hex()))
    made.create()
    (root,) = made.candidates()
    assert source(tmp_path, "command", printing(KEY.hex())).candidates() == (root,)
    with pytest.raises(ApplianceLocked):
        source(tmp_path, "command", printing(bytes(32).hex())).candidates()
    shell = ("echo", f"{KEY.hex()}; touch {tmp_path / 'made'}")
    with pytest.raises(ApplianceLocked):
        source(tmp_path, "command", shell).candidates()
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((sys.executable, "-c", "print('hunter2'); raise SystemExit(3)"), "status 3"),
        ((sys.executable, "-c", "print('hunter2')"), "no key"),
        (("no-such-program-here",), "not there"),
        ((), "No command"),
    ],
)
def test_a_program_that_fails_says_why_and_nothing_it_printed(tmp_path, command, words) -> None:
    source(tmp_path, "command", printing(KEY.hex())).create()
    with pytest.raises(ApplianceLocked, match=words) as failed:
        source(tmp_path, "command", command).candidates()
    assert "hunter2" not in str(failed.value)


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    source(tmp_path, "command", printing(KEY.hex())).create()
    hangs = (sys.executable, "-c", "import time; print('hunter2', flush=True); time.sleep(60)")
    with pytest.raises(ApplianceLocked, match="too long") as failed:
        source(tmp_path, "command", hangs, 0.3).candidates()
    assert failed.value.__cause__ is None  # it would hold what was printed


def test_the_key_leaves_the_environment_and_an_unseal_key_opens(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOUSEMODEL_UNSEAL", "environment")
    monkeypatch.setenv("HOUSEMODEL_UNSEAL_KEY", KEY.hex())
    settings = load_settings(home=tmp_path / "home")
    Registry(settings.home, open_source(settings, create=True)).close()
    assert "HOUSEMODEL_UNSEAL_KEY" not in os.environ
    with pytest.raises(ApplianceLocked):
        open_source(settings)
    monkeypatch.setenv("HOUSEMODEL_UNSEAL_KEY", "11" * 32)
    with pytest.raises(ApplianceLocked):
        open_source(settings)
    assert open_source(settings, may_wait=True).waits


def test_a_lost_envelope_of_a_home_is_not_replaced(tmp_path: Path) -> None:
    made = source(tmp_path, "passphrase")
    made.give_passphrase(WORDS)
    Registry(tmp_path, made).close()
    (tmp_path / "root.sealed").unlink()
    with pytest.raises(Locked):
        source(tmp_path, "passphrase").give_passphrase(WORDS)
    assert not (tmp_path / "root.sealed").exists()


def test_only_one_at_a_time_handles_the_keys(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(Conflict), held(tmp_path):
        pass
    with held(tmp_path):
        pass


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "home"
    assert main(["workspace", "create", "atelier", "--home", str(folder)]) == 0
    capsys.readouterr()
    return folder


def test_the_command_moves_a_home_from_its_file_to_words(
    home, tmp_path, monkeypatch, capsys
) -> None:
    root = bytes.fromhex((home / "root.key").read_text())
    words = tmp_path / "words"
    words.touch(mode=0o600)
    words.write_text(f"{WORDS}\n")
    monkeypatch.setenv("HOUSEMODEL_PASSPHRASE_FILE", str(words))
    assert main(["rotate-keys", "--unseal-by", "passphrase", "--home", str(home)]) == 0
    assert "HOUSEMODEL_UNSEAL=passphrase" in capsys.readouterr().out
    assert not (home / "root.key").exists()
    assert main(["workspace", "list", "--home", str(home)]) == 1  # the file is gone
    monkeypatch.setenv("HOUSEMODEL_UNSEAL", "passphrase")
    assert main(["workspace", "list", "--home", str(home)]) == 0
    assert main(["rotate-keys", "--home", str(home), "--json"]) == 0
    new = open_source(load_settings(home=home))
    assert new.candidates() != (root,)
    registry = Registry(home, new)
    assert registry.verify().intact and registry.by_name("atelier").name == "atelier"
    registry.close()
    words.chmod(0o644)
    assert main(["workspace", "list", "--home", str(home)]) == 1
    assert "chmod 600" in capsys.readouterr().err


def test_the_command_rotates_all_and_writes_it_into_each_log(home, capsys) -> None:
    before = (home / "root.key").read_text()
    assert main(["rotate-keys", "--home", str(home), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["root_rows"] >= 1 and len(done["workspaces"]) == 1 and not done["left"]
    assert (home / "root.key").read_text() != before
    assert main(["audit", "export", "--workspace", "atelier", "--home", str(home)]) == 0
    actions = [json.loads(line)["action"] for line in capsys.readouterr().out.splitlines()]
    assert actions == ["keys.rotated", "root_key.rotated"]


def test_a_command_lets_no_crash_write_its_memory_to_the_disk(home: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (limit[1], limit[1]))
        main(["workspace", "list", "--home", str(home)])
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def test_what_was_open_to_others_is_closed_at_the_start(home: Path) -> None:
    database = next(home.glob("workspaces/*/store.db"))
    database.chmod(0o644)
    home.chmod(0o755)
    registry = Registry(home, open_source(load_settings(home=home)))
    assert "." in registry.was_open and str(database.relative_to(home)) in registry.was_open
    assert database.stat().st_mode & 0o077 == 0 and home.stat().st_mode & 0o077 == 0
    registry.close()
    assert Registry(home, open_source(load_settings(home=home))).was_open == ()
