"""Where the server's face detector sees each person's face: written beside every shard.

    python -m recipe.align --data WORK/shards

The server crops uploads by the detector's box, which lies higher or wider on some faces than on
others. Shards are rendered with the eyes in one place; `aligned` moves references and targets so
that the box is in one place instead. Then a likeness is a copy of tokens that needs no shift. Only
the detector is used, never the recogniser that the report measures with.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

from .layout import CLOSE_UP, CLOSE_UP_FACE_WIDTH, FACE_IN_CLOSE_UP, FACE_IN_HALF_BODY
from .pictures import over
from .scenes import FRAMINGS

LOOK = 2.5  # references are enlarged for the detector: about as large as uploads reach it
MARGIN = (80, 20)  # pixels of ground above and below, left and right, after that
FACE = CLOSE_UP.size[0] * CLOSE_UP_FACE_WIDTH  # width of the box in a reference, pixels
PAD = 48  # pixels by which edges go on
FARTHEST, WIDEST = 8.0, 0.2  # a box further off (pixels) or of another size (share) is an error


def boxes_of(references: np.ndarray, detector) -> np.ndarray:
    """(N, 3): the box's centre relative to the picture's (x, y in pixels) and its width / FACE.

    references: (N, H, W, 4) as in shards.
    """
    out = np.tile(np.array([0.0, 0.0, 1.0], np.float32), (len(references), 1))
    for k, rgba in enumerate(references):
        picture = Image.fromarray(over(rgba, np.full(3, 230.0)))
        height, width = rgba.shape[:2]
        size = (round(LOOK * width), round(LOOK * height))
        large = np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
        large = np.pad(large, (*((m, m) for m in MARGIN), (0, 0)), mode="edge")
        middle = np.array([large.shape[1], large.shape[0]]) / 2
        faces = detector.detect(large)
        if faces:
            left, top, right, bottom = faces[0].box
            x, y = (np.array([left + right, top + bottom]) / 2 - middle) / LOOK
            wide = (right - left) / LOOK / FACE
            if max(abs(x), abs(y)) < FARTHEST and abs(wide - 1) < WIDEST:
                out[k] = x, y, wide
    return out


def _moved(rgba: np.ndarray, centre: tuple[float, float], box: np.ndarray, scale: float):
    """A picture whose face box, `scale` times that of a reference, comes to lie at `centre`."""
    height, width = rgba.shape[:2]
    grown = Image.fromarray(np.pad(rgba, ((PAD, PAD), (PAD, PAD), (0, 0)), mode="edge"))
    x = centre[0] * width + scale * box[0] - centre[0] * width * box[2] + PAD
    y = centre[1] * height + scale * box[1] - centre[1] * height * box[2] + PAD
    corners = (x, y, x + width * box[2], y + height * box[2])
    # channel by channel: Pillow would divide and multiply by alpha, shards are premultiplied
    parts = [c.resize((width, height), Image.Resampling.BICUBIC, corners) for c in grown.split()]
    out = np.stack([np.asarray(p) for p in parts], axis=-1)
    return np.concatenate([np.minimum(out[..., :3], out[..., 3:]), out[..., 3:]], axis=-1)


def aligned(shard: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The shard with face boxes in place; as it is where it has none."""
    if "boxes" not in shard:
        return shard
    boxes = shard["boxes"]
    close = [_moved(p, (0.5, 0.5), b, 1.0) for p, b in zip(shard["close_up"], boxes, strict=True)]
    targets = shard["target"].copy()
    for k, (label, owner) in enumerate(zip(shard["labels"], shard["owner"], strict=True)):
        framing = FRAMINGS[label[0]]
        if framing == "full_body":
            continue
        share, down = FACE_IN_CLOSE_UP if framing == "close_up" else FACE_IN_HALF_BODY
        scale = share * targets.shape[2] / FACE
        targets[k] = _moved(targets[k], (0.5, down), boxes[owner], scale)
    return shard | {"close_up": np.array(close), "target": targets}


def main() -> None:
    from identity.encoder import InsightFaceEncoder
    from serve.settings import load_settings

    parser = argparse.ArgumentParser(description="Find the faces of all shards.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--wait", type=float, default=0, help="minutes to look for more shards")
    args = parser.parse_args()
    detector = InsightFaceEncoder(load_settings().face_pack_folder, threads=1)
    start = time.time()
    while True:
        for path in sorted(args.data.glob("shard_??????.npz"), reverse=True):
            out = path.with_suffix(".boxes.npy")
            if not out.exists():
                with np.load(path) as data:
                    boxes = boxes_of(data["close_up"], detector)
                np.save(out, boxes)
                print(out.name, boxes.mean(0).round(2), boxes.std(0).round(2), flush=True)
        if time.time() - start > args.wait * 60:
            break
        time.sleep(5)


if __name__ == "__main__":
    main()
