"""Draws held-out people and products with an exported pack: close-up, product, truth, result.

    python -m recipe.sheet --pack . --held-out DIR --out sheet.png

The first rows are held-out renders (their own prompts); the last ones are the shipped samples.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from .autoencoder import load_examples
from .layout import CLOSE_UP, FULL_BODY, PRODUCT
from .sample import crop_centre, fit, load, render

SAMPLE_PROMPTS = (
    "full body, standing, white studio, soft light",
    "half body, park, soft light",
    "close-up portrait, facing camera, sunset",
    "full body, walking, beach",
    "half body, hand on hip, city street",
    "full length, pink background",
    "waist up, living room, warm light",
    "full body, dark studio, side light",
)
# share of a shipped close-up (3:4) that the recipe's own crop takes: see samples.py, zoom 0.86
SAMPLE_CLOSE_UP = 0.86


def _tile(left: list[np.ndarray], *pictures: np.ndarray) -> np.ndarray:
    """References stacked on the left (48 wide), pictures beside them, a thin white border."""
    column = np.vstack(
        [p if p.shape[1] == 48 else np.pad(p, ((0, 0), (8, 8), (0, 0))) for p in left]
    )
    tile = np.hstack([column, *pictures])
    return np.pad(tile, ((2, 2), (2, 2), (0, 0)), constant_values=255)


def held_out_tiles(pipeline, folder: Path, count: int, seed: int) -> list[np.ndarray]:
    e = load_examples(folder, seed=2)[0]
    index = [i for i in range(len(e.target)) if not e.labels[i][5]]
    index = [index[i] for i in np.linspace(0, len(index) - 1, count).astype(int)]
    pictures = {
        "close_up": e.close_up[e.owner[index]],
        "full_body": e.full_body[e.owner[index]],
        "product": e.product[index],
    }
    results = render(pipeline, [e.prompts[i] for i in index], pictures, seed)
    return [
        _tile([pictures["close_up"][k], pictures["product"][k]], e.target[i], results[k])
        for k, i in enumerate(index)
    ]


def sample_references(samples: Path, person: str, product: str) -> dict[str, np.ndarray]:
    """The shipped pictures of one person and one product, cropped as in training; N = 1."""
    close = Image.open(samples / "people" / person / "close_up.jpg")
    w, h = close.size
    dx, dy = w * (1 - SAMPLE_CLOSE_UP) / 2, h * (1 - SAMPLE_CLOSE_UP) / 2
    close = close.crop((int(dx), int(dy), int(w - dx), int(h - dy)))
    body = crop_centre(Image.open(samples / "people" / person / "full_body.jpg"), 0.5)
    item = Image.open(samples / "products" / f"{product}.jpg")
    return {
        "close_up": fit(close, CLOSE_UP.size)[None],
        "full_body": fit(body, FULL_BODY.size)[None],
        "product": fit(item, PRODUCT.size)[None],
    }


def sample_tiles(pipeline, samples: Path, seed: int) -> list[np.ndarray]:
    people = sorted(p.name for p in (samples / "people").iterdir())
    products = sorted(p.stem for p in (samples / "products").glob("*.jpg"))
    rows = [
        sample_references(samples, people[k % len(people)], product)
        for k, product in enumerate(products)
    ]
    pictures = {name: np.concatenate([r[name] for r in rows]) for name in rows[0]}
    results = render(pipeline, list(SAMPLE_PROMPTS[: len(rows)]), pictures, seed)
    return [
        _tile([pictures["close_up"][k], pictures["product"][k]], results[k])
        for k in range(len(rows))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the sheet of held-out results.")
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    pipeline = load(args.pack)
    tiles = held_out_tiles(pipeline, args.held_out, 16, args.seed)
    rows = [np.hstack(tiles[i : i + 4]) for i in range(0, 16, 4)]
    tiles = sample_tiles(pipeline, args.pack / "samples", args.seed)
    rows += [np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles), 4)]
    width = max(r.shape[1] for r in rows)
    rows = [np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=255) for r in rows]
    sheet = Image.fromarray(np.vstack(rows))
    sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.LANCZOS).save(args.out)


if __name__ == "__main__":
    main()
