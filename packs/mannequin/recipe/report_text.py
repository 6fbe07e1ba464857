"""The words and pictures of the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from .cases import Cases
    from .report import Artist

# figure -> (what, comparison, bar); those of the design that say what the pack has to reach
BARS: dict[str, tuple[str, str, float]] = {
    "identity_top1": ("closest to its own person among 24 (close-up, half body)", ">=", 0.60),
    "identity_gap": ("mean cosine to the own person minus mean to the others", ">=", 0.15),
    "product_colour": ("median colour difference to the product, CIEDE2000", "<=", 12.0),
    "product_retrieved": ("the right product of 24 is the nearest", ">=", 0.70),
    "photo_colour": ("the same for 40 real garment photos", "<=", 12.0),
    "photo_retrieved": ("the right photo of 24 is the nearest", ">=", 0.70),
    "faces_close_up": ("a face is found in close-ups", ">=", 0.95),
    "faces_full_body": ("a face is found in full bodies", ">=", 0.80),
    "framing": ("framing as asked (by the face's size)", ">=", 0.95),
    "background": ("background as asked (nearest of 11 scenes)", ">=", 0.85),
    "seconds_1": ("seconds for one picture, 2 threads", "<=", 2.0),
    "seconds_4": ("seconds for four pictures, 2 threads", "<=", 5.0),
    "load_seconds": ("seconds to verify and load the pack", "<=", 5.0),
    "megabytes": ("size of weights and configuration in MB", "<=", 80.0),
}
OTHERS = {
    "identity_same": "mean cosine to the own person",
    "identity_best": "highest cosine to the own person",
    "faces_half_body": "a face is found in half bodies",
    "product_colour_shuffled": "colour difference to another product (what ignoring it would give)",
    "photo_colour_shuffled": "the same for photos",
}
IN_CURVE = (
    "identity_top1",
    "identity_gap",
    "product_colour",
    "product_retrieved",
    "photo_colour",
    "photo_retrieved",
    "faces_close_up",
    "faces_full_body",
    "framing",
    "background",
)
SCENES = (
    ("close_up", "white"),
    ("half_body", "park"),
    ("full_body", "beach"),
    ("close_up", "sunset"),
    ("half_body", "street"),
    ("full_body", "room"),
)


def holds(name: str, value: float) -> bool:
    _, sign, bar = BARS[name]
    return value >= bar if sign == ">=" else value <= bar


def _small(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Letterboxed on white."""
    image = Image.fromarray(picture)
    image.thumbnail(size, Image.Resampling.LANCZOS)
    out = Image.new("RGB", size, "white")
    out.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return np.asarray(out)


def _rows(tiles: list[np.ndarray], columns: int) -> Image.Image:
    tiles = [np.pad(t, ((2, 2), (2, 2), (0, 0)), constant_values=255) for t in tiles]
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return Image.fromarray(np.vstack(rows))


def write_pictures(artist: Artist, cases: Cases, folder: Path) -> None:
    """24 random results beside what they were made from; one person in 6 scenes, 3 products."""
    from .report import Asked

    rng = np.random.default_rng(7)
    framings = ("close_up", "half_body", "full_body")
    items = cases.products + cases.photos
    asked = [
        Asked(
            k,
            items[rng.integers(len(items))],
            framings[rng.integers(3)],
            SCENES[rng.integers(len(SCENES))][1],
            int(rng.integers(1 << 30)),
        )
        for k in range(24)
    ]
    width, height = artist.size
    side = (width // 2, height // 2)
    tiles = []
    for one, picture in zip(asked, artist.draw(cases.people, asked), strict=True):
        left = [_small(cases.people[one.person].close_up, side), _small(one.item.picture, side)]
        tiles.append(np.hstack([np.vstack(left), picture]))
    _rows(tiles, 6).save(folder / "results.jpg", quality=90)
    chosen = [cases.products[k] for k in (3, 6, 10)]  # on the first person, whoever that is
    tiles = []
    for item in chosen:
        asked = [Asked(0, item, f, b, 40 + k) for k, (f, b) in enumerate(SCENES)]
        left = [_small(cases.people[0].close_up, side), _small(item.picture, side)]
        tiles += [np.vstack(left), *artist.draw(cases.people, asked)]
    rows = [np.hstack(tiles[i : i + 7]) for i in range(0, len(tiles), 7)]
    Image.fromarray(np.vstack(rows)).save(folder / "scenes.jpg", quality=90)


def write_text(
    version: str, size: tuple[int, int], figures: dict, rows: list[dict], path: Path
) -> None:
    lines = [
        f"# Mannequin pack {version}: report",
        "",
        "Written by `make mannequin-report`, which measures the pack in this folder on the",
        "held-out people, garments and seeds of `heldout/`: 24 people in 3 framings twice (144",
        "pictures), 24 rendered products, 40 real garment photos. The appliance's own code crops,",
        f"draws and finds faces. Pictures are {size[0]}x{size[1]}; `recipe/bars.py` says how each",
        "figure is taken.",
        "",
        "| figure | measured | bar | holds |",
        "|---|---|---|---|",
    ]
    for name, (what, sign, bar) in BARS.items():
        yes = "yes" if holds(name, figures[name]) else "**no**"
        lines.append(f"| {what} | {figures[name]:.3g} | {sign} {bar:g} | {yes} |")
    lines += [f"| {what} | {figures[name]:.3g} | | |" for name, what in OTHERS.items()]
    lines += ["", "## 24 random results, neither chosen nor retouched", ""]
    lines += ["![Person, product, result](report/results.jpg)", ""]
    lines += ["## One person in 6 scenes with 3 products", ""]
    lines += ["![The same person](report/scenes.jpg)", ""]
    if rows:
        lines += ["## The figures against training", ""]
        lines.append("| after | " + " | ".join(n.replace("_", " ") for n in IN_CURVE) + " |")
        lines.append("|---" * (1 + len(IN_CURVE)) + "|")
        for row in rows:
            values = " | ".join(f"{row[name]:.3g}" for name in IN_CURVE)
            lines.append(f"| {row['note']} | {values} |")
        lines.append("")
    notes = path.with_name("report") / "notes.md"
    if notes.exists():
        lines += [notes.read_text().rstrip(), ""]
    path.write_text("\n".join(lines))
