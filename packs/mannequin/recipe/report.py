"""Measures the bars of the pack on its held-out cases and writes REPORT.md with two pictures.

    make mannequin-report          (or, from the repository's root, with packs/mannequin importable:
    python -m recipe.report --pack packs/mannequin)

Everything is drawn by the appliance's own code, from files that ship with the pack: no training
material, no renderer, no network. `--note "12,000 samples"` adds a line to the curve.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from identity.encoder import InsightFaceEncoder
from serve.deployments.families.flux2_klein import Flux2Klein
from serve.deployments.packs import load_pack
from serve.settings import load_settings
from workspace.types import RGB, Rendered, RenderJob

from .bars import TORSO, background_of, ciede2000, colour, cut, describe, distance, framing_of
from .cases import Cases, Item, Person, load_cases, references
from .prompts import BACKGROUND, FRAMING
from .report_text import BARS, write_pictures, write_text
from .scenes import BACKGROUNDS

HIPS = (0.42, 0.50, 0.58, 0.60)  # where trousers show in a full body
LOWER = ("pants", "bottoms")
PEERS = 24  # people and products that are told apart


@dataclass(frozen=True)
class Asked:
    """What a picture should show."""

    person: int
    item: Item
    framing: str
    background: str
    seed: int

    @property
    def prompt(self) -> str:
        words = FRAMING[self.framing][0], BACKGROUND[self.background][0]
        return f"{words[0]}, standing, facing camera, {words[1]}, soft light"


class Artist:
    """Draws with a pack as the appliance does."""

    def __init__(self, folder: Path, threads: int) -> None:
        start = time.monotonic()
        self.pack = load_pack(folder)
        self.family = Flux2Klein.load(self.pack, threads)
        self.load_seconds = time.monotonic() - start
        self.summary = self.pack.summary("torch")
        self.size = self.pack.manifest.render.sizes["3:4"]
        self.bytes = sum((folder / name).stat().st_size for name in self.pack.manifest.files)

    def draw(self, people: Sequence[Person], asked: Sequence[Asked]) -> list[RGB]:
        pictures: list[RGB] = []
        most = self.summary.max_batch
        for batch in (asked[i : i + most] for i in range(0, len(asked), most)):
            jobs = [
                RenderJob(
                    str(k),
                    one.prompt,
                    one.seed,
                    *self.size,
                    self.summary.steps,
                    references(people[one.person], one.item),
                )
                for k, one in enumerate(batch)
            ]
            events = self.family.render(jobs, lambda _: False)
            found = {e.job_id: e.image for e in events if isinstance(e, Rendered)}
            pictures += [found[str(k)] for k in range(len(batch))]
        return pictures

    def seconds(self, people: Sequence[Person], asked: Sequence[Asked]) -> float:
        """The best of three tries: other work on the machine is not the pack's."""
        best = float("inf")
        for _ in range(3):
            start = time.monotonic()
            self.draw(people, asked)
            best = min(best, time.monotonic() - start)
        return best


def grid_of_cases(cases: Cases) -> list[Asked]:
    """Every person in every framing twice, before all backgrounds, in other products."""
    rng = np.random.default_rng(0)
    asked = []
    for person, framing, again in itertools.product(range(len(cases.people)), FRAMING, range(2)):
        background = BACKGROUNDS[(person + 5 * again + 3 * len(asked)) % len(BACKGROUNDS)]
        item = cases.products[rng.integers(len(cases.products))]
        asked.append(Asked(person, item, framing, background, 1000 + len(asked)))
    return asked


