"""Marks on pictures: every format validates, tampering shows, nothing private is written."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from PIL import Image

from compliance.marks import certificates, manifest
from compliance.provenance import (
    Marked,
    Marker,
    ProvenanceConfig,
    load_provenance,
    open_marker,
)
from identity.photos import MEDIA_TYPES, Format, encode
from serve.__main__ import main
from tests.homes import bytes_under, open_registry
from workspace.errors import Fault, MarkingFailed, UnsupportedImage
from workspace.registry import Registry
from workspace.types import RGB

VERSION = "0.1.0"
CONFIG = Path(__file__).parents[1] / "configs" / "provenance.toml"
ALGORITHM = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
FORMATS: tuple[Format, ...] = ("png", "jpeg", "webp")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("marks")


@pytest.fixture(scope="module")
def registry(home: Path) -> Iterator[Registry]:
    with open_registry(home) as opened:
        yield opened


@pytest.fixture(scope="module")
def marker(registry: Registry) -> Marker:
    return open_marker(registry, load_provenance(CONFIG), VERSION, now())


def now() -> datetime:
    """The real time: the C2PA library looks at the machine's clock, too."""
    return datetime.now(UTC)


def picture() -> RGB:
    return np.random.default_rng(4).integers(0, 256, (128, 96, 3), dtype=np.uint8)


def marked(marker: Marker, format: Format = "png", image_id: str = "img_one") -> Marked:
    """A picture with its marks; other formats than PNG are copies of the PNG, as on the route."""
    data, media_type = encode(picture(), format, marker.xmp)
    stored = marked(marker, "png", image_id) if format != "png" else None
    if stored is not None:
        return marker.mark_copy(data, media_type, stored)
    return marker.mark(data, media_type, image_id)


def own_files(folder: Path, now: datetime) -> ProvenanceConfig:
    """A customer's certificate and key as files."""
    folder.mkdir(exist_ok=True)
    config = ProvenanceConfig(folder / "chain.pem", folder / "key.pem")
    assert config.chain and config.private_key
    chain, key = certificates.make_development(now)
    config.chain.write_bytes(chain)
    config.private_key.write_bytes(key)
    config.private_key.chmod(0o600)
    return config


def tampered(data: bytes, format: Format) -> bytes:
    """The same file with other pixels and the marks put back as they were."""
    middle = len(data) * 3 // 4
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_validates_with_c2pas_own_reader(marker: Marker, format: Format) -> None:
    one = marked(marker, format)
    reader = c2pa.Reader(one.media_type, io.BytesIO(one.data))  # its defaults, not our settings
    assert reader.get_validation_state() == "Valid"
    failed = {
        entry["code"] for entry in reader.get_validation_results()["activeManifest"]["failure"]
    }
    assert failed <= {"signingCredential.untrusted"}  # nobody else trusts a development certificate
    text = reader.json()
    assert ALGORITHM in text and '"c2pa.created"' in text
    active = reader.get_active_manifest()
    generator = active["claim_generator_info"][0]
    assert (generator["name"], generator["version"]) == ("housemodel", VERSION)
    assert "DEVELOPMENT" in active["signature_info"]["common_name"]
    assert "DEVELOPMENT" in active["signature_info"]["issuer"]


@pytest.mark.parametrize("format", FORMATS)
def test_the_xmp_fields_are_in_the_container_and_the_pixels_are_untouched(
    marker: Marker, format: Format
) -> None:
    with Image.open(io.BytesIO(marked(marker, format).data)) as opened:
        packet = opened.info["xmp"].decode()
        pixels = np.asarray(opened.convert("RGB"))
    for field, value in (
        ("DigitalSourceType", ALGORITHM),
        ("AISystemUsed", "housemodel"),
        ("AISystemVersionUsed", VERSION),
    ):
        assert f'Iptc4xmpExt:{field}="{value}"' in packet
    plain, _ = encode(picture(), format)
    assert np.array_equal(pixels, np.asarray(Image.open(io.BytesIO(plain)).convert("RGB")))


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_read_back_names_the_image_and_the_signer(marker: Marker, format: Format) -> None:
    one = marked(marker, format, "img_me")
    found = marker.read(one.data, one.media_type)
    assert found is not None and found.state == "valid" and found.signed_here
    assert found.image_id == "img_me" and found.digital_source_type == ALGORITHM
    assert found.claim_generator == f"housemodel/{VERSION}"


@pytest.mark.parametrize("format", FORMATS)
def test_changed_pixels_are_invalid(marker: Marker, format: Format) -> None:
    one = marked(marker, format)
    found = marker.read(tampered(one.data, format), one.media_type)
    assert found is not None and found.state == "invalid"
    assert not found.signed_here and found.image_id is None


