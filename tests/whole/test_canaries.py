"""No clear byte of a workspace anywhere on disk: planted canaries are not found after the line ran.

The search covers every file under the home folder and under the temp folder of this run. The same
search with a real Ray is in tests/cluster. A control proves that the search would find them.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from serve.showcase import samples, walk
from serve.showcase.samples import SamplePerson

NAME = "Zanzibartholomew Quillfeather"
PROMPT = "xylocarpous-moonbeam-canary"
PHOTO = b"PHOTO-CANARY-9f31c7aa5de04b"


def found_in(folder: Path, needles: list[bytes]) -> dict[str, int]:
    """File -> index of the first needle that it holds."""
    hits = {}
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            try:
                content = file.read_bytes()
            except FileNotFoundError:
                continue  # somebody's, and gone since
            for index, needle in enumerate(needles):
                if needle in content:
                    hits[str(file.relative_to(folder))] = index
    return hits


def planted(photo: Path, to: Path) -> Path:
    """A copy of a photo with the canary in its EXIF description and comment."""
    with Image.open(photo) as image:
        exif = Image.Exif()
        exif[0x010E] = PHOTO.decode()
        image.save(to, "JPEG", quality=88, exif=exif, comment=PHOTO)
    assert PHOTO in to.read_bytes()
    return to


@pytest.fixture(scope="module")
def needles(appliance, tmp_path_factory) -> list[bytes]:
    """Run the line with canaries in it; the bytes that must not be found on disk."""
    folder = tmp_path_factory.mktemp("photos")
    sample = samples.people()[3]
    person = SamplePerson(
        NAME, sample.gender,
        planted(sample.full_body, folder / "a.jpg"), planted(sample.close_up, folder / "b.jpg"),
    )  # fmt: skip
    client = appliance.client_of("canaries")
    model = walk.enrol(client, person, "canary-model")
    product = walk.add_product(client, samples.products()[3], "canary-product")
    done = walk.generate(
        client,
        {
            "tool": "editorial", "prompt": f"$model wearing $product {PROMPT}", "model_id": model,
            "product_ids": [product], "n": 1, "seed": 5,
        },
    )  # fmt: skip
    picture = client.get(done["images"][0]["url"], params={"format": "png"}).content
    shown = client.get(f"/v1/models/{model}/photos/close_up").content
    client.close()
    uploads = [f.read_bytes() for f in (person.full_body, person.close_up)]
    for file in (person.full_body, person.close_up):
        file.unlink()
    pieces = [p[len(p) // 2 : len(p) // 2 + 48] for p in (*uploads, picture, shown)]
    pixels = [Image.open(io.BytesIO(p)).convert("RGB").tobytes() for p in (*uploads, picture)]
    rows = [
        p[len(p) // 2 : len(p) // 2 + 48] for p in pixels if len(set(p[len(p) // 2 :][:48])) > 8
    ]
    return [NAME.encode(), NAME.title().encode(), PROMPT.encode(), PHOTO, *pieces, *rows]


def test_no_canary_lies_in_clear_under_home_or_temp(appliance, needles):
    assert found_in(appliance.home, needles) == {}
    temp = Path(os.environ.get("TMPDIR", "/tmp"))
    mine = [p for p in temp.glob("hm-*") if p.is_dir()] + list(temp.glob("gradio*"))
    assert [found_in(p, needles) for p in mine] == [{} for _ in mine]


def test_the_search_finds_a_canary_that_is_there(tmp_path, needles):
    (tmp_path / "clear").write_bytes(b"..." + needles[2] + b"...")
    assert found_in(tmp_path, needles) == {"clear": 2}
