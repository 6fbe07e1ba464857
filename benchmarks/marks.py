"""What marks survive, on 200 pictures, and what marking costs: the tables of docs/provenance.md.

    python -m benchmarks.marks                  # both; minutes
    python -m benchmarks.marks --timing         # only what 1 megapixel costs
    python -m benchmarks.marks --photos FOLDER  # the same table on photos of your own

The pictures are made from the sample people and products that ship: whole, cropped, laid over
studio grounds and generated scenes, 120 of 192 x 256 pixels, 60 of 384 x 512, 20 of 768 x 1024.
Nothing is drawn by chance: the same 200 pictures come out every time.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image

from benchmarks import report
from benchmarks.report import Figure
from compliance.marks import codes, fingerprints
from compliance.marks.labels import load_labels
from compliance.marks.watermark import Watermark
from compliance.provenance import Marker, ProvenanceConfig, open_marker
from identity.photos import encode
from serve.line import marking
from serve.settings import PROJECT
from serve.showcase import samples
from workspace.registry import Registry
from workspace.types import RGB

KEY = bytes(range(32))
SIZES = ((192, 256, 120), (384, 512, 60), (768, 1024, 20))  # width, height, how many
PIXEL_ROUNDS = 15

Attack = Callable[[RGB, np.random.Generator], RGB]


def main() -> None:
    """Measure, print, and write JSON and table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timing", action="store_true", help="only what marking costs")
    parser.add_argument("--photos", type=Path, help="a folder of photos instead of the samples")
    parser.add_argument("--pictures", type=int, default=200)
    args = parser.parse_args()
    figures, facts = timing()
    for figure in figures:
        print(f"{figure.name}: {figure.p50:.1f} {figure.unit} (goal {figure.goal})")
    if not args.timing:
        made = list(photos(args.photos) if args.photos else pictures())[: args.pictures]
        facts["survival"] = survival(made)
        print(table(facts["survival"]))
    name = "marks" if not args.photos else "marks-photos"
    if not args.timing:
        text = json.dumps({name: facts["survival"]}, indent=1) + "\n"
        (report.RESULTS / f"{name}.json").write_text(text)
    if not args.photos:
        report.write("marking", figures, {})


def pictures() -> Iterator[RGB]:
    """200 pictures of the samples, the same every time."""
    files = [one.full_body for one in samples.people()] + [one.close_up for one in samples.people()]
    files += [one.photo for one in samples.products()]
    rng = np.random.default_rng(5)
    for width, height, count in SIZES:
        for k in range(count):
            photo = np.asarray(Image.open(files[k % len(files)]).convert("RGB"))
            way = k // len(files)
            yield _scene(photo, width, height, way if way < 4 else 1 + way % 3, rng)


def photos(folder: Path) -> Iterator[RGB]:
    """Photos of a folder, at the same three sizes."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    step = max(1, len(files) // sum(count for _, _, count in SIZES))
    chosen = iter(files[::step])
    for width, height, count in SIZES:
        for _, file in zip(range(count), chosen, strict=False):
            yield _fitted(np.asarray(Image.open(file).convert("RGB")), width, height)


def _scene(photo: RGB, width: int, height: int, way: int, rng: np.random.Generator) -> RGB:
    """Whole, cropped, or laid over a ground that is plain, graded or noisy."""
    if way % 4 == 0:
        return _fitted(photo, width, height)
    if way % 4 == 1:
        part = _cropped(photo, 0.35, rng)
        return _fitted(part, width, height)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    ground = np.full((height, width, 3), rng.integers(40, 250, 3), np.float32)
    if way % 4 == 2:
        slope = rng.uniform(-0.4, 0.4, 2)
        ground += (slope[0] * (rows - height / 2) + slope[1] * (columns - width / 2))[..., None]
    else:
        grain = rng.normal(0, 1, (height // 8, width // 8, 3)).astype(np.float32)
        ground += 25 * cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    inner = _fitted(photo, width * 3 // 5, height * 3 // 5)
    top, left = (int(rng.integers(0, n)) for n in (height * 2 // 5, width * 2 // 5))
    ground[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return np.clip(ground, 0, 255).astype(np.uint8)


def _fitted(photo: RGB, width: int, height: int) -> RGB:
    scale = max(width / photo.shape[1], height / photo.shape[0])
    size = (max(width, round(photo.shape[1] * scale)), max(height, round(photo.shape[0] * scale)))
    large = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS))
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return np.ascontiguousarray(large[top : top + height, left : left + width])


def _cropped(picture: RGB, share: float, rng: np.random.Generator) -> RGB:
    """Cut `share` off both sides' lengths, at a place of chance."""
    height, width = (round(side * (1 - share)) for side in picture.shape[:2])
    top = int(rng.integers(0, picture.shape[0] - height + 1))
    left = int(rng.integers(0, picture.shape[1] - width + 1))
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def _resized(picture: RGB, scale: float) -> RGB:
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _saved(picture: RGB, format: str, quality: int) -> RGB:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format, quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


