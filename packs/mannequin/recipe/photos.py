"""Garment photos as fabrics: cut-outs that are laid over the garments of the wardrobe.

    python -m recipe.photos --garments DIR --out WORK/photos

Needs OpenCV. The photo itself, with the ground it lies on, is the product picture; the garment that
is worn takes its colours and pattern. HELD_OUT photos of every kind are never used in training: the
report is measured on them.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .garments import PHOTO, Fabric, Product
from .layout import PRODUCT

HELD_OUT = {"t-shirt": 10, "longsleeve": 8, "shirt": 6, "outwear": 3, "dress": 6, "pants": 7}
# what the wardrobe has for a kind of photo: (category, candidate pieces)
WORN_AS: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "t-shirt": ("tops", (("female_casualsuit01-top",), ("male_casualsuit06-top",))),
    "longsleeve": ("tops", (("male_casualsuit02-top",), ("male_casualsuit04-top",))),
    "shirt": ("tops", (("male_casualsuit03-top",), ("male_casualsuit02-top",))),
    "outwear": ("outerwear", (("male_casualsuit05-top",),)),
    "dress": ("one-pieces", (("female_casualsuit01-top", "female_elegantsuit01-bottom"),)),
    "pants": ("bottoms", (("male_casualsuit02-bottom",), ("female_casualsuit02-bottom",))),
}
SIDE = 256  # px, of a stored fabric


@dataclass(frozen=True)
class Photo:
    """A cut-out: `path` of its fabric; the product picture lies beside it."""

    kind: str
    path: Path

    def product(self, rng: np.random.Generator) -> Product:
        category, choices = WORN_AS[self.kind]
        pieces = choices[rng.integers(len(choices))]
        grey = (0.5, 0.5, 0.5)
        return Product(category, pieces, Fabric(PHOTO, grey, grey, 1.0, 0.0, 1.0, 0, self.path))


def split(garments: Path) -> tuple[list[Path], list[Path]]:
    """Photos for training and held-out ones: the first of each kind by the digest of its name."""
    train, held_out = [], []
    for kind, count in HELD_OUT.items():
        names = sorted(
            (p for p in (garments / kind).iterdir() if p.suffix.lower() in (".jpg", ".png")),
            key=lambda p: hashlib.sha256(p.name.encode()).hexdigest(),
        )
        held_out += names[:count]
        train += names[count:]
    return train, held_out


def cut_out(picture: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int, int]] | None:
    """Mask (H, W) of the garment and its box (left, top, right, bottom); None if it is unclear."""
    import cv2

    height, width = picture.shape[:2]
    mask = np.full((height, width), cv2.GC_PR_FGD, np.uint8)
    edge_y, edge_x = round(0.05 * height), round(0.05 * width)
    mask[:edge_y] = mask[-edge_y:] = mask[:, :edge_x] = mask[:, -edge_x:] = cv2.GC_PR_BGD
    mask[:3] = mask[:, :3] = mask[:, -3:] = cv2.GC_BGD
    mask[int(0.4 * height) : int(0.6 * height), int(0.42 * width) : int(0.58 * width)] = cv2.GC_FGD
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, mask, None, *models, 4, cv2.GC_INIT_WITH_MASK)
    found = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, wide, high, area = (int(v) for v in stats[largest][:5])
    share = area / (height * width)
    touches = (labels == largest)[[4, -5]].mean() + (labels == largest)[:, [4, -5]].mean()
    if not 0.12 < share < 0.75 or touches > 0.25 or area / (wide * high) < 0.4:
        return None
    return labels == largest, (left, top, left + wide, top + high)


def fabric_of(picture: np.ndarray, mask: np.ndarray, box: tuple) -> Image.Image:
    """The garment's box, SIDE x SIDE, with everything outside the mask grown from its inside."""
    from scipy.ndimage import binary_erosion, distance_transform_edt

    left, top, right, bottom = box
    inner = binary_erosion(mask, iterations=3)[top:bottom, left:right]
    part = picture[top:bottom, left:right]
    nearest = distance_transform_edt(~inner, return_distances=False, return_indices=True)
    filled = part[tuple(nearest)]
    return Image.fromarray(filled).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def framed(picture: np.ndarray, box: tuple, fill: float = 0.83) -> Image.Image:
    """The product picture: the garment takes `fill` of the frame, on the ground it lies on."""
    left, top, right, bottom = box
    width, height = PRODUCT.size
    scale = max((right - left) / width, (bottom - top) / height) / fill
    x, y = (left + right - width * scale) / 2, (top + bottom - height * scale) / 2
    pad = int(max(picture.shape))
    wide = np.pad(picture, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    window = (x + pad, y + pad, x + pad + width * scale, y + pad + height * scale)
    return Image.fromarray(wide).resize((2 * width, 2 * height), Image.Resampling.LANCZOS, window)


def load_photos(folder: Path) -> list[Photo]:
    return [Photo(p.name.split("_")[0], p) for p in sorted(folder.glob("*_fabric.png"))]


def photo_picture(fabric: Path, rng: np.random.Generator) -> np.ndarray:
    """The product picture (H, W, 4) of a cut-out, opaque."""
    image = Image.open(fabric.with_name(fabric.name.replace("_fabric.png", "_framed.png")))
    picture = np.asarray(image.convert("RGBA").resize(PRODUCT.size, Image.Resampling.LANCZOS))
    return picture.copy()


def main() -> None:
    parser = argparse.ArgumentParser(description="Cut garments out of their photos.")
    parser.add_argument("--garments", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    kept = 0
    for path in split(args.garments)[0]:
        picture = np.asarray(Image.open(path).convert("RGB"))
        found = cut_out(picture)
        if found is None:
            continue
        stem = f"{path.parent.name}_{path.stem[:12]}"
        fabric_of(picture, *found).save(args.out / f"{stem}_fabric.png")
        framed(picture, found[1]).save(args.out / f"{stem}_framed.png")
        kept += 1
    print(f"{kept} cut-outs")


if __name__ == "__main__":
    main()
