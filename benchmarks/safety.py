"""What the nudity classifier says of dressed, half dressed and undressed mannequins, and garments.

    python -m benchmarks.safety --assets DIR [--garments DIR]

The bodies are rendered (the mannequin pack's recipe, `pip install .[recipe]`), in memory only: no
picture of an undressed body is written. Swimwear is painted onto the body, so it has no seams, no
straps and no folds: harder than cloth. DIR is the recipe's material; `--garments` any folder of
product photos (JPEG). Prints one table in Markdown; docs/adr/0012-nudity.md has the last one.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from compliance.safety import SafetyLimits
from serve.deployments.safety import OpenNsfw
from serve.settings import PROJECT

COLOURS = {
    "black": (0.05, 0.05, 0.06),
    "red": (0.7, 0.1, 0.12),
    "white": (0.9, 0.9, 0.9),
    "skin-toned": (0.75, 0.6, 0.5),
}
WORN = {"female": ("bare", "briefs", "bikini", "swimsuit"), "male": ("bare", "briefs", "trunks")}


def regions(rest: np.ndarray) -> dict[str, np.ndarray]:
    """Which vertices of the body each piece covers, by height and distance from the middle."""
    low, high = rest[:, 1].min(), rest[:, 1].max()
    y, x = (rest[:, 1] - low) / (high - low), np.abs(rest[:, 0]) / (high - low)
    hips, bust = (y > 0.46) & (y < 0.56) & (x < 0.12), (y > 0.69) & (y < 0.77) & (x < 0.105)
    return {
        "bare": np.zeros(len(rest), bool),
        "briefs": hips,
        "bikini": hips | bust,
        "swimsuit": (y > 0.46) & (y < 0.77) & (x < 0.105),
        "trunks": (y > 0.36) & (y < 0.56) & (x < 0.13),
    }


def mannequins(assets: Path, limit: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Rendered samples: what is worn, the colour, the picture; full figure and half figure."""
    sys.path.insert(0, str(PROJECT / "packs" / "mannequin"))
    from recipe import samples
    from recipe.geometry import Topology
    from recipe.pictures import over
    from recipe.poses import sample_pose_calm
    from recipe.renderer import Light, Material, Part
    from recipe.studio import Studio

    studio, size = Studio(assets), (600, 800)
    faces = studio.model.faces
    piece = studio.wardrobe.pieces["female_casualsuit01-top"]
    for sample in samples.PEOPLE[:limit]:
        person = samples.person_of(sample, studio.model.anny.local_change_labels)
        figure = studio.figure(person)
        figure.pose(sample_pose_calm(np.random.default_rng(5)))
        marks = studio.landmarks(figure)
        body = Topology(faces, studio.model.face_uvs, studio.model.uvs, len(figure.rest))
        vertices = body.vertices(figure.posed, figure.rest)
        skin = Material(studio.library.texture("skins", person.skin), tint=person.skin_tint)
        height = marks["top"] - marks["bottom"]
        half = np.array([0.0, marks["top"] - 0.3 * height, 0.0])
        cameras = (studio.full_body_camera(marks, 0.9), studio.camera(half, 0.62 * height))
        covers = regions(figure.rest)
        for worn in WORN[sample.gender]:
            for colour, rgb in COLOURS.items():
                covered = covers[worn][faces].all(1)
                parts = [Part(vertices, body.index[~covered], skin)]
                if covered.any():
                    fabric = samples._product("tops", ("x",), "plain", rgb).fabric
                    points = figure.rest[covers[worn]]
                    cloth = studio.wardrobe.material(piece, fabric, points.min(0), points.max(0))
                    parts.append(Part(vertices, body.index[covered], cloth))
                parts += studio.head_parts(figure, person)
                for camera in cameras:
                    drawn = studio.renderer.draw(parts, camera, Light(), size)
                    yield worn, colour, over(drawn, samples.studio_ground(size))
                studio.renderer.release(parts)
                if worn == "bare":
                    break


def photos(folder: Path) -> Iterator[np.ndarray]:
    for path in sorted(folder.rglob("*.jpg")):
        yield np.asarray(Image.open(path).convert("RGB"))


def line(what: str, scores: list[float]) -> str:
    limits = SafetyLimits()
    refused = [sum(score >= limit for score in scores) for limit in (limits.upload, limits.result)]
    low, middle, high = min(scores), float(np.median(scores)), max(scores)
    return (
        f"| {what} | {len(scores)} | {low:.2f} | {middle:.2f} | {high:.2f} | "
        f"{refused[0]} | {refused[1]} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--garments", type=Path)
    parser.add_argument("--people", type=int, default=4)
    args = parser.parse_args()
    network = OpenNsfw(threads=1)
    scores: dict[str, list[float]] = defaultdict(list)
    samples = PROJECT / "packs" / "mannequin" / "samples"
    for kind in ("people", "products"):
        scores[f"the pack's sample {kind}"] = [network.nudity(p) for p in photos(samples / kind)]
    for worn, colour, picture in mannequins(args.assets, args.people):
        plain = "skin-toned cloth" if colour == "skin-toned" else "black, red, white"
        what = "mannequin, nothing on" if worn == "bare" else f"mannequin, {worn}, {plain}"
        for sent in (picture, np.asarray(Image.fromarray(picture).resize((96, 128)))):
            scores[what].append(network.nudity(sent))
    if args.garments:
        scores["garments, flat or hanging"] = [network.nudity(p) for p in photos(args.garments)]
    print("| picture | n | least | median | most | refused as upload | refused as result |")
    print("|---|---|---|---|---|---|---|")
    for what, found in scores.items():
        print(line(what, found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
