"""Reads MakeHuman system assets (CC0): `.obj` meshes and `.mhclo` proxies, parsed once per process.

A proxy is a mesh bound to the body: every proxy vertex is a weighted mean of three body vertices
plus an offset that scales with the body (MakeHuman's "mhclo" text format).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HAIR = (
    "afro01",
    "bob01",
    "bob02",
    "braid01",
    "long01",
    "ponytail01",
    "short01",
    "short02",
    "short03",
    "short04",
)
EYE_COLOURS = (
    "blue",
    "bluegreen",
    "brown",
    "brownlight",
    "deepblue",
    "green",
    "grey",
    "ice",
    "lightblue",
)


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles. vertices (V, 3) in decimetres, y up; uvs (U, 2); faces and face_uvs (F, 3)."""

    vertices: np.ndarray
    uvs: np.ndarray
    faces: np.ndarray
    face_uvs: np.ndarray


@dataclass(frozen=True, eq=False)
class Proxy:
    """A mesh bound to body vertices: refs (V, 3) int, weights (V, 3), offsets (V, 3).

    `scales` holds, per axis, (body vertex a, body vertex b, reference distance) or None;
    `hidden` lists the body vertices that this proxy covers.
    """

    name: str
    mesh: Mesh
    refs: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    scales: tuple[tuple[int, int, float] | None, ...]
    hidden: np.ndarray


def load_obj(path: Path) -> Mesh:
    """Parse a Wavefront file; polygons become triangle fans."""
    vertices, uvs, faces, face_uvs = [], [], [], []
    for line in path.read_text(errors="ignore").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(x) for x in words[1:4]])
        elif words[0] == "vt":
            uvs.append([float(x) for x in words[1:3]])
        elif words[0] == "f":
            corners = [w.split("/") for w in words[1:]]
            vi = [int(c[0]) - 1 for c in corners]
            ti = [int(c[1]) - 1 if len(c) > 1 and c[1] else 0 for c in corners]
            for k in range(1, len(corners) - 1):
                faces.append([vi[0], vi[k], vi[k + 1]])
                face_uvs.append([ti[0], ti[k], ti[k + 1]])
    return Mesh(
        np.array(vertices, np.float32),
        np.array(uvs or [[0, 0]], np.float32),
        np.array(faces, np.int64),
        np.array(face_uvs, np.int64),
    )


def _hidden_ranges(words: list[str]) -> list[int]:
    """`12 20 - 25 31` -> [12, 20, 21, 22, 23, 24, 25, 31]."""
    out: list[int] = []
    i = 0
    while i < len(words):
        if i + 2 < len(words) and words[i + 1] == "-":
            out.extend(range(int(words[i]), int(words[i + 2]) + 1))
            i += 3
        else:
            out.append(int(words[i]))
            i += 1
    return out


def load_proxy(path: Path) -> Proxy:
    """Parse an `.mhclo` file and the mesh that it names."""
    scales: list[tuple[int, int, float] | None] = [None, None, None]
    refs, weights, offsets, hidden = [], [], [], []
    mesh: Mesh | None = None
    section = ""
    for line in path.read_text(errors="ignore").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key = words[0]
        if key in ("x_scale", "y_scale", "z_scale"):
            scales["xyz".index(key[0])] = (int(words[1]), int(words[2]), float(words[3]))
        elif key == "obj_file":
            mesh = load_obj(path.parent / words[1])
        elif key in ("verts", "delete_verts"):
            section = key
        elif key[0].isalpha():
            continue
        elif section == "verts" and len(words) == 1:
            refs.append([int(key)] * 3)
            weights.append([1.0, 0.0, 0.0])
            offsets.append([0.0, 0.0, 0.0])
        elif section == "verts" and len(words) >= 9:
            refs.append([int(x) for x in words[:3]])
            weights.append([float(x) for x in words[3:6]])
            offsets.append([float(x) for x in words[6:9]])
        elif section == "delete_verts":
            hidden.extend(_hidden_ranges(words))
    if mesh is None:
        raise ValueError(f"{path.name} names no mesh")
    n = len(mesh.vertices)
    return Proxy(
        path.stem,
        mesh,
        np.array(refs[:n], np.int64),
        np.array(weights[:n], np.float32),
        np.array(offsets[:n], np.float32),
        tuple(scales),
        np.array(sorted(set(hidden)), np.int64),
    )


class Library:
    """An assets folder: `meshes/<kind>/<name>/*.mhclo` and `textures/<kind>/<name>/*.png`."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        if not (self.root / "meshes").is_dir():
            raise FileNotFoundError(f"no meshes/ under {self.root}; see the recipe's README")

    @functools.cache  # noqa: B019 - one library lives as long as the process
    def proxy(self, kind: str, name: str) -> Proxy:
        return load_proxy(sorted((self.root / "meshes" / kind / name).glob("*.mhclo"))[0])

    @functools.cache  # noqa: B019
    def texture(self, kind: str, name: str) -> Path:
        """The colour texture of an asset (ambient-occlusion maps are skipped)."""
        if kind == "eyes":
            return self.root / "textures" / "eyes" / f"{name}_eye.png"
        files = sorted((self.root / "textures" / kind / name).glob("*.png"))
        return next((f for f in files if "_ao" not in f.name), files[0])

    @functools.cache  # noqa: B019
    def names(self, kind: str) -> tuple[str, ...]:
        """Assets of a kind that have both a mesh and a texture."""
        return tuple(
            p.name
            for p in sorted((self.root / "meshes" / kind).iterdir())
            if (self.root / "textures" / kind / p.name).is_dir() and list(p.glob("*.mhclo"))
        )
