"""Puts rendered targets before backgrounds and writes their prompts: cheap, so done many times."""

from __future__ import annotations

import argparse
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from .align import aligned
from .compact import load_shard
from .pictures import contact_shadow, over
from .poses import POSES
from .prompts import write_prompt
from .scenes import BACKGROUNDS, FRAMINGS, LIGHTS, backdrop


@dataclass
class Examples:
    """Arrays of one shard after composition, all uint8 RGB (N, H, W, 3), and N prompts.

    `close_up` and `full_body` are per person: `owner` (N,) maps examples to them.
    labels (N, 7): framing, pose, turned, light, female, bare, background; takes (N, 4): see layout.
    """

    target: np.ndarray
    product: np.ndarray
    close_up: np.ndarray
    full_body: np.ndarray
    owner: np.ndarray
    labels: np.ndarray
    takes: np.ndarray
    prompts: list[str]


def _light_ground(rng: np.random.Generator) -> np.ndarray:
    """The plain ground of reference pictures: usually light grey, sometimes another pale colour."""
    grey = rng.uniform(205, 250)
    return np.clip(grey + rng.normal(0, 5, 3), 0, 255)


def degrade(
    picture: np.ndarray, rng: np.random.Generator, shift: float = 0.03, zoom: float = 0.03
) -> np.ndarray:
    """What uploads suffer: a crop that is a little off, white balance, blur, JPEG. (H, W, 3) uint8.

    shift: of the crop, as a share of the picture's sides; zoom: likewise of its size.
    """
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    if rng.random() < 0.7:
        (dx, dy) = rng.uniform(-shift, shift, 2)
        size = rng.uniform(1 - zoom, 1 + zoom)
        grown = Image.fromarray(np.pad(picture, ((16, 16), (16, 16), (0, 0)), mode="edge"))
        x, y = width * (0.5 + dx - size / 2) + 16, height * (0.5 + dy - size / 2) + 16
        box = (x, y, x + width * size, y + height * size)
        image = grown.resize((width, height), Image.Resampling.BICUBIC, box)
    if rng.random() < 0.2:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    values = np.asarray(image, np.float32)
    if rng.random() < 0.4:
        values = values * rng.normal(1.0, 0.025, 3) * rng.uniform(0.93, 1.06)
    if rng.random() < 0.2:
        values = values + rng.normal(0, rng.uniform(1, 4), values.shape)
    values = np.clip(values, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, "JPEG", quality=int(rng.integers(55, 90)))
        values = np.asarray(Image.open(buffer).convert("RGB"))
    return values


def compose(shard: dict[str, np.ndarray], seed: int, clean: bool = False) -> Examples:
    """One pass over a shard: new backgrounds, prompts and reference grounds for every seed.

    Odd seeds mirror everything: no prompt names left or right, and negated takes mirror a pose.
    clean: references without degradations.
    """
    rng = np.random.default_rng(seed)
    shard = aligned(shard)
    spoil = (lambda p, r, **_: p) if clean else degrade
    flip = -1 if seed % 2 else 1
    # faces aligned by the detector's box stay where they are: what a crop is off by is not known to
    # the network, and faces that may lie a pixel off are learnt as blurred ones
    off = {"close_up": {"shift": 0.0, "zoom": 0.0} if "boxes" in shard else {}, "full_body": {}}
    size = (shard["target"].shape[2], shard["target"].shape[1])
    targets, products, labels, prompts = [], [], [], []
    for rgba, product, label in zip(
        shard["target"], shard["product"], shard["labels"], strict=True
    ):
        framing, pose, turned, lit, female, bare = (int(v) for v in label)
        place = int(rng.integers(len(BACKGROUNDS)))
        scene = backdrop(BACKGROUNDS[place], FRAMINGS[framing], LIGHTS[lit], size)
        if FRAMINGS[framing] == "full_body":
            scene = contact_shadow(scene, (0.5, 0.93), (0.2, 0.025))
        targets.append(over(rgba[:, ::flip], scene))
        products.append(spoil(over(product[:, ::flip], _light_ground(rng)), rng))
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
    people = {
        name: np.array(
            [spoil(over(c[:, ::flip], _light_ground(rng)), rng, **off[name]) for c in shard[name]]
        )
        for name in ("close_up", "full_body")
    }
    return Examples(
        np.array(targets),
        np.array(products),
        people["close_up"],
        people["full_body"],
        shard["owner"],
        np.array(labels),
        shard["takes"].astype(np.float32) * flip,
        prompts,
    )


def contact_sheet(examples: Examples, count: int = 48, columns: int = 6) -> Image.Image:
    """Tiles of [close-up over full body and product | target], for a human eye."""
    tiles = []
    for i in range(min(count, len(examples.target))):
        lower = np.hstack([examples.full_body[examples.owner[i]], examples.product[i]])
        upper = np.full((128, 160, 3), 255, np.uint8)
        upper[:, :128] = examples.close_up[examples.owner[i]]
        tiles.append(np.hstack([np.vstack([upper, lower]), examples.target[i]]))
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return Image.fromarray(np.vstack([r for r in rows if r.shape == rows[0].shape]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a contact sheet of one shard.")
    parser.add_argument("shard", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    examples = compose(load_shard(args.shard), args.seed)
    contact_sheet(examples).save(args.out)
    print("\n".join(examples.prompts[:24]))


if __name__ == "__main__":
    main()