ATTACKS: dict[str, Attack] = {
    "metadata stripped, pixels as they were": lambda p, _: p,
    "JPEG, quality 80": lambda p, _: _saved(p, "JPEG", 80),
    "JPEG, quality 50": lambda p, _: _saved(p, "JPEG", 50),
    "WEBP, quality 80": lambda p, _: _saved(p, "WEBP", 80),
    "resized to 50 %": lambda p, _: _resized(p, 0.5),
    "resized to 73 %": lambda p, _: _resized(p, 0.73),
    "cropped by 10 %": lambda p, rng: _cropped(p, 0.1, rng),
    "cropped by 25 %": lambda p, rng: _cropped(p, 0.25, rng),
    "brighter by a fifth": lambda p, _: np.clip(p * 1.2, 0, 255).astype(np.uint8),
    "resized to 50 %, JPEG 80": lambda p, _: _saved(_resized(p, 0.5), "JPEG", 80),
    "cropped by 10 %, JPEG 80": lambda p, rng: _saved(_cropped(p, 0.1, rng), "JPEG", 80),
    "cropped by 10 %, resized to 50 %, JPEG 80": lambda p, rng: _saved(
        _resized(_cropped(p, 0.1, rng), 0.5), "JPEG", 80
    ),
    "turned by 2 degrees": lambda p, _: np.asarray(
        Image.fromarray(p).rotate(2, Image.Resampling.BICUBIC)
    ),
}


RARELY = {"turned by 2 degrees", "cropped by 25 %"}  # a search that fails takes long: 1 in 4


def survival(made: list[RGB]) -> dict[str, object]:
    """Mark every picture, do everything to it, and look again."""
    water, another, rng = Watermark(KEY), Watermark(bytes(32)), np.random.default_rng(9)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ATTACKS}
    quality: list[float] = []
    claimed = foreign = 0
    looks = [fingerprints.look_of(one) for one in made]
    for k, picture in enumerate(made):
        claimed += water.find(picture) is not None
        mark = codes.watermark_id(KEY, f"img_{k}")
        marked = water.embed(picture, mark)
        assert marked is not None
        if k % 4 == 0:
            foreign += another.find(marked) is not None
        quality.append(_psnr(picture, marked))
        for name, attack in ATTACKS.items():
            if name in RARELY and k % 4:
                continue
            after = attack(marked, rng)
            read = water.find(after)
            bits = codes.bits_of(read.mark) if read else np.full(codes.BITS, 2)
            right = float(np.mean(bits == codes.bits_of(mark)))
            near = fingerprints.distance(fingerprints.look_of(after), looks[k]) <= fingerprints.NEAR
            found[name].append((float(read is not None and read.mark == mark), right, float(near)))
    print(f"{claimed} of {len(made)} unmarked pictures claimed")
    pairs = [fingerprints.distance(a, b) for i, a in enumerate(looks) for b in looks[:i]]
    return {
        "pictures": len(made),
        "psnr_db": {"least": round(min(quality), 2), "mean": round(float(np.mean(quality)), 2)},
        "false_positives_unmarked": claimed,
        "false_positives_of_another_key, 1 in 4": foreign,
        "looks_alike_without_being": sum(one <= fingerprints.NEAR for one in pairs),
        "pairs": len(pairs),
        "attacks": {
            name: dict(zip(("id_found", "bit_accuracy", "look_found"), _means(rows), strict=True))
            for name, rows in found.items()
        },
    }


