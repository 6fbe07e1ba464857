"""Puts rendered targets before backgrounds and writes their prompts: cheap, so done many times."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .poses import POSES
from .prompts import write_prompt
from .samples import contact_shadow
from .scenes import BACKGROUNDS, FRAMINGS, LIGHTS, background, tone
from .studio import over


@dataclass
class Examples:
    """Arrays of one shard after composition, all uint8 RGB (N, H, W, 3), and N prompts.

    `close_up` and `full_body` are per person: `owner` (N,) maps examples to them.
    labels (N, 7): framing, pose, turned, light, female, bare, background.
    """

    target: np.ndarray
    product: np.ndarray
    close_up: np.ndarray
    full_body: np.ndarray
    owner: np.ndarray
    labels: np.ndarray
    prompts: list[str]


def _light_ground(rng: np.random.Generator) -> np.ndarray:
    """The plain ground of reference pictures: usually light grey, sometimes another pale colour."""
    grey = rng.uniform(205, 250)
    return np.clip(grey + rng.normal(0, 5, 3), 0, 255)


def compose(shard: dict[str, np.ndarray], seed: int) -> Examples:
    """One pass over a shard: new backgrounds, prompts and reference grounds for every seed."""
    rng = np.random.default_rng(seed)
    targets, products, labels, prompts = [], [], [], []
    for rgba, product, label, horizon in zip(
        shard["target"], shard["product"], shard["labels"], shard["horizon"], strict=True
    ):
        framing, pose, turned, lit, female, bare = (int(v) for v in label)
        place = int(rng.integers(len(BACKGROUNDS)))
        size = (rgba.shape[1], rgba.shape[0])
        scene = tone(LIGHTS[lit], background(BACKGROUNDS[place], size, float(horizon), rng))
        if FRAMINGS[framing] == "full_body":
            scene = contact_shadow(scene, (0.5, 0.93), (0.2, 0.025))
        targets.append(over(rgba, scene))
        products.append(over(product, _light_ground(rng)))
        labels.append((framing, pose, turned, lit, female, bare, place))
        prompts.append(
            write_prompt(
                rng,
                FRAMINGS[framing],
                POSES[pose],
                "turned" if turned else "front",
                BACKGROUNDS[place],
                LIGHTS[lit],
                "female" if female else "male",
            )
        )
    return Examples(
        np.array(targets),
        np.array(products),
        np.array([over(c, _light_ground(rng)) for c in shard["close_up"]]),
        np.array([over(c, _light_ground(rng)) for c in shard["full_body"]]),
        shard["owner"],
        np.array(labels),
        prompts,
    )


def contact_sheet(examples: Examples, count: int = 48, columns: int = 8) -> Image.Image:
    """Tiles of [close-up over product | full body over nothing | target], for a human eye."""
    tiles = []
    for i in range(min(count, len(examples.target))):
        person = examples.owner[i]
        left = np.vstack([examples.close_up[person], examples.product[i]])
        middle = np.vstack([examples.full_body[person], np.full((64, 32, 3), 255, np.uint8)])
        tiles.append(np.hstack([left, middle, examples.target[i]]))
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return Image.fromarray(np.vstack([r for r in rows if r.shape == rows[0].shape]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a contact sheet of one shard.")
    parser.add_argument("shard", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with np.load(args.shard) as data:
        examples = compose(dict(data), args.seed)
    contact_sheet(examples).save(args.out)
    print("\n".join(examples.prompts[:24]))


if __name__ == "__main__":
    main()