@pytest.mark.parametrize("format", FORMATS)
def test_stripping_and_saving_again_are_seen(marker: Marker, format: Format) -> None:
    again = io.BytesIO()
    Image.open(io.BytesIO(marked(marker, format).data)).convert("RGB").save(again, format.upper())
    assert marker.read(again.getvalue(), MEDIA_TYPES[format]) is None


def test_a_copy_in_another_format_names_the_stored_picture_as_its_parent(marker: Marker) -> None:
    one = marked(marker, "jpeg")
    report = marker.report(one.data, one.media_type)
    active = report["manifests"][report["active_manifest"]]
    parent = active["ingredients"][0]
    assert parent["relationship"] == "parentOf"
    assert parent["active_manifest"] in report["manifests"]
    assert b"thumbnail" not in one.data


def test_nothing_but_the_whitelist_is_written(marker: Marker) -> None:
    report = marker.report(marked(marker).data, "image/png")
    active = report["manifests"][report["active_manifest"]]
    assert {one["label"] for one in active["assertions"]} == {"c2pa.actions.v2", "housemodel.image"}
    data = {one["label"]: one["data"] for one in active["assertions"]}
    assert data["housemodel.image"] == {"image_id": "img_one"}
    assert set(data["c2pa.actions.v2"]["actions"][0]) == {
        "action",
        "digitalSourceType",
        "softwareAgent",
    }
    assert not {"title", "thumbnail", "credentials"} & set(active)


def test_pictures_are_marked_from_several_threads(marker: Marker) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda k: marked(marker, image_id=f"img_{k}"), range(8)))
    found = [marker.read(one.data, one.media_type) for one in done]
    assert [one and one.image_id for one in found] == [f"img_{k}" for k in range(8)]


def test_the_development_key_lies_sealed_and_is_used_again(
    registry: Registry, marker: Marker, home: Path
) -> None:
    again = open_marker(registry, ProvenanceConfig(), VERSION, now())
    found = again.read(marked(marker).data, "image/png")
    assert found is not None and found.signed_here
    on_disk = bytes_under(home)
    assert b"PRIVATE KEY" not in on_disk and b"BEGIN CERTIFICATE" not in on_disk
    assert b"provenance" in on_disk  # the row itself is there


def test_a_customers_certificate_signs_and_older_pictures_stay_known(
    registry: Registry, marker: Marker, tmp_path: Path
) -> None:
    own = open_marker(registry, own_files(tmp_path, now()), VERSION, now())
    one = marked(own)
    assert (one.certificate, marked(marker).certificate) == ("customer", "development")
    for data in (one.data, marked(marker).data):
        found = own.read(data, "image/png")
        assert found is not None and found.signed_here
    other = marker.read(one.data, "image/png")  # opened before that certificate was known
    assert other is not None and other.state == "valid" and not other.signed_here


def test_another_appliances_picture_is_not_taken_for_ours(marker: Marker, tmp_path: Path) -> None:
    with open_registry(tmp_path / "other") as registry:
        foreign = open_marker(registry, ProvenanceConfig(), VERSION, now())
        found = marker.read(marked(foreign).data, "image/png")
    assert found is not None and found.state == "valid"
    assert not found.signed_here and found.image_id is None


@pytest.mark.parametrize(
    ("break_", "words"),
    [
        (lambda c: c.private_key.write_bytes(certificates.make_development(now())[1]), "belong"),
        (lambda c: c.private_key.chmod(0o640), "chmod 600"),
        (lambda c: c.private_key.unlink(), "can't be read"),
        (lambda c: c.chain.write_text("no certificate"), "not PEM"),
        (lambda c: c.chain.write_bytes(c.chain.read_bytes()[:300]), "not PEM"),
        (lambda c: own_files(c.chain.parent, now() - timedelta(days=4000)), "not valid"),
        (
            lambda c: c.chain.write_text(c.chain.read_text().split("-----END CERTIFICATE-----")[0]
            + "-----END CERTIFICATE-----\n"),
            "issuer",
        ),
    ],
)  # fmt: skip
def test_a_certificate_that_can_not_sign_is_refused_at_the_start(
    registry: Registry, tmp_path: Path, break_: Any, words: str
) -> None:
    config = own_files(tmp_path, now())
    break_(config)
    with pytest.raises(MarkingFailed, match=words) as refused:
        open_marker(registry, config, VERSION, now())
    assert str(tmp_path) not in refused.value.detail


def test_a_certificate_that_ended_meanwhile_marks_nothing(
    registry: Registry, tmp_path: Path
) -> None:
    then = now() - timedelta(days=4000)
    chain, key = certificates.make_development(then)
    credential = certificates.read(chain, key, then)
    signers = {credential.serial: credential.anchor}
    ended = Marker("customer", credential, signers, VERSION, bytes(32))
    with pytest.raises(MarkingFailed, match="not valid at time of signing"):
        marked(ended)