def measure_people(
    pictures: list[RGB], asked: list[Asked], people: list[Person], encoder: InsightFaceEncoder
) -> dict[str, float]:
    """Identity, faces found, framing and background."""
    known = np.stack([p.embedding.vector for p in people])
    found: dict[str, list[bool]] = {name: [] for name in FRAMING}
    closest, same, different, framed, placed = [], [], [], [], []
    for picture, one in zip(pictures, asked, strict=True):
        faces = encoder.detect(picture)
        found[one.framing].append(bool(faces))
        face = faces[0] if faces else None
        framed.append(framing_of(face.width if face else None, picture.shape[1]) == one.framing)
        placed.append(background_of(picture, one.framing) == one.background)
        if one.framing == "full_body":
            continue
        if face is None:
            closest.append(False)
            continue
        cosines = known @ encoder.embed(picture, face).vector
        closest.append(int(np.argmax(cosines)) == one.person)
        same.append(cosines[one.person])
        different += np.delete(cosines, one.person).tolist()
    return {
        "identity_top1": float(np.mean(closest)),
        "identity_same": float(np.mean(same)) if same else 0.0,
        "identity_gap": float(np.mean(same) - np.mean(different)) if same else 0.0,
        "identity_best": float(np.max(same)) if same else 0.0,
        "faces_close_up": float(np.mean(found["close_up"])),
        "faces_half_body": float(np.mean(found["half_body"])),
        "faces_full_body": float(np.mean(found["full_body"])),
        "framing": float(np.mean(framed)),
        "background": float(np.mean(placed)),
    }


def measure_items(artist: Artist, cases: Cases, items: list[Item], seed: int) -> dict[str, float]:
    """Colour and retrieval of products, worn half body (trousers: full body) in a white studio."""
    asked = [
        Asked(
            (5 * k + seed) % len(cases.people),
            item,
            "full_body" if item.category in LOWER else "half_body",
            "white",
            seed + k,
        )
        for k, item in enumerate(items)
    ]
    pictures = artist.draw(cases.people, asked)
    described = [describe(item.cloth) for item in items]
    apart, right, shuffled = [], [], []
    for k, (picture, item) in enumerate(zip(pictures, items, strict=True)):
        part = cut(picture, HIPS if item.category in LOWER else TORSO)
        apart.append(float(ciede2000(colour(part), colour(item.cloth))))
        shuffled.append(float(ciede2000(colour(part), colour(items[(k + 7) % len(items)].cloth))))
        seen = describe(part)
        others = [(k + step) % len(items) for step in range(PEERS)]
        right.append(min(others, key=lambda i: distance(seen, described[i])) == k)
    return {
        "colour": float(np.median(apart)),
        "colour_shuffled": float(np.median(shuffled)),
        "retrieved": float(np.mean(right)),
    }


def measure(artist: Artist, cases: Cases, encoder: InsightFaceEncoder) -> dict[str, float]:
    asked = grid_of_cases(cases)
    pictures = artist.draw(cases.people, asked)
    out = measure_people(pictures, asked, cases.people, encoder)
    for name, items in (("product", cases.products), ("photo", cases.photos)):
        found = measure_items(artist, cases, items, 5000)
        out |= {f"{name}_{key}": value for key, value in found.items()}
    four = [asked[k] for k in range(4)]
    out["seconds_1"] = artist.seconds(cases.people, four[:1])
    out["seconds_4"] = artist.seconds(cases.people, four)
    out["load_seconds"] = artist.load_seconds
    out["megabytes"] = artist.bytes / 1e6
    return {name: round(value, 3) for name, value in out.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the pack and write its report.")
    parser.add_argument("--pack", type=Path, default=Path("packs/mannequin"))
    parser.add_argument("--cases", type=Path, help="held-out cases; usually those of the pack")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--note", help="adds these figures to the curve, under this label")
    parser.add_argument("--out", type=Path, help="where REPORT.md goes; usually the pack")
    args = parser.parse_args()
    encoder = InsightFaceEncoder(load_settings().face_pack_folder)
    artist = Artist(args.pack, args.threads)
    cases = load_cases(args.cases or args.pack / "heldout", artist.summary, encoder)
    figures = measure(artist, cases, encoder)
    for name, value in figures.items():
        bar = BARS.get(name)
        print(f"{name:16} {value:8.3f} {f'bar {bar[1]} {bar[2]}' if bar else ''}")
    out = args.out or args.pack
    curve = out / "report" / "curve.json"
    curve.parent.mkdir(parents=True, exist_ok=True)
    rows = json.loads(curve.read_text()) if curve.exists() else []
    if args.note:
        rows = [r for r in rows if r["note"] != args.note] + [{"note": args.note, **figures}]
        curve.write_text(json.dumps(rows, indent=1) + "\n")
    write_pictures(artist, cases, out / "report")
    write_text(artist.summary.version, artist.size, figures, rows, out / "REPORT.md")


if __name__ == "__main__":
    main()
