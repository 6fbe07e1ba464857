"""The data factory: renders training examples into `.npz` shards, one process a shard.

    python -m recipe.shards --assets DIR --out DIR --first 0 --count 20 --people 80 --workers 2

Shard k holds people drawn from seed k; the same seed gives the same shard. Each person has one
close-up and one full-body reference in plain clothes, and several targets, each wearing another
product in another pose, light and framing. Targets are kept as RGBA, so that the same picture can
be put before any background later (see compose.py).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from .garments import Product, dress, plain_outfit, sample_product
from .layout import (
    CLOSE_UP,
    FACE_IN_CLOSE_UP,
    FACE_IN_HALF_BODY,
    FULL_BODY,
    PERSON_IN_FULL_BODY,
    PRODUCT,
    TAKES,
    TARGET,
)
from .people import sample_person
from .photos import Photo, load_photos, photo_picture
from .poses import POSES, take_pose
from .scenes import FRAMINGS, LIGHTS, light
from .studio import FACE_DISTANCE, Studio

DRESSINGS = 1  # a person's outfits and poses, each seen in every framing
FIELDS = ("target", "product", "close_up", "full_body", "labels", "takes", "owner", "horizon")
TURN = 0.5  # radians of a turned body, and what a take adds to every one
TAKE_TURN = 0.08


def target_camera(studio: Studio, marks: dict, framing: str, yaw: float):
    """The camera of a target, and where the ground's horizon lies in the picture."""
    bottom, tall = marks["bottom"], marks["top"] - marks["bottom"]
    aspect = TARGET.size[0] / TARGET.size[1]
    if framing == "full_body":
        camera = studio.full_body_camera(marks, PERSON_IN_FULL_BODY, yaw)
        height, centre = (tall + 0.6) / PERSON_IN_FULL_BODY, camera.target[1]
    else:
        share, down = FACE_IN_HALF_BODY if framing == "half_body" else FACE_IN_CLOSE_UP
        camera = studio.face_camera(marks, share, down, aspect, yaw)
        height = 2 * FACE_DISTANCE * np.tan(np.radians(camera.fov / 2))
        centre = camera.target[1]
    horizon = 0.5 + (centre - bottom - 0.12 * tall) / height
    return camera, float(np.clip(horizon, 0.3, 1.2))


def pick_product(rng: np.random.Generator, gender: str, photos: list[Photo]) -> Product:
    """Mostly drawn fabrics; with photos at hand, every second product wears one."""
    product = sample_product(rng, gender)
    if not photos or rng.random() < 0.5:
        return product
    photo = photos[rng.integers(len(photos))]
    if gender == "male" and photo.kind in ("dress", "skirt"):
        return product
    return photo.product(rng)


def render_person(
    studio: Studio, rng: np.random.Generator, photos: list[Photo], dressings: int = DRESSINGS
) -> dict:
    """One person: references, and every framing of every dressing. Field name -> list."""
    rows: dict[str, list] = {k: [] for k in FIELDS}
    draw = studio.renderer.draw
    person = sample_person(rng, studio.model.anny.local_change_labels)
    figure = studio.figure(person, float(rng.uniform(0.05, 0.17)), float(rng.uniform(0, 0.3)))
    base = plain_outfit(rng, person.gender)
    parts = studio.reference_parts(figure, person, base, rng)
    marks = studio.landmarks(figure)
    camera = studio.close_up_camera(marks, rng.normal(0, 0.05), rng.uniform(0.95, 1.05))
    rows["close_up"].append(draw(parts, camera, light("soft", rng.normal()), CLOSE_UP.size))
    camera = studio.full_body_camera(marks, rng.uniform(0.84, 0.92), rng.uniform(-0.1, 0.1))
    rows["full_body"].append(draw(parts, camera, light("soft", rng.normal()), FULL_BODY.size))
    studio.renderer.release(parts)
    for _ in range(dressings):
        bare = rng.random() < 0.1  # keeps the clothes of the full-body picture
        product = pick_product(rng, person.gender, photos)
        takes = rng.normal(size=len(TAKES))
        pose = int(rng.choice(len(POSES), p=(0.5, 0.2, 0.18, 0.12)))
        figure.pose(take_pose(POSES[pose], takes[1], takes[2]))
        parts = studio.person_parts(figure, person, dress(base, None if bare else product))
        marks = studio.landmarks(figure)
        lit = int(rng.choice(len(LIGHTS), p=(0.7, 0.15, 0.15)))
        if product.fabric.photo:
            picture = photo_picture(product.fabric.photo, rng)
        else:
            lamp, fill = light("soft", rng.normal()), rng.uniform(0.78, 0.88)
            picture = studio.product_picture(product, PRODUCT.size, lamp, fill)
        for framing, name in enumerate(FRAMINGS):
            turned = rng.random() < (0.1 if name == "close_up" else 0.2)
            yaw = TAKE_TURN * float(np.clip(takes[0], -2, 2))
            yaw += TURN * np.sign(takes[0]) if turned else 0.0
            camera, horizon = target_camera(studio, marks, name, float(yaw))
            rows["target"].append(draw(parts, camera, light(LIGHTS[lit], takes[3]), TARGET.size))
            rows["product"].append(picture)
            female = int(person.gender == "female")
            rows["labels"].append((framing, pose, int(turned), lit, female, int(bare)))
            rows["takes"].append(takes)
            rows["horizon"].append(horizon)
        studio.renderer.release(parts)
    return rows


def render_shard(
    studio: Studio, seed: int, people: int, photos: list[Photo], dressings: int = DRESSINGS
) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows: dict[str, list] = {k: [] for k in FIELDS}
    for owner in range(people):
        for name, values in render_person(studio, rng, photos, dressings).items():
            rows[name] += values
        rows["owner"] += [owner] * (dressings * len(FRAMINGS))
    return {k: np.array(v) for k, v in rows.items()}


def work(
    assets: Path, out: Path, seed: int, people: int, photos: list[Photo], dressings: int
) -> None:
    path = out / f"shard_{seed:06d}.npz"
    if path.exists():
        return
    start = time.time()
    studio = Studio(assets, samples=0)
    shard = render_shard(studio, seed, people, photos, dressings)
    temporary = path.with_suffix(".tmp.npz")
    np.savez_compressed(temporary, **shard)
    temporary.rename(path)
    rate = len(shard["target"]) / (time.time() - start)
    print(f"{path.name}: {len(shard['target'])} targets, {rate:.1f}/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--people", type=int, default=80)
    parser.add_argument("--dressings", type=int, default=DRESSINGS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--photos", type=Path, help="cut-outs of garment photos; see photos.py")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    seeds = list(range(args.first, args.first + args.count))
    if args.count == 1:
        photos = load_photos(args.photos) if args.photos else []
        work(args.assets, args.out, args.first, args.people, photos, args.dressings)
        return
    # a fresh process a shard: software GL drivers leak
    running: list[subprocess.Popen] = []
    while seeds or running:
        running = [p for p in running if p.poll() is None]
        while seeds and len(running) < args.workers:
            command = [sys.executable, "-m", "recipe.shards", "--assets", str(args.assets)]
            command += ["--out", str(args.out), "--first", str(seeds.pop(0))]
            environment = {**os.environ, "LP_NUM_THREADS": "0", "OMP_NUM_THREADS": "1"}
            command += ["--people", str(args.people), "--dressings", str(args.dressings)]
            command += ["--photos", str(args.photos)] if args.photos else []
            running.append(subprocess.Popen(command, env=environment))
        time.sleep(0.2)


if __name__ == "__main__":
    main()
