"""Shards as WebP: a tenth of the size, to carry to a machine that trains but cannot render.

    python -m recipe.compact --data WORK/shards --out WORK/compact --limit-mb 60

`load_shard` reads both kinds; the other steps do not notice the difference.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

PICTURES = ("target", "product", "close_up", "full_body")
QUALITY = 90


def _pack(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, H, W, 4) -> all files in one row of bytes, and where each ends."""
    files = []
    for picture in pictures:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "WEBP", quality=QUALITY, method=4, exact=True)
        files.append(buffer.getvalue())
    return np.frombuffer(b"".join(files), np.uint8), np.cumsum([len(f) for f in files])


def _unpack(row: np.ndarray, ends: np.ndarray) -> np.ndarray:
    starts = [0, *ends[:-1]]
    parts = [row[a:b].tobytes() for a, b in zip(starts, ends, strict=True)]
    return np.stack([np.asarray(Image.open(io.BytesIO(p)).convert("RGBA")) for p in parts])


def load_shard(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a shard, compact or not, and its face boxes if they were found (align.py).

    Premultiplied colours stay below their alpha.
    """
    with np.load(path) as data:
        arrays = dict(data)
    if path.with_suffix(".boxes.npy").exists():
        arrays["boxes"] = np.load(path.with_suffix(".boxes.npy"))
    for name in PICTURES:
        if f"{name}_ends" in arrays:
            picture = _unpack(arrays[name], arrays.pop(f"{name}_ends"))
            picture[..., :3] = np.minimum(picture[..., :3], picture[..., 3:])
            arrays[name] = picture
    return arrays


def compact(path: Path, out: Path) -> int:
    """Write one shard anew; returns its size in bytes."""
    arrays = load_shard(path)
    for name in PICTURES:
        arrays[name], arrays[f"{name}_ends"] = _pack(arrays[name])
    np.savez(out / path.name, **arrays)
    return (out / path.name).stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description="Write compact shards.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit-mb", type=float, default=60)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    total = 0
    for path in sorted(args.data.glob("shard_??????.npz")):
        total += compact(path, args.out)
        print(f"{path.name}: {total / 1e6:.1f} MB so far", flush=True)
        if total > args.limit_mb * 1e6:
            (args.out / path.name).unlink()
            break


if __name__ == "__main__":
    main()
