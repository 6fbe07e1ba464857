"""First measurements of an exported pack on held-out people: does it follow product and words?

    python -m recipe.measure --pack . --held-out DIR

Colours are compared in CIELAB (plain distance, CIE76) between a result and the render that it
should look like, where that render shows the product, the background or the head. "Shuffled"
compares with another example's result: what a model that ignores its inputs would score.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from .autoencoder import load_examples
from .sample import load, render

BATCH = 8


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB uint8 (..., 3) to CIELAB, D65."""
    c = rgb.astype(np.float64) / 255
    linear = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = linear @ matrix.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )


def regions(truth: np.ndarray, product: np.ndarray, alpha: np.ndarray) -> dict[str, np.ndarray]:
    """Masks (H, W) of product, background and head in the true picture."""
    person = alpha > 200
    lab = to_lab(truth)
    ground = to_lab(product[:2, :2]).reshape(-1, 3).mean(0)
    garment = to_lab(product)[np.linalg.norm(to_lab(product) - ground, axis=-1) > 15]
    masks = {
        "background": alpha < 20,
        "product": np.zeros_like(person),
        "head": np.zeros_like(person),
    }
    if len(garment):
        # hue and chroma identify the cloth, its lightness changes with the light
        near = np.abs(lab - np.median(garment, axis=0)) < np.array([30, 14, 14])
        masks["product"] = person & near.all(-1)
    rows = np.flatnonzero(person.any(1))
    if len(rows):
        whole = rows[-1] < alpha.shape[0] - 2  # feet are in the picture
        tall = rows[-1] - rows[0]
        masks["head"][: rows[0] + int(tall * (0.12 if whole else 0.33))] = True
        masks["head"] &= person
    return masks


def measure(pack: Path, folder: Path, count: int) -> dict[str, tuple[float, float]]:
    """Region -> (median distance, the same shuffled)."""
    examples = load_examples(folder, seed=2)[0]
    with np.load(sorted(folder.glob("shard_??????.npz"))[0]) as data:
        alphas = data["target"][..., 3]
    index = [i for i in range(len(examples.target)) if not examples.labels[i][5]][:count]
    pipeline = load(pack)
    results, start = [], time.time()
    for at in range(0, len(index), BATCH):
        some = index[at : at + BATCH]
        pictures = {
            "close_up": examples.close_up[examples.owner[some]],
            "full_body": examples.full_body[examples.owner[some]],
            "product": examples.product[some],
        }
        results.append(render(pipeline, [examples.prompts[i] for i in some], pictures, at))
    drawn = np.concatenate(results)
    print(f"{(time.time() - start) / len(drawn):.3f} s a picture in batches of {BATCH}")
    distances: dict[str, list[tuple[float, float]]] = {}
    for k, i in enumerate(index):
        for name, mask in regions(examples.target[i], examples.product[i], alphas[i]).items():
            if mask.sum() < 40:
                continue
            colour = lambda p, m=mask: np.median(to_lab(p)[m], axis=0)  # noqa: E731
            truth, other = colour(examples.target[i]), drawn[(k + 11) % len(drawn)]
            pair = tuple(float(np.linalg.norm(colour(p) - truth)) for p in (drawn[k], other))
            distances.setdefault(name, []).append(pair)
    return {name: tuple(np.median(v, axis=0).round(1)) for name, v in distances.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a pack on held-out people.")
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=64)
    args = parser.parse_args()
    for name, (own, shuffled) in measure(args.pack, args.held_out, args.count).items():
        print(f"{name}: {own} (shuffled {shuffled})")


if __name__ == "__main__":
    main()
