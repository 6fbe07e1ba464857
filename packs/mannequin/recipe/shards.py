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

from .garments import dress, plain_outfit, sample_product
from .layout import CLOSE_UP, FULL_BODY, PRODUCT, TARGET
from .people import sample_person
from .poses import POSES, sample_pose
from .scenes import FRAMINGS, LIGHTS, light
from .studio import Studio

TARGETS_A_PERSON = 8
FIELDS = ("target", "product", "close_up", "full_body", "labels", "owner", "horizon")


def target_camera(studio: Studio, marks: dict, framing: str, yaw: float, rng):
    """The camera of a target, and where the ground's horizon lies in the picture."""
    top, bottom = marks["top"], marks["bottom"]
    tall = top - bottom
    u = rng.uniform
    if framing == "full_body":
        height, centre = tall * u(1.13, 1.22), (top + bottom) / 2 + tall * u(-0.02, 0.03)
    elif framing == "half_body":
        height = tall * u(0.56, 0.64)
        centre = top + tall * u(0.04, 0.06) - height / 2
    else:
        height = tall * u(0.26, 0.31)
        centre = top + tall * u(0.03, 0.045) - height / 2
    point = np.array([tall * u(-0.012, 0.012), centre, 0.3 if framing == "close_up" else 0.0])
    horizon = 0.5 + (centre - bottom - 0.12 * tall) / height
    return studio.camera(point, height, yaw, lift=u(-0.4, 0.6)), float(np.clip(horizon, 0.3, 1.2))


def render_shard(studio: Studio, seed: int, people: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows: dict[str, list] = {k: [] for k in FIELDS}
    labels = studio.model.anny.local_change_labels
    for owner in range(people):
        person = sample_person(rng, labels)
        figure = studio.figure(
            person, blink=float(rng.uniform(0, 0.12)), smile=float(rng.uniform(0, 0.3))
        )
        base = plain_outfit(rng, person.gender)
        parts = studio.reference_parts(figure, person, base, rng)
        marks = studio.landmarks(figure)
        camera = studio.close_up_camera(
            marks, yaw=rng.uniform(-0.12, 0.12), zoom=rng.uniform(0.9, 1.1)
        )
        draw = studio.renderer.draw
        rows["close_up"].append(draw(parts, camera, light("soft", rng), CLOSE_UP.size, 3))
        camera = studio.full_body_camera(
            marks, fill=rng.uniform(0.82, 0.94), yaw=rng.uniform(-0.1, 0.1)
        )
        rows["full_body"].append(draw(parts, camera, light("soft", rng), FULL_BODY.size, 3))
        studio.renderer.release(parts)
        for _ in range(TARGETS_A_PERSON):
            bare = rng.random() < 0.12  # keeps the clothes of the full-body picture
            product = sample_product(rng, person.gender)
            pose = int(rng.choice(len(POSES), p=(0.5, 0.2, 0.18, 0.12)))
            figure.pose(sample_pose(rng, POSES[pose]))
            parts = studio.person_parts(figure, person, dress(base, None if bare else product))
            framing = int(rng.integers(len(FRAMINGS)))
            lit = int(rng.choice(len(LIGHTS), p=(0.6, 0.2, 0.2)))
            turned = rng.random() < 0.35
            yaw = rng.uniform(0.4, 0.7) * rng.choice([-1, 1]) if turned else rng.normal(0, 0.1)
            camera, horizon = target_camera(
                studio, studio.landmarks(figure), FRAMINGS[framing], float(yaw), rng
            )
            target = draw(parts, camera, light(LIGHTS[lit], rng), TARGET.size)
            studio.renderer.release(parts)
            fill = rng.uniform(0.76, 0.9)
            picture = studio.product_picture(product, PRODUCT.size, light("soft", rng), fill)
            female = int(person.gender == "female")
            rows["target"].append(target)
            rows["product"].append(picture)
            rows["labels"].append((framing, pose, int(turned), lit, female, int(bare)))
            rows["owner"].append(owner)
            rows["horizon"].append(horizon)
    return {k: np.array(v) for k, v in rows.items()}


def work(assets: Path, out: Path, seed: int, people: int) -> None:
    path = out / f"shard_{seed:06d}.npz"
    if path.exists():
        return
    start = time.time()
    studio = Studio(assets, samples=0)
    shard = render_shard(studio, seed, people)
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
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    seeds = list(range(args.first, args.first + args.count))
    if args.count == 1:
        work(args.assets, args.out, args.first, args.people)
        return
    # a fresh process a shard: software GL drivers leak
    running: list[subprocess.Popen] = []
    while seeds or running:
        running = [p for p in running if p.poll() is None]
        while seeds and len(running) < args.workers:
            command = [sys.executable, "-m", "recipe.shards", "--assets", str(args.assets)]
            command += ["--out", str(args.out), "--first", str(seeds.pop(0))]
            environment = {**os.environ, "LP_NUM_THREADS": "0", "OMP_NUM_THREADS": "1"}
            command += ["--people", str(args.people)]
            running.append(subprocess.Popen(command, env=environment))
        time.sleep(0.2)


if __name__ == "__main__":
    main()
