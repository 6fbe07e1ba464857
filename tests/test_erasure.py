"""An erasure can be proven by its certificate alone, and no copy of the home undoes it."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from compliance import audit, checkpoints, erasure, ledger
from serve.__main__ import main
from serve.custody import withdrawal
from serve.settings import load_settings
from tests.homes import NOW, ROOT_KEY, bytes_under, caller, open_registry, open_store
from tests.test_retention import person, picture
from workspace import sealing
from workspace.errors import Fault, InvalidRequest, Locked
from workspace.keys import load_root_key
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.tombstones import Tombstones
from workspace.types import ModelId, ModelStatus


def opened(home: Path) -> Registry:
    """A registry that may erase again, as the appliance has it."""
    registry = Registry(home, ROOT_KEY)
    registry.erase_again = withdrawal.erase_again
    return registry


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Any:
    with open_store(home) as opened_store:
        yield opened_store


def erase(store: WorkspaceStore, model_id: ModelId) -> withdrawal.Erasure:
    return withdrawal.revoke(store, model_id, caller(store), NOW)


def test_a_certificate_lists_every_key_that_was_destroyed_and_no_word(store) -> None:
    model_id, other = person(store), person(store)
    image = picture(store, NOW)
    store.update("images", image, model_id=model_id)
    store.put("fingerprints", image, {"hash": "1"}, created_at=NOW.isoformat())
    before = {row["object_id"] for row in store.db.query("SELECT object_id FROM object_keys")}
    wrapped = dict(store.db.execute("SELECT object_id, wrapped FROM object_keys"))
    done = erase(store, model_id)
    statement = done.certificate["statement"]
    after = dict(store.db.execute("SELECT object_id, wrapped FROM object_keys"))
    gone = {o for o in before if after.get(o) != wrapped[o] and not o.startswith("meta:")}
    listed = {h for kind in statement["destroyed"].values() for h in kind["object_id_sha256"]}
    assert listed == {hashlib.sha256(o.encode()).hexdigest() for o in gone}
    counts = {kind: found["count"] for kind, found in statement["destroyed"].items()}
    kinds = ("close_up", "consent_words", "fingerprint", "image", "image_facts", "name")
    assert counts == dict.fromkeys(kinds, 1)
    assert (statement["cause"], statement["actor"]) == ("withdrawn", "key_test")
    assert "Zebrafink" not in json.dumps(done.certificate)
    assert store.assets.owned_by(other) and store.verify().intact
    log = audit.entries(store, limit=1000)
    assert log[statement["audit"]["entries"] - 1].hash == statement["audit"]["head"]
    assert log[-1].action == "erasure.certified" and audit.verify(store).intact


def test_decisions_and_campaigns_about_the_person_go_too(store) -> None:
    model_id = person(store)
    image = picture(store, NOW, "pending")
    store.update("image_approvals", image, model_id=model_id)
    columns = {"model_id": model_id, "status": "pending", "created_at": NOW.isoformat()}
    store.put("campaigns", "cmp_1", {"name": "Zebrafink spring"}, **columns)
    erase(store, model_id)
    assert store.count("campaigns") == store.count("image_approvals") == 0
    assert ledger.forget_words(store, model_id) == 0


@pytest.mark.parametrize("table", ["models", "consents", "assets"])
def test_damage_does_not_keep_anybody_from_withdrawing(store, table: str) -> None:
    model_id = person(store)
    store.db.execute(f"UPDATE {table} SET sealed = x'00'")
    done = erase(store, model_id)
    assert done.status == "revoked" and store.assets.owned_by(model_id) == []
    assert erasure.check(done.certificate, store.signer.public_pem)
    assert store.verify().intact


def test_a_repeated_erasure_gives_the_same_certificate(store) -> None:
    model_id = person(store)
    first, again = erase(store, model_id), erase(store, model_id)
    assert first.certificate == again.certificate == erasure.latest(store, model_id)
    assert len(erasure.listed(store, model_id)) == 1


def test_the_public_key_alone_verifies_and_any_change_is_found(store) -> None:
    certificate = erase(store, person(store)).certificate
    public = store.signer.public_pem
    assert erasure.check(certificate, public) == certificate["statement"]
    stranger = sealing.Signer(sealing.new_key())
    forged = json.loads(json.dumps(certificate))
    forged["statement"]["erased_at"] = "2020-01-01T00:00:00+00:00"
    resigned = json.loads(json.dumps(certificate)) | {"public_key": stranger.public_pem}
    words = json.dumps(resigned["statement"], sort_keys=True, separators=(",", ":")).encode()
    resigned["signature"] = base64.b64encode(stranger.sign(words)).decode()
    for bad in (forged, resigned, {}, [], {"statement": {}, "signature": "x"}, None):
        with pytest.raises(InvalidRequest):
            erasure.check(bad, public)


def test_openssl_agrees_with_the_signature(store, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    certificate = erase(store, person(store)).certificate
    words = json.dumps(certificate["statement"], sort_keys=True, separators=(",", ":"))
    (tmp_path / "statement").write_text(words)
    (tmp_path / "signature").write_bytes(base64.b64decode(certificate["signature"]))
    (tmp_path / "key.pem").write_text(certificate["public_key"])
    command = (
        "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in statement -sigfile signature"
    )
    ran = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_command_verifies_without_a_home(store, tmp_path: Path, capsys) -> None:
    certificate = erase(store, person(store)).certificate
    file, key = tmp_path / "certificate.json", tmp_path / "key.pem"
    key.write_text(store.signer.public_pem)
    for content in (certificate, {"status": "revoked", "certificate": certificate}):
        file.write_text(json.dumps(content))
        assert main(["erasure", "verify", str(file), "--key", str(key)]) == 0
        assert "The signature holds" in capsys.readouterr().out
    file.write_text(json.dumps(certificate).replace("withdrawn", "whatever"))
    assert main(["erasure", "verify", str(file), "--key", str(key)]) == 1
    assert "changed" in capsys.readouterr().err


def test_the_appliance_keeps_one_key(home: Path) -> None:
    with open_registry(home) as registry:
        first = registry.signer.public_pem
    with open_registry(home) as registry:
        assert registry.signer.public_pem == first
        seed = registry.open(
            "meta", "appliance_key", next(registry.control.query(
                "SELECT value FROM meta WHERE key = 'appliance_key'"))["value"]
        )["seed"]  # fmt: skip
    assert seed.encode() not in bytes_under(home) and bytes.fromhex(seed) not in bytes_under(home)


def test_a_copy_that_is_put_back_is_erased_again_before_it_is_seen(home: Path) -> None:
    registry = opened(home)
    workspace = registry.create("atelier", "pro", NOW).id
    store = registry.store(workspace)
    model_id, other = person(store), person(store)
    registry.close()
    shutil.copytree(home, home.with_name("backup"))
    registry = opened(home)
    erase(registry.store(workspace), model_id)
    registry.close()
    shutil.rmtree(home)
    home.with_name("backup").rename(home)
    assert (home / "workspaces" / workspace / "assets").is_dir()
    with open_registry(home) as other_process, pytest.raises(Locked):
        other_process.store(workspace)  # one that may not erase sees nothing
    registry = opened(home)
    back = registry.store(workspace)
    assert back.assets.owned_by(model_id) == [] and back.assets.owned_by(other)
    assert back.get("models", model_id).columns["status"] == ModelStatus.REVOKED
    assert "name" not in back.get("models", model_id).private
    statement = erasure.check(erasure.latest(back, model_id), registry.signer.public_pem)
    assert (statement["cause"], statement["actor"]) == ("copy_put_back", "tombstones")
    certified = [e.facts["cause"] for e in audit.entries(back) if e.action == "erasure.certified"]
    assert certified == ["copy_put_back"] and audit.verify(back).intact
    registry.close()


def test_parts_of_a_person_that_are_put_back_without_the_rest_go_too(home: Path) -> None:
    registry = opened(home)
    store = registry.store(registry.create("atelier", "pro", NOW).id)
    model_id = person(store)
    erase(store, model_id)
    store.assets.put(b"photo", "close_up", model_id, "image/jpeg")
    registry.close()
    registry = opened(home)
    assert registry.store(store.workspace.id).assets.owned_by(model_id) == []
    registry.close()


def test_a_lost_register_is_filled_again_from_the_stores(home: Path) -> None:
    registry = opened(home)
    store = registry.store(registry.create("atelier", "pro", NOW).id)
    workspace, model_id = store.workspace.id, person(store)
    erase(store, model_id)
    registry.close()
    registry.tombstones.path.unlink()
    registry = opened(home)
    assert not registry.tombstones.is_buried(workspace, model_id)
    registry.store(workspace)
    assert registry.tombstones.of_workspace(workspace)[0].cause == "revoked"
    registry.close()


def test_a_status_that_somebody_else_wrote_buries_nobody(home: Path) -> None:
    registry = opened(home)
    store = registry.store(registry.create("atelier", "pro", NOW).id)
    workspace, model_id = store.workspace.id, person(store)
    store.db.execute("UPDATE models SET status = 'erased' WHERE id = ?", [model_id])
    registry.close()
    registry = opened(home)
    assert registry.store(workspace).assets.owned_by(model_id)
    assert not registry.tombstones.is_buried(workspace, model_id)
    registry.close()


def test_a_destroyed_workspace_does_not_come_back(home: Path) -> None:
    with open_registry(home) as registry:
        workspace = registry.create("atelier", "pro", NOW).id
    shutil.copytree(home, home.with_name("backup"))
    with open_registry(home) as registry:
        registry.destroy(workspace)
    shutil.rmtree(home)
    home.with_name("backup").rename(home)
    with open_registry(home) as registry:
        assert registry.list() == [] and not (home / "workspaces" / workspace).exists()


def test_nothing_is_erased_that_could_not_be_noted_outside(home: Path) -> None:
    with open_registry(home) as registry:
        store = registry.store(registry.create("atelier", "pro", NOW).id)
        model_id = person(store)
        registry.tombstones.path.mkdir()  # a folder is in the way: it can't be written
        with pytest.raises(Fault):
            erase(store, model_id)
        assert store.assets.owned_by(model_id) and erasure.listed(store, model_id) == []


def test_the_register_takes_only_lines_with_its_keys_mac(tmp_path: Path) -> None:
    path = tmp_path / "home.tombstones"
    register = Tombstones(path, ROOT_KEY)
    register.bury("ws_1", "mdl_1", NOW, "revoked")
    register.bury("ws_1", "mdl_1", NOW, "erased")  # once is enough
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (line,) = path.read_text().splitlines()
    with path.open("a") as file:
        file.write(line.replace("mdl_1", "mdl_2") + "\n" + "[]\n" + '{"mac": 1}\n' + line[:40])
        file.write("\n" + "[" * 100_000 + "\n")
    register.bury("ws_1", "mdl_3", NOW, "erased")
    again = Tombstones(path, ROOT_KEY)
    assert [grave.object_id for grave in again.of_workspace("ws_1")] == ["mdl_1", "mdl_3"]
    assert again.of_workspace("ws_2") == ()
    assert Tombstones(path, bytes(32)).of_workspace("ws_1") == ()


def test_the_register_may_not_lie_inside_of_the_home(tmp_path: Path, monkeypatch) -> None:
    home = tmp_path / "home"
    assert load_settings(home=home).tombstones == tmp_path / "home.tombstones"
    monkeypatch.setenv("HOUSEMODEL_TOMBSTONES", str(tmp_path / "elsewhere" / "register"))
    assert load_settings(home=home).tombstones == tmp_path / "elsewhere" / "register"
    monkeypatch.setenv("HOUSEMODEL_TOMBSTONES", str(home / "register"))
    with pytest.raises(InvalidRequest):
        load_settings(home=home)


def test_the_log_is_signed_and_a_forged_checkpoint_is_found(store, monkeypatch) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 3)
    for number in range(7):
        audit.append(store, "generation.admitted", f"gen_{number}", "key_1", NOW)
    assert [point.seq for point in checkpoints.listed(store)] == [3, 6]
    audit.checkpoint(store, NOW)
    audit.checkpoint(store, NOW)
    assert [point.seq for point in checkpoints.listed(store)] == [3, 6, 7]
    report = audit.verify(store)
    assert report.intact and report.checkpoints == 3
    head = checkpoints.listed(store)[0].head
    for change in (
        f"UPDATE audit_checkpoints SET head = '{head}' WHERE seq = 6",
        "UPDATE audit_checkpoints SET at = '2020-01-01T00:00:00+00:00' WHERE seq = 6",
        "UPDATE audit_checkpoints SET signature = 'AAAA' WHERE seq = 6",
        "UPDATE audit_checkpoints SET signature = NULL WHERE seq = 6",
    ):
        with pytest.raises(_Undone), store.transaction():
            if "NULL" not in change:
                store.db.execute(change)
                found = audit.verify(store)
                assert (found.intact, found.first_broken) == (False, 6), change
            raise _Undone
    with pytest.raises(_Undone), store.transaction():
        store.db.execute("UPDATE audit_checkpoints SET seq = 99 WHERE seq = 6")
        assert audit.verify(store).first_broken == 99
        raise _Undone
    assert audit.verify(store).intact


class _Undone(Exception):
    pass


def test_a_command_opens_no_home_that_holds_an_erased_person(home: Path, capsys) -> None:
    assert main(["workspace", "create", "atelier", "--plan", "pro", "--home", str(home)]) == 0
    registry = Registry(home, load_root_key(home / "root.key", create=False))
    registry.erase_again = withdrawal.erase_again
    store = registry.store(registry.by_name("atelier").id)
    model_id = person(store)
    registry.tombstones.bury(store.workspace.id, model_id, NOW, "revoked")
    registry.close()
    asked = ["audit", "verify", "--workspace", "atelier", "--home", str(home)]
    assert main(asked) == 1
    assert "start the appliance" in capsys.readouterr().err
