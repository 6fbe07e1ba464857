"""Marks on the routes: every picture that leaves has them, and without them nothing leaves."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import c2pa
import numpy as np
import pytest
from PIL import Image

from compliance import audit
from compliance.marks import certificates
from serve.line import gallery, marking
from tests.service import Service
from workspace.errors import InvalidRequest

ALGORITHM = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
FORMATS = ("png", "jpeg", "webp")
PROMPT = "a heron in violet fog"


@pytest.fixture(scope="module")
def image(service: Service) -> Any:
    """One finished image of an enrolled person, as JSON."""
    done = service.generate(
        tool="editorial",
        prompt=f"$model wearing $product, {PROMPT}",
        model_id=service.model("amara"),
        product_ids=[service.product("red-tee")],
        seed=3,
    )
    assert done["status"] == "completed", done
    return done["images"][0]


def fetch(service: Service, image: Any, format: str) -> bytes:
    answer = service.client.get(image["url"], params={"format": format})
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


def verify(client: Any, picture: bytes) -> Any:
    answer = client.post("/v1/verify", files={"image": ("any", picture)})
    assert answer.status_code == 200, answer.text
    return answer.json()


@contextmanager
def broken_signer(service: Service) -> Iterator[None]:
    """Let the service sign with a certificate that has ended."""
    marker, then = service.services.parts.marker, datetime.now(UTC) - timedelta(days=4000)
    whole = marker._credential
    marker._credential = certificates.read(*certificates.make_development(then), then)
    try:
        yield
    finally:
        marker._credential = whole


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_that_leaves_validates(service: Service, image: Any, format: str) -> None:
    data = fetch(service, image, format)
    with c2pa.Reader(f"image/{format}", io.BytesIO(data)) as reader:
        assert reader.get_validation_state() == "Valid"
    told = verify(service.client, data)
    # The simulated line draws pictures that are alike: the nearest look may be a twin's.
    assert told.pop("near_duplicate")["difference"] == pytest.approx(0, abs=0.02)
    assert told.pop("made_at") and told == {
        "watermark_id": image["watermark_id"],
        "made_by_this_appliance": True,
        "manifest": {
            "state": "valid",
            "claim_generator": "housemodel/0.1.0",
            "digital_source_type": ALGORITHM,
            "signed_by": certificates.DEVELOPMENT,
        },
        "made_here": True,
        "image_id": image["id"],
    }


def test_all_formats_show_the_same_picture(service: Service, image: Any) -> None:
    png, jpeg, webp = (
        np.asarray(Image.open(io.BytesIO(fetch(service, image, one))).convert("RGB"), float)
        for one in FORMATS
    )
    assert abs(png - jpeg).mean() < 3 and abs(png - webp).mean() < 5


def test_the_image_says_that_it_is_signed_and_by_what(image: Any) -> None:
    assert image["c2pa"] == {"state": "signed", "certificate": "development"}


def test_the_manifest_is_read_back_from_the_stored_picture(service: Service, image: Any) -> None:
    report = service.client.get(f"{image['url']}/manifest").json()
    assert report["validation_state"] == "Trusted"  # by this appliance's own settings
    active = report["manifests"][report["active_manifest"]]
    labels = [one["label"] for one in active["assertions"]]
    assert labels == ["c2pa.actions.v2", "housemodel.image"]
    none = service.client.get("/v1/images/img_none/manifest")
    assert (none.status_code, none.json()["code"]) == (404, "not_found")
    scoped = service.client_of(scopes=frozenset({"generate"}))
    assert scoped.get(f"{image['url']}/manifest").status_code == 403


@pytest.mark.parametrize("format", FORMATS)
def test_no_prompt_name_model_or_workspace_is_in_what_leaves(
    service: Service, image: Any, format: str
) -> None:
    data = fetch(service, image, format)
    report = service.client.get(f"{image['url']}/manifest").content
    private = (
        PROMPT, "violet", "Amara", "amara", "red-tee", service.workspace.name,
        service.workspace.id, service.models["amara"], image["consent_id"],
    )  # fmt: skip
    for word in private:
        assert word.encode() not in data and word.encode() not in report


def test_another_workspaces_picture_is_a_strangers(service: Service, image: Any) -> None:
    other = service.client_of(service.other("maison-marks"))
    told = verify(other, fetch(service, image, "png"))
    assert told["manifest"]["state"] == "valid"
    assert told["made_by_this_appliance"] and told["watermark_id"] == image["watermark_id"]
    assert not told["made_here"]
    assert told["image_id"] is told["made_at"] is told["near_duplicate"] is None
    assert other.get(f"{image['url']}/manifest").status_code == 404


def test_changed_and_stripped_pictures_are_told(service: Service, image: Any) -> None:
    data = bytearray(fetch(service, image, "jpeg"))
    data[len(data) * 3 // 4] ^= 1
    told = verify(service.client, bytes(data))
    assert told["manifest"]["state"] == "invalid" and told["made_here"] is False
    again = io.BytesIO()
    Image.open(io.BytesIO(fetch(service, image, "png"))).save(again, "PNG")
    told = verify(service.client, again.getvalue())
    assert told["manifest"] is None and told["made_here"] is False
    assert told["made_by_this_appliance"] and told["watermark_id"] == image["watermark_id"]
    assert told["image_id"] == image["id"] == told["near_duplicate"]["image_id"]


def test_the_product_photo_is_an_ingredient_by_its_hash_alone(service: Service, image: Any) -> None:
    row = service.client.get("/v1/generations?limit=50").json()["items"]
    product_id = next(one for one in row if one["images"][:1] == [image])["product_ids"][0]
    photo = service.client.get(f"/v1/products/{product_id}/photo").content
    report = service.client.get(f"{image['url']}/manifest").json()
    (ingredient,) = report["manifests"][report["active_manifest"]]["ingredients"]
    assert ingredient["relationship"] == "inputTo" and "thumbnail" not in ingredient
    assert ingredient["instance_id"] == f"urn:sha256:{hashlib.sha256(photo).hexdigest()}"


def test_marks_that_an_upload_carries_are_kept_as_an_ingredient(
    service: Service, image: Any
) -> None:
    marked = fetch(service, image, "jpeg")
    files = {"photo": ("any.jpg", marked, "image/jpeg")}
    added = service.client.post("/v1/products", data={"name": "Marked"}, files=files)
    assert added.status_code == 201, added.text
    done = service.generate(
        tool="flatlay_to_catalog", prompt="$product", product_ids=[added.json()["id"]]
    )
    assert done["status"] == "completed", done
    report = service.client.get(f"{done['images'][0]['url']}/manifest").json()
    (ingredient,) = report["manifests"][report["active_manifest"]]["ingredients"]
    kept = report["manifests"][ingredient["active_manifest"]]
    assert kept["assertions"][-1]["data"] == {"image_id": image["id"]}
    assert report["validation_state"] == "Trusted"


def test_a_real_person_is_labelled_and_flagged_by_default(service: Service, image: Any) -> None:
    assert (image["label_applied"], image["deepfake"], image["synthetic_performer"]) == (
        "eu", True, False,
    )  # fmt: skip
    assert "real person" in image["caption"]["en"] and "realen Person" in image["alt_text"]["de"]
    assert b"AI GENERATED" in fetch(service, image, "webp")


def test_chinas_label_comes_with_its_field(service: Service) -> None:
    done = service.generate(tool="editorial", prompt="a chair", territories=["CN"])
    (image,) = done["images"]
    assert image["label_applied"] == "cn"
    for format in FORMATS:
        data = fetch(service, image, format)
        written = data[data.index(b"<TC260:AIGC>") + 12 : data.index(b"</TC260:AIGC>")]
        field = json.loads(written)
        assert field["Label"] == "1" and field["ContentProducer"] == "housemodel"
        assert field["ProduceID"] == image["id"]


def test_no_label_needs_a_reason_that_stays_sealed(service: Service) -> None:
    body = {"tool": "editorial", "prompt": "a chair", "territories": ["CN"], "label": "none"}
    refused = service.client.post("/v1/generations", json=body)
    assert (refused.status_code, refused.json()["pointer"]) == (422, "/label_reason")
    done = service.generate(**body, label_reason="The caption says it: zebrafinch")
    assert done["images"][0]["label_applied"] == "none"
    logged = [e for e in audit.entries(service.store, 0, 10_000) if e.object_id == done["id"]]
    assert logged[0].facts["label"] == "none" and "zebrafinch" not in str(logged)
    assert verify(service.client, fetch(service, done["images"][0], "jpeg"))["watermark_id"]


def test_an_erased_image_is_not_found_again(service: Service) -> None:
    image = service.generate(tool="editorial", prompt="a lamp", seed=8)["images"][0]
    data = fetch(service, image, "png")
    assert verify(service.client, data)["near_duplicate"]["image_id"] == image["id"]
    gallery.destroy(service.store, image["id"])
    told = verify(service.client, data)
    assert told["image_id"] is None and told["made_by_this_appliance"]
    assert (told["near_duplicate"] or {}).get("image_id") != image["id"]


def test_what_is_no_picture_is_refused(service: Service) -> None:
    for files, status in (
        ({"image": ("a", b"hello")}, 415),
        ({"image": ("a", b"\xff\xd8\xff" + bytes(60))}, 415),
        ({"photo": ("a", b"hello")}, 422),
    ):
        assert service.client.post("/v1/verify", files=files).status_code == status


def test_without_a_signer_no_generation_is_published(service: Service) -> None:
    before = service.store.count("images")
    with broken_signer(service):
        failed = service.generate(tool="editorial", prompt="a chair", n=2)
    assert failed["status"] == "failed" and failed["error"]["code"] == "marking_failed"
    assert failed["images"] == [] and service.store.count("images") == before
    assert service.store.count("assets", "kind = 'image'") == before
    last = list(audit.entries(service.store, 0, 10_000))[-1]
    assert last.action == "generation.failed" and last.facts["code"] == "marking_failed"


def test_without_a_signer_no_new_copy_leaves(service: Service, image: Any) -> None:
    with broken_signer(service):
        for format in ("jpeg", "webp"):
            answer = service.client.get(image["url"], params={"format": format})
            assert (answer.status_code, answer.json()["code"]) == (500, "marking_failed")
        assert fetch(service, image, "png")  # it was marked when it was made


def test_a_picture_from_before_marks_does_not_leave(service: Service) -> None:
    done = service.generate(tool="editorial", prompt="a chair")
    image = done["images"][0]
    row = service.store.get("images", image["id"])
    service.store.put("images", row.id, {**row.private, "certificate": None}, **{
        name: value for name, value in row.columns.items() if name != "id"
    })  # fmt: skip
    shown = service.client.get(f"/v1/generations/{done['id']}").json()["images"][0]
    assert shown["c2pa"] == {"state": "missing", "certificate": None}
    for format in FORMATS:
        answer = service.client.get(image["url"], params={"format": format})
        assert (answer.status_code, answer.json()["code"]) == (500, "marking_failed")


@pytest.mark.parametrize(("scale", "format"), [(2, "png"), (4, "jpeg")])
def test_an_enlarged_copy_says_so_and_keeps_its_marks(
    service: Service, image: Any, scale: int, format: str
) -> None:
    answer = service.client.get(image["url"], params={"format": format, "scale": scale})
    assert answer.status_code == 200, answer.text
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == (image["width"] * scale, image["height"] * scale)
    with c2pa.Reader(f"image/{format}", io.BytesIO(answer.content)) as reader:
        assert reader.get_validation_state() == "Valid" and "c2pa.resized" in reader.json()
    stripped = io.BytesIO()
    picture.convert("RGB").save(stripped, "PNG")
    told = verify(service.client, stripped.getvalue())
    assert (told["manifest"], told["image_id"]) == (None, image["id"])


def test_only_the_named_scales_are_made_and_none_is_too_large(service: Service, image: Any) -> None:
    assert service.client.get(image["url"], params={"scale": 3}).status_code == 422
    huge = np.zeros((2048, 2048, 3), np.uint8)
    with pytest.raises(InvalidRequest, match="smaller scale"):
        marking.enlarged(huge, 2 * 4)