def test_a_picture_without_the_fields_is_not_signed(marker: Marker) -> None:
    plain, media_type = encode(picture())
    with pytest.raises(MarkingFailed):
        marker.mark(plain, media_type, "img_one")


def test_a_photo_that_was_changed_here_is_the_parent_and_keeps_its_marks(marker: Marker) -> None:
    data, media_type = encode(picture(), "png", marker.xmp)
    before = marked(marker, image_id="img_before")
    edited = marker.mark_edited(data, media_type, "img_after", before.data, "image/png")
    report = marker.report(edited.data, edited.media_type)
    active = report["manifests"][report["active_manifest"]]
    actions = active["assertions"][0]["data"]["actions"]
    assert [one["action"] for one in actions] == ["c2pa.opened", "c2pa.edited"]
    assert active["ingredients"][0]["relationship"] == "parentOf"
    assert active["ingredients"][0]["active_manifest"] in report["manifests"]
    found = marker.read(edited.data, edited.media_type)
    assert found is not None and found.image_id == "img_after"
    assert str(found.digital_source_type).endswith("/compositeWithTrainedAlgorithmicMedia")


def test_a_time_stamp_authority_that_does_not_answer_stops_the_picture(registry: Registry) -> None:
    """Fail closed: with an authority in the settings, no picture leaves without its stamp."""
    config = ProvenanceConfig(time_stamps="http://127.0.0.1:9/nobody")
    with pytest.raises(MarkingFailed):
        open_marker(registry, config, VERSION, now())


def test_the_key_of_the_watermark_stays_with_the_home(registry: Registry) -> None:
    one, other = (open_marker(registry, ProvenanceConfig(), VERSION, now()) for _ in range(2))
    large = np.asarray(Image.fromarray(picture()).resize((192, 256)))
    pixels, mark = one.watermarked(large, "img_one")
    assert mark is not None and other.watermark_of(pixels) == mark
    assert one.watermarked(picture(), "img_small") == (pytest.approx(picture()), None)


def test_a_manifest_on_the_network_is_not_fetched(
    marker: Marker, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = certificates.make_development(now())
    info = c2pa.C2paSignerInfo("es256", chain, key, None)
    out = io.BytesIO()
    with c2pa.Builder.from_json(manifest.created(VERSION, "img_far")) as builder:
        builder.set_no_embed()
        builder.set_remote_url("http://127.0.0.1:9/manifest.c2pa")
        with c2pa.Signer.from_info(info) as signer:
            builder.sign(signer, "image/jpeg", io.BytesIO(encode(picture(), "jpeg")[0]), out)
    found = marker.read(out.getvalue(), "image/jpeg")
    assert found is not None and found.state == "remote" and found.claim_generator is None


def test_damaged_files_and_manifests_are_answered_plainly(marker: Marker) -> None:
    with pytest.raises(UnsupportedImage):
        marker.read(b"\x89PNG\r\n\x1a\n" + b"x" * 40, "image/png")
    data = marked(marker, "jpeg").data
    for end in range(40, len(data), len(data) // 12):
        try:
            found = marker.read(data[:end], "image/jpeg")
        except UnsupportedImage:
            continue
        assert found is None or found.state == "invalid"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[certificate]\nchain = 'a.pem'\n",
        "[certificate]\nchain = 'a.pem'\nprivate_key = ''\n",
        "[certificate]\nchain = ''\nprivate_key = ''\ntsa = 'x'\n",
        "certificate = 3\n",
    ],
)
def test_a_configuration_that_is_not_complete_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "provenance.toml"
    file.write_text(text)
    with pytest.raises(Fault):
        load_provenance(file)


def test_the_configuration_names_files_beside_itself(tmp_path: Path) -> None:
    file = tmp_path / "provenance.toml"
    file.write_text("[certificate]\nchain = 'a.pem'\nprivate_key = '/mnt/key.pem'\n")
    assert load_provenance(file) == ProvenanceConfig(tmp_path / "a.pem", Path("/mnt/key.pem"))
    assert load_provenance(CONFIG) == ProvenanceConfig()  # what ships


def test_up_with_a_bad_certificate_ends_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configs = shutil.copytree(CONFIG.parent, tmp_path / "configs")
    text = "[certificate]\nchain = 'none.pem'\nprivate_key = 'none.pem'\n"
    (configs / "provenance.toml").write_text(text)
    home = str(tmp_path / "home")
    assert main(["up", "--home", home, "--configs", str(configs), "--empty"]) != 0
    said = capsys.readouterr()
    assert "private key of the marks can't be read" in said.out + said.err
    assert "Starting Ray" not in said.out
    main(["doctor", "--home", home])
    assert "ok   marks: development certificate signs until" in capsys.readouterr().out