def table(result: dict[str, object]) -> str:
    """The survival table in Markdown."""
    attacks = result["attacks"]
    assert isinstance(attacks, dict)
    lines = ["| what happened | watermark found | bits right | look found |", "|---|---|---|---|"]
    for name, row in attacks.items():
        cells = " | ".join(f"{100 * value:.1f} %" for value in row.values())
        lines.append(f"| {name} | {cells} |")
    rest = {key: value for key, value in result.items() if key != "attacks"}
    return "\n".join([*lines, "", json.dumps(rest)])


def timing() -> tuple[list[Figure], dict[str, object]]:
    """CPU time of each part of marking one picture of 1024 x 1024 pixels."""
    photo = np.asarray(Image.open(samples.people()[0].full_body).convert("RGB"))
    picture = _fitted(photo, 1024, 1024)
    labels = load_labels(PROJECT / "configs" / "labels")
    with TemporaryDirectory() as folder:
        registry = Registry(Path(folder), os.urandom(32))
        marker = open_marker(registry, ProvenanceConfig(), "bench", datetime.now(UTC))
        parts = _parts(marker, labels.draw(picture, ("eu",))[0])
        whole = marking.Wanted("auto", ("EU",), "real_person")
        rows: dict[str, list[float]] = {name: [] for name in parts}
        rows["all, with the PNG"] = []
        for _ in range(PIXEL_ROUNDS):
            for name, act in parts.items():
                rows[name].append(_milliseconds(act))
            rows["all, with the PNG"].append(
                _milliseconds(lambda: marking.mark(marker, labels, picture, whole))
            )
        rows["label"] = [
            _milliseconds(lambda: labels.draw(picture, ("eu",))) for _ in range(PIXEL_ROUNDS)
        ]
        registry.close()
    marks = [name for name in rows if name not in ("all, with the PNG", "PNG file")]
    total = [sum(values) for values in zip(*(rows[name] for name in marks), strict=True)]
    figures = [Figure("marking 1 megapixel, CPU time without the PNG", "ms", total, 60.0)]
    figures += [Figure(f"of it: {name}", "ms", rows[name]) for name in marks]
    figures += [Figure(name, "ms", rows[name]) for name in rows if name not in marks]
    return figures, {}


def _parts(marker: Marker, picture: RGB) -> dict[str, Callable[[], object]]:
    data, media_type = encode(picture, "png", marker.xmp)
    return {
        "watermark, put in and read back": lambda: marker.watermarked(picture, "img_bench"),
        "perceptual hash": lambda: fingerprints.look_of(picture),
        "signed manifest": lambda: marker.mark(data, media_type, "img_bench"),
        "PNG file": lambda: encode(picture, "png", marker.xmp),
    }


def _milliseconds(act: Callable[[], object]) -> float:
    """CPU time of all threads: what it costs whatever else the machine is doing."""
    started = time.process_time()
    act()
    return 1000 * (time.process_time() - started)


def _means(rows: list[tuple[float, float, float]]) -> list[float]:
    return [round(float(value), 4) for value in np.mean(rows, axis=0)]


def _psnr(left: RGB, right: RGB) -> float:
    error = float(np.mean((left.astype(float) - right.astype(float)) ** 2))
    return 10 * float(np.log10(255.0**2 / error))


if __name__ == "__main__":
    main()
