"""How often a garment's shape tells its category, and the numbers that tell it.

    python -m benchmarks.garments --photos FOLDER [--write]

FOLDER has one folder of photos per kind. Nine tenths make the shapes, one tenth is asked, ten times
over; `--write` then writes `configs/garment_shapes.json` from all of them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.line import cutout, garments

KINDS = {  # folder -> category
    "dress": "dress",
    "longsleeve": "longsleeve",
    "outwear": "outerwear",
    "pants": "trousers",
    "shirt": "longsleeve",
    "shorts": "shorts",
    "skirt": "skirt",
    "t-shirt": "t-shirt",
}
SIDE = 160  # pixels; photos are shrunk to this, which a shape does not mind
FOLDS = 10
RIDGE = 0.02  # of the mean variance, so that few photos don't make wild directions
OUT = Path(__file__).resolve().parents[1] / "configs" / "garment_shapes.json"
Floats = NDArray[np.float64]


def measured(folder: Path) -> tuple[Floats, NDArray[np.str_]]:
    """Features and categories of every photo that can be cut out."""
    rows, names = [], []
    for kind, category in KINDS.items():
        for path in sorted((folder / kind).iterdir()):
            picture = Image.open(path).convert("RGB")
            picture.thumbnail((SIDE, SIDE))
            figure = cutout.garment(np.asarray(picture))
            found = garments.features(figure.alpha) if figure else None
            if found is not None:
                rows.append(found)
                names.append(category)
    return np.array(rows), np.array(names)


def learnt(features: Floats, names: NDArray[np.str_]) -> garments.Shapes:
    """Fisher's discriminants: directions that part the categories most, per spread within them."""
    categories = tuple(sorted(set(names.tolist())))
    mean = features.mean(axis=0)
    centred = features - mean
    centres = np.array([centred[names == name].mean(axis=0) for name in categories])
    rest = centred - centres[[categories.index(name) for name in names]]
    within = rest.T @ rest / len(rest)
    within += RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    white = vectors / np.sqrt(values)
    _, _, directions = np.linalg.svd(centres @ white, full_matrices=False)
    axes = white @ directions[: len(categories) - 1].T
    return garments.Shapes(categories, mean, axes, centres @ axes)


def guessed(shapes: garments.Shapes, features: Floats) -> NDArray[np.str_]:
    """The nearest category of each row."""
    places = (features - shapes.mean) @ shapes.axes
    away = np.linalg.norm(places[:, None] - shapes.centres[None], axis=2)
    return np.array([shapes.categories[k] for k in away.argmin(axis=1)])


def right(features: Floats, names: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Whether each photo is guessed right by shapes that were made without it."""
    order = np.random.default_rng(0).permutation(len(names))
    found = np.zeros(len(names), bool)
    for fold in range(FOLDS):
        asked = order[fold::FOLDS]
        rest = np.setdiff1d(order, asked)
        found[asked] = guessed(learnt(features[rest], names[rest]), features[asked]) == names[asked]
    return found


def main() -> None:
    """Measure, say, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    features, names = measured(args.photos)
    found = right(features, names)
    by_category = {
        name: round(float(found[names == name].mean()), 2) for name in sorted(set(names))
    }
    print(f"{len(names)} photos, {found.mean():.2f} right: {by_category}")
    if args.write:
        write(learnt(features, names), len(names), float(found.mean()), by_category)


def write(
    shapes: garments.Shapes, photos: int, share: float, by_category: dict[str, float]
) -> None:
    """Write the numbers, with how often they were right."""
    told = {
        "about": "Shapes of garments; made by benchmarks/garments.py from photos in the public "
        "domain (CC0), which are not part of this product.",
        "photos": photos,
        "right": round(share, 3),
        "right_by_category": by_category,
        "categories": list(shapes.categories),
        **{
            name: np.round(getattr(shapes, name), 4).tolist()
            for name in ("mean", "axes", "centres")
        },
    }
    OUT.write_text(json.dumps(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
