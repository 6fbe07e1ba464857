"""Cuts MakeHuman suits into tops and bottoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .assets import Library, Proxy
from .geometry import Topology, components


@dataclass(frozen=True, eq=False)
class Piece:
    """A top or a bottom: some faces of a suit's proxy.

    `hidden` are the body vertices it covers; `mean_light` is the mean brightness of its texture.
    """

    name: str
    suit: str
    slot: str  # "top" or "bottom"
    proxy: Proxy
    topology: Topology
    hidden: np.ndarray
    mean_light: float


def _mean_light(library: Library, suit: str, topology: Topology) -> float:
    texture = Image.open(library.texture("clothes", suit)).convert("L")
    pixels = np.asarray(texture, np.float32) / 255
    h, w = pixels.shape
    u = np.clip((topology.uv[:, 0] % 1.0) * w, 0, w - 1).astype(int)
    v = np.clip((1 - topology.uv[:, 1] % 1.0) * h, 0, h - 1).astype(int)
    return float(max(np.median(pixels[v, u]), 0.02))


def cut_suit(library: Library, suit: str, body_heights: np.ndarray) -> list[Piece]:
    """Split a suit at the waist by connected components.

    body_heights: (vertices,) of the template body, to share out the vertices that the suit hides.
    """
    proxy = library.proxy("clothes", suit)
    mesh = proxy.mesh
    label = components(mesh.faces, len(mesh.vertices))
    heights = body_heights[proxy.refs].mean(1)
    waist = {}
    for k in np.unique(label):
        # a component is a bottom when most of it hangs below the hip joint
        waist[k] = "bottom" if np.median(heights[label == k]) < 0.4 else "top"
    slot_of_face = np.array([waist[label[f[0]]] for f in mesh.faces])
    pieces = []
    bottom_edge = heights[[waist[k] == "bottom" for k in label]]
    split = float(bottom_edge.max() - 0.35) if len(bottom_edge) else -99.0
    for slot in ("top", "bottom"):
        mask = slot_of_face == slot
        if not mask.any():
            continue
        topology = Topology(mesh.faces[mask], mesh.face_uvs[mask], mesh.uvs, len(mesh.vertices))
        above = body_heights[proxy.hidden] > split
        hidden = proxy.hidden[above if slot == "top" else ~above]
        light = _mean_light(library, suit, topology)
        pieces.append(Piece(f"{suit}-{slot}", suit, slot, proxy, topology, hidden, light))
    return pieces
