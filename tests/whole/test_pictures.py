"""Own photos: declared, sealed, cut out, swept; and Model Background Swap over HTTP."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from compliance import audit, own_photos
from serve.custody import pictures
from serve.line import swaps
from serve.services import utc_now
from serve.work.held import HeldClock
from serve.work.upkeep import Upkeep
from tests.service import Service, open_service
from tests.simulated import Swapping
from tests.test_cutout import grounded, standing
from workspace.errors import AttestationMissing, Fault
from workspace.ports import FaceEncoder

URL = "/v1/pictures"
SWAP = {"tool": "background_swap", "prompt": "a sandy beach", "seed": 7}


@pytest.fixture(scope="module")
def swapping(tmp_path_factory: pytest.TempPathFactory, encoder: FaceEncoder) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("swapping")
    with open_service(home, encoder, diffusion=Swapping()) as service:
        yield service


def thing() -> bytes:
    """A green box before a wall, as a JPEG file."""
    photo = grounded()
    photo[70:170, 60:120] = (40, 120, 60)
    return as_jpeg(photo)


def as_jpeg(photo: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo).resize((540, 720)).save(file, "JPEG", quality=95)
    return file.getvalue()


def ticks(service: Service) -> list[dict[str, str]]:
    boxes = service.client.get("/v1/capabilities").json()["own_photos"]["attestations"]
    return [{"id": box["id"], "sha256": box["sha256"]} for box in boxes]


def bring(service: Service, photo: bytes, **changes: Any) -> Any:
    data = {"attestations": json.dumps(changes.pop("ticked", ticks(service)))}
    files = {"photo": ("p.jpg", photo, "image/jpeg")}
    return service.client.post(URL, data=data, files=files, **changes)


def test_a_photo_is_kept_with_what_was_found_and_gone_when_erased(swapping: Service) -> None:
    made = bring(swapping, thing(), headers={"Idempotency-Key": "once"})
    assert made.status_code == 201, made.text
    found, url = made.json(), made.headers["location"]
    assert (found["width"], found["height"], found["kind"]) == (540, 720, "thing")
    assert bring(swapping, thing(), headers={"Idempotency-Key": "once"}).json() == found
    assert swapping.client.get(url).json() == found
    assert found in swapping.client.get(URL).json()["items"]
    shown = Image.open(io.BytesIO(swapping.client.get(f"{url}/figure").content))
    assert shown.mode == "RGBA" and shown.getpixel((0, 0))[3] == 0
    assert shown.getpixel((270, 360))[3] == 255
    assert Image.open(io.BytesIO(swapping.client.get(f"{url}/photo").content)).size == (540, 720)
    stranger = swapping.client_of(swapping.other("stranger"))
    for asked in (url, f"{url}/photo", f"{url}/figure"):
        assert stranger.get(asked).status_code == 404
    assert swapping.client.delete(url).status_code == 204
    assert swapping.client.get(f"{url}/photo").status_code == 404
    actions = [entry.action for entry in audit.entries(swapping.store) if entry.object_id in url]
    assert actions == ["picture.added", "picture.erased"]


def test_every_box_is_ticked_with_the_words_in_force(swapping: Service) -> None:
    some = ticks(swapping)
    for wrong in ([], some[:1], [{**one, "sha256": "0" * 64} for one in some]):
        answer = bring(swapping, thing(), ticked=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "attestation_missing")


def test_a_photo_in_which_nothing_stands_out_is_explained(swapping: Service) -> None:
    answer = bring(swapping, as_jpeg(np.full((240, 180, 3), 200, np.uint8)))
    assert (answer.status_code, answer.json()["code"]) == (422, "image_check_failed")
    assert "plainer" in answer.json()["detail"]


def test_the_background_changes_and_the_marks_say_so(swapping: Service) -> None:
    photo = thing()
    picture_id = bring(swapping, photo).json()["id"]
    done = swapping.generate(**SWAP, picture_id=picture_id)
    assert done["status"] == "completed", done
    image = done["images"][0]
    assert (image["width"], image["height"], image["edited"]) == (540, 720, True)
    assert "background" in image["caption"]["en"]
    job = swapping.diffusion.batches[-1][0]
    assert job.prompt.startswith("a sandy beach, ") and "nobody" in job.prompt
    file = swapping.client.get(image["url"])
    pixels = np.asarray(Image.open(io.BytesIO(file.content)).convert("RGB")).astype(int)
    before = np.asarray(Image.open(io.BytesIO(photo))).astype(int)
    assert np.abs(pixels[280:440, 220:320] - before[280:440, 220:320]).mean() < 20
    report = swapping.services.parts.marker.report(file.content, "image/png")
    active = report["manifests"][report["active_manifest"]]
    said = json.dumps(active)
    assert "c2pa.opened" in said and "compositeWithTrainedAlgorithmicMedia" in said
    assert b"compositeWithTrainedAlgorithmicMedia" in file.content.partition(b"?xpacket end")[0]


def test_nothing_is_published_of_a_photo_that_went_meanwhile(
    swapping: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture_id = bring(swapping, thing()).json()["id"]
    compose = swaps.composed

    def meanwhile(*given: Any) -> Any:
        made = compose(*given)
        pictures.destroy(swapping.store, picture_id, "somebody", utc_now())
        return made

    monkeypatch.setattr(swaps, "composed", meanwhile)
    done = swapping.generate(**SWAP, picture_id=picture_id, n=1)
    assert done["status"] == "failed" and not done["images"], done
    assert done["error"]["code"] == "not_found"


def test_what_was_made_here_with_a_custom_model_is_refused(swapping: Service) -> None:
    made = swapping.generate(
        tool="editorial", prompt="$model in a park", model_id=swapping.model(), seed=3
    )
    large = swapping.client.get(f"{made['images'][0]['url']}?format=jpeg&scale=4").content
    bare = Image.open(io.BytesIO(large)).convert("RGB")
    file = io.BytesIO()
    bare.save(file, "JPEG", quality=92)  # without its manifest: the pixels still tell
    flipped = bare.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = bare.transpose(Image.Transpose.ROTATE_90)
    cut = flipped.crop((bare.width // 7, bare.height // 7, bare.width, bare.height))
    files = [large, file.getvalue()]
    for changed in (flipped, turned, cut):  # the mark tells of a crop, which looks otherwise
        file = io.BytesIO()
        changed.save(file, "JPEG", quality=95)
        files.append(file.getvalue())
    for photo in files:
        answer = bring(swapping, photo)
        assert (answer.status_code, answer.json()["code"]) == (403, "tool_not_allowed_for_model")
    assert not swapping.store.count("pictures", "created_at > ?", (made["created_at"],))


def test_a_custom_models_own_photos_are_refused(swapping: Service) -> None:
    model = swapping.model()
    for kind in ("full_body", "close_up"):
        photo = swapping.client.get(f"/v1/models/{model}/photos/{kind}").content
        mirrored = io.BytesIO()
        Image.open(io.BytesIO(photo)).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
            mirrored, "JPEG", quality=90
        )
        for one in (photo, mirrored.getvalue()):
            answer = bring(swapping, one)
            assert (answer.status_code, answer.json()["code"]) == (
                403,
                "tool_not_allowed_for_model",
            )


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"picture_id": None}, "/picture_id"),
        ({"picture_id": "pic_none00"}, "/picture_id"),
        ({"prompt": " "}, "/prompt"),
        ({"product_ids": ["prd_none"]}, "/product_ids"),
        ({"tool": "editorial"}, "/picture_id"),
        ({"model_id": "mdl_none"}, "/model_id"),
        ({"prompt": "$model in a park"}, "/prompt"),
    ],
)
def test_what_a_swap_needs_is_named(
    swapping: Service, changes: dict[str, Any], pointer: str
) -> None:
    if not hasattr(swapping, "photo_id"):
        swapping.photo_id = bring(swapping, thing()).json()["id"]  # type: ignore[attr-defined]
    body = {**SWAP, "picture_id": swapping.photo_id, **changes}  # type: ignore[attr-defined]
    answer = swapping.client.post("/v1/generations", json=body)
    assert answer.status_code in (403, 404, 422) and answer.json()["pointer"] == pointer


def test_photos_are_swept_when_their_hours_are_over(swapping: Service) -> None:
    picture_id = bring(swapping, thing()).json()["id"]
    store, now = swapping.store, utc_now()
    later = now + timedelta(hours=own_photos.shipped_own_photos().kept_hours, minutes=1)
    assert pictures.get(store, picture_id, now).id == picture_id
    files = list(store.assets.owned_by(picture_id))
    assert len(files) == 3
    # Another run of the machine: in this one the clock would have leapt.
    upkeep = Upkeep(clock=HeldClock(boot=lambda: "another boot"))
    upkeep.of_store(swapping.services.registry, store, later)
    assert not store.count("pictures") and not store.assets.owned_by(picture_id)


def test_the_words_that_ship_are_complete_and_bounded(tmp_path: Path) -> None:
    rules = own_photos.shipped_own_photos()
    ticked = [(box.id, box.sha256) for box in rules.attestations]
    assert own_photos.declared(rules, ticked)["version"] == rules.version
    with pytest.raises(AttestationMissing):
        own_photos.declared(rules, ticked[1:])
    shipped = Path(own_photos.__file__).parents[1] / "configs" / "own_photos.toml"
    for old, new in (("kept_hours = 24 ", "kept_hours = 999"), ('id = "photo_rights"', 'x = "y"')):
        path = tmp_path / "own_photos.toml"
        path.write_text(shipped.read_text().replace(old, new))
        with pytest.raises(Fault):
            own_photos.load_own_photos(path)


def test_products_lose_their_ground_and_get_a_suggestion(swapping: Service) -> None:
    made = swapping.client.get(f"/v1/products/{swapping.product('cobalt-trousers')}").json()
    assert made["background_removed"] and made["suggested_category"] == "trousers"
    url = f"/v1/products/{made['id']}"
    shown = Image.open(io.BytesIO(swapping.client.get(f"{url}/cutout").content))
    assert shown.mode == "RGBA" and shown.getpixel((1, 1))[3] == 0
    changed = swapping.client.patch(url, json={"category": "jeans", "name": "Cobalt"}).json()
    assert (changed["category"], changed["name"]) == ("jeans", "Cobalt")
    assert changed["suggested_category"] == "trousers"
    assert swapping.client.patch(url, json={"category": "No Spaces"}).status_code == 422
    plain = {"photo": ("p.jpg", as_jpeg(np.full((240, 180, 3), 230, np.uint8)), "image/jpeg")}
    odd = swapping.client.post("/v1/products", data={"name": "Fog"}, files=plain).json()
    assert (odd["background_removed"], odd["suggested_category"]) == (False, None)
    assert swapping.client.get(f"/v1/products/{odd['id']}/cutout").status_code == 404


def test_somebody_in_front_of_a_wall_is_a_person(swapping: Service) -> None:
    photo, _, _ = standing()  # a drawn one: no face network knows it, so it is a thing here
    found = bring(swapping, as_jpeg(photo)).json()
    assert found["clear"] and 0.1 < found["share"] < 0.4
