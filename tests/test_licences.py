"""A pack that is not free for commercial use: who answered for it, and what happens without."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from compliance import audit, licences
from serve import app
from serve.__main__ import main
from serve.settings import load_settings
from tests.consenting import Unseeing
from tests.homes import NOW, bytes_under, open_registry
from tests.service import open_service
from tests.simulated import SUMMARY, SimulatedSafety
from workspace.errors import InvalidRequest, LicenceNotAcknowledged
from workspace.types import PackLicence

FREE = PackLicence("Apache-2.0", "text encoder", "yes", "a" * 64)
BOUND = PackLicence("LicenseRef-Example", "transformer", "no", "b" * 64)
LIMITED = replace(BOUND, commercial="revenue_limit")
PACK = replace(SUMMARY, licences=(FREE, BOUND))
MANIFEST = """
name = "paid"
version = "1"
family = "flux2_klein"
summary = "Needs a contract."
tools = ["editorial"]
[render]
steps = 3
guidance = 1.0
text_tokens = 12
text_layers = [1]
default_aspect_ratio = "3:4"
sizes = { "3:4" = [48, 64] }
[references]
close_up = { size = [64, 64], t = 10 }
full_body = { size = [64, 80], t = 20 }
product = { size = [64, 64], t = 30 }
[references.crop]
close_up_face_width = 0.5
[limits]
max_products = 2
max_batch = 4
[faces]
encoder_id = "yunet_sface_fp32"
pass = 0.5
warn = 0.4
[[licences]]
spdx = "LicenseRef-Example"
covers = "weights"
commercial = "no"
file = "LICENCE.txt"
[files]
"model_index.json" = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
"""


@pytest.fixture
def paid_home(tmp_path: Path) -> Path:
    """A home with a workspace and an imported pack that needs a contract."""
    folder = tmp_path / "home"
    assert main(["workspace", "create", "atelier", "--home", str(folder)]) == 0
    pack = folder / "packs" / "paid"
    pack.mkdir(parents=True)
    (pack / "pack.toml").write_text(MANIFEST)
    (pack / "model_index.json").write_text("{}")
    (pack / "LICENCE.txt").write_text("For research only.")
    return folder


@pytest.mark.parametrize("licence", [BOUND, LIMITED])
def test_without_a_statement_the_pack_is_refused_and_with_one_it_is_not(
    tmp_path: Path, licence: PackLicence
) -> None:
    pack = replace(PACK, licences=(FREE, licence))
    with open_registry(tmp_path) as registry:
        store = registry.store(registry.create("atelier", "pro", NOW).id)
        with pytest.raises(LicenceNotAcknowledged, match="transformer: LicenseRef-Example"):
            licences.require(registry, pack)
        made = licences.acknowledge(registry, pack, "C-2026-7", "Canary Name", NOW)
        licences.require(registry, pack)
        assert licences.find(registry, pack) == made
        (entry,) = audit.entries(store)
        assert entry.action == "pack.licence_acknowledged"
        assert entry.facts["weights_digest"] == pack.digest
        assert "Canary" not in json.dumps(entry.facts) and "C-2026" not in json.dumps(entry.facts)
    assert b"Canary Name" not in bytes_under(tmp_path)
    with open_registry(tmp_path) as registry:  # after a restart
        licences.require(registry, pack)


def test_other_weights_or_another_text_need_another_statement(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        licences.acknowledge(registry, PACK, "C-1", "A", NOW)
        for other in (
            replace(PACK, digest="6" * 64),
            replace(PACK, licences=(FREE, replace(BOUND, text_sha256="c" * 64))),
            replace(PACK, licences=(FREE, BOUND, replace(BOUND, covers="vae"))),
        ):
            with pytest.raises(LicenceNotAcknowledged):
                licences.require(registry, other)


def test_a_forged_statement_counts_as_none(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        licences.acknowledge(registry, PACK, "C-1", "A", NOW)
        other = replace(PACK, digest="6" * 64)
        key = f"pack_licence/{licences.fingerprint(other)}"
        registry.control.execute("UPDATE meta SET key = ? WHERE key LIKE 'pack_licence/%'", [key])
        for pack in (PACK, other):
            with pytest.raises(LicenceNotAcknowledged):
                licences.require(registry, pack)


@pytest.mark.parametrize(
    ("contract", "by"), [("", "A"), ("C", " "), ("C" * 201, "A"), ("C\n", "\0")]
)
def test_a_statement_names_a_contract_and_a_person(tmp_path: Path, contract: str, by: str) -> None:
    with open_registry(tmp_path) as registry, pytest.raises(InvalidRequest):
        licences.acknowledge(registry, PACK, contract, by, NOW)


def test_a_free_pack_needs_none(tmp_path: Path) -> None:
    free = replace(PACK, licences=(FREE,))
    with open_registry(tmp_path) as registry:
        licences.require(registry, free)
        with pytest.raises(InvalidRequest):
            licences.acknowledge(registry, free, "C", "A", NOW)


def test_nothing_is_drawn_with_a_pack_that_nobody_answered_for(tmp_path: Path, monkeypatch) -> None:
    body = {"tool": "editorial", "prompt": "a hat"}
    with open_service(tmp_path / "home", Unseeing(), start=False) as service:
        monkeypatch.setattr(service.diffusion, "describe", lambda: PACK)
        answer = service.client.post("/v1/generations", json=body)
        assert answer.status_code == 403 and answer.json()["code"] == "licence_not_acknowledged"
        licences.acknowledge(service.services.registry, PACK, "C-1", "A", NOW)
        accepted = service.client.post("/v1/generations", json=body)
        assert accepted.status_code == 202
        assert service.services.dispatcher.run_once()
        (image,) = service.client.get(accepted.json()["status_url"]).json()["images"]
    assert [one["commercial"] for one in image["pack_licences"]] == ["yes", "no"]
    assert image["licence_acknowledged"] is True


def test_the_commands_list_verify_and_acknowledge(paid_home: Path, capsys) -> None:
    capsys.readouterr()
    where = ["--home", str(paid_home)]
    assert main(["pack", "list", *where]) == 0
    assert "paid: paid 1, NOT ACKNOWLEDGED" in capsys.readouterr().out
    assert main(["pack", "verify", "paid", *where]) == 0
    assert main(["up", "--pack", "paid", *where]) == 1  # told before Ray is started
    assert "housemodel pack acknowledge" in capsys.readouterr().err
    said = ["--contract", "C-2026-7", "--by", "Ana Ruiz", "--json"]
    assert main(["pack", "acknowledge", "paid", *said, *where]) == 0
    capsys.readouterr()
    assert main(["pack", "list", "--json", *where]) == 0
    paid, mannequin = json.loads(capsys.readouterr().out)[:2]
    assert paid["acknowledged"]["contract"] == "C-2026-7" and paid["contract_needed"]
    assert not mannequin["contract_needed"] and mannequin["acknowledged"] is None
    (paid_home / "packs" / "paid" / "LICENCE.txt").write_text(
        "For research only, and not on Sundays."
    )
    assert main(["pack", "list", *where]) == 0
    assert "NOT ACKNOWLEDGED" in capsys.readouterr().out


def test_a_list_makes_no_home(tmp_path: Path, capsys) -> None:
    assert main(["pack", "list", "--home", str(tmp_path / "none")]) == 0
    assert not (tmp_path / "none").exists()
    assert main(["pack", "verify", "../x", "--home", str(tmp_path)]) == 1
    assert main(["pack", "verify", "nothing", "--home", str(tmp_path)]) == 1


def test_the_service_does_not_open_with_it(paid_home: Path) -> None:
    settings = load_settings(home=paid_home, pack="paid")
    with pytest.raises(LicenceNotAcknowledged):
        app.build_services(settings, None, None, SimulatedSafety())  # type: ignore[arg-type]
