"""Turns posed meshes into the renderer's vertex arrays."""

from __future__ import annotations

import numpy as np
from scipy import sparse


class Topology:
    """Faces of one mesh, welded to unique (vertex, uv) pairs once and reused for every pose."""

    def __init__(self, faces: np.ndarray, face_uvs: np.ndarray, uvs: np.ndarray, count: int):
        self.faces = faces
        pairs = faces * len(uvs) + face_uvs
        unique, inverse = np.unique(pairs, return_inverse=True)
        self.vertex = unique // len(uvs)
        self.uv = uvs[unique % len(uvs)].astype(np.float32)
        self.index = inverse.reshape(faces.shape)
        rows = faces.T.ravel()
        columns = np.tile(np.arange(len(faces)), 3)
        ones = np.ones(len(rows), np.float32)
        self._sum_faces = sparse.csr_matrix((ones, (rows, columns)), shape=(count, len(faces)))

    def vertices(self, posed: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """(N, 11) float32: position, smooth normal, uv, rest position."""
        a, b, c = (posed[self.faces[:, k]] for k in range(3))
        normals = self._sum_faces @ np.cross(b - a, c - a)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
        v = self.vertex
        return np.hstack([posed[v], normals[v], self.uv, rest[v]]).astype(np.float32)


def components(faces: np.ndarray, count: int) -> np.ndarray:
    """Connected-component label (count,) of every vertex."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    return sparse.csgraph.connected_components(graph, directed=False)[1]
