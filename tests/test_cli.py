"""Commands that look after a home while no server runs."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from compliance import audit
from serve.__main__ import main
from workspace.keys import load_root_key
from workspace.registry import Registry


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A home with one starter workspace that has an audit log of three entries."""
    folder = tmp_path / "home"
    assert main(["workspace", "create", "atelier", "--plan", "starter", "--home", str(folder)]) == 0
    with_log = Registry(folder, load_root_key(folder / "root.key", create=False))
    store = with_log.store(with_log.by_name("atelier").id)
    for n in range(3):
        audit.append(store, "model.renamed", f"mdl_{n}", "key_1", datetime.now(UTC))
    with_log.close()
    capsys.readouterr()
    return folder


def test_a_plan_is_changed_and_an_unknown_one_is_refused_with_the_choice(home, capsys) -> None:
    assert main(["workspace", "plan", "atelier", "pro", "--home", str(home), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["plan"] == "pro"
    assert main(["workspace", "plan", "atelier", "gold", "--home", str(home)]) != 0
    assert "enterprise" in capsys.readouterr().err
    assert main(["workspace", "list", "--home", str(home), "--json"]) == 0
    assert '"pro"' in capsys.readouterr().out


def test_an_untouched_log_verifies_and_a_removed_entry_is_found(home, capsys) -> None:
    asked = ["audit", "verify", "--workspace", "atelier", "--home", str(home)]
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) | {"head": ""} == {
        **{"intact": True, "entries": 3, "first_broken": None, "head": "", "checkpoints": 0},
    }
    (database,) = home.glob("workspaces/*/store.db")
    with sqlite3.connect(database) as db:
        guards = db.execute("select name, sql from sqlite_master where type='trigger'").fetchall()
        for name, _ in guards:
            db.execute(f"drop trigger {name}")
        db.execute("delete from audit where seq = 2")
        for _, sql in guards:
            db.execute(sql)
    db.close()
    assert main(asked) == 1
    assert "BROKEN" in capsys.readouterr().out


def test_the_export_has_one_json_object_a_line(home, capsys) -> None:
    assert main(["audit", "export", "--workspace", "atelier", "--home", str(home)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["object_id"] for line in lines] == ["mdl_0", "mdl_1", "mdl_2"]


def test_a_kept_checkpoint_tells_of_a_log_that_was_put_back(home, tmp_path, capsys) -> None:
    where = ["--workspace", "atelier", "--home", str(home)]
    shutil.copytree(home, tmp_path / "before")
    registry = Registry(home, load_root_key(home / "root.key", create=False))
    store = registry.store(registry.by_name("atelier").id)
    audit.append(store, "model.renamed", "mdl_3", "key_1", datetime.now(UTC))
    registry.close()
    assert main(["audit", "checkpoint", *where]) == 0
    kept = tmp_path / "kept.jsonl"
    kept.write_text(capsys.readouterr().out)
    verify = ["audit", "verify", *where, "--kept", str(kept)]
    assert main(verify) == 0 and "2 signed checkpoints fit" in capsys.readouterr().out
    shutil.rmtree(home)
    shutil.move(tmp_path / "before", home)
    assert main(verify[:-2]) == 0
    assert main(verify) == 1 and "BROKEN at entry 4 of 3" in capsys.readouterr().out
    kept.write_text('{"seq": 1}')
    assert main(verify) == 1 and "no checkpoint" in capsys.readouterr().err


def test_a_workspace_that_is_not_there_is_named_plainly(home, capsys) -> None:
    assert main(["audit", "verify", "--workspace", "nobody", "--home", str(home)]) != 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["audit", "verify", "--workspace", "x", "--home", "HOME/none"],
        ["workspace", "create", "x", "--home", "HOME/file/home"],
        ["demo", "--home", "HOME/home", "--out", "HOME/file/pictures"],
    ],
)
def test_a_folder_that_can_not_be_used_is_told_and_no_traceback(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert main([word.replace("HOME", str(tmp_path)) for word in command]) == 1
    said = capsys.readouterr().err
    assert ("folder" in said and "--home" in said) or "Name another" in said
