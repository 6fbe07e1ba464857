"""Puts people, clothes, cameras and light together: reference pictures, products and targets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from .assets import Library
from .body import SKIN_VERTICES, BodyModel, Figure
from .garments import Product, Wardrobe, dress
from .geometry import Topology
from .layout import CLOSE_UP_FACE_WIDTH
from .people import Person
from .poses import sample_pose_calm
from .renderer import Camera, Light, Material, Part, Renderer

FACE_WIDTH_IN_EYE_DISTANCES = 2.18  # YuNet's box on the sample people, in eye distances
FACE_DISTANCE = 25.0  # dm from the camera in close-ups and half bodies
FACE_DROP_IN_EYE_DISTANCES = 0.35  # how far the box's centre lies below the eyes


class Studio:
    """One per process: body model, wardrobe and renderer."""

    def __init__(self, assets: Path, samples: int = 4) -> None:
        self.library = Library(assets)
        self.model = BodyModel()
        heights = self.model.to_makehuman(self.model.anny.template_vertices.numpy())[:, 1]
        self.wardrobe = Wardrobe(self.library, heights)
        self.renderer = Renderer(samples)
        self._topologies: dict[str, Topology] = {}
        self._means: dict[Path, float] = {}
        self._product_cache: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        neutral = {"gender": 0.5, "african": 0.33, "asian": 0.33, "caucasian": 0.34, "age": 0.55}
        self.hanger = self.model.figure(neutral, {}, {})

    def figure(self, person: Person, blink: float = 0.0, smile: float = 0.0) -> Figure:
        expression = {
            "eyeBlinkLeft": blink,
            "eyeBlinkRight": blink,
            "mouthSmileLeft": smile,
            "mouthSmileRight": smile,
        }
        return self.model.figure(person.phenotype, person.sliders, expression)

    def _texture_mean(self, path: Path) -> float:
        """Mean brightness of a texture's opaque part: what recolouring divides by."""
        if path not in self._means:
            rgba = np.asarray(Image.open(path).convert("RGBA"), np.float32) / 255
            opaque = rgba[..., 3] > 0.5
            self._means[path] = float(max(rgba[opaque][:, :3].mean(), 0.02))
        return self._means[path]

    def _proxy_part(self, figure: Figure, kind: str, name: str, material: Material) -> Part:
        proxy = self.library.proxy(kind, name)
        if proxy.name not in self._topologies:
            m = proxy.mesh
            self._topologies[proxy.name] = Topology(m.faces, m.face_uvs, m.uvs, len(m.vertices))
        topology = self._topologies[proxy.name]
        rest, posed = figure.fit(proxy)
        return Part(topology.vertices(posed, rest), topology.index, material)

    def head_parts(self, figure: Figure, person: Person) -> list[Part]:
        """Eyes, brows, lashes and hair."""
        eyes = Material(self.library.texture("eyes", person.eyes), shine=0.35, cutoff=0.2)
        parts = [self._proxy_part(figure, "eyes", "low-poly", eyes)]
        for kind, name, darken in (
            ("eyebrows", person.brows, 0.7),
            ("eyelashes", person.lashes, 0.3),
            ("hair", person.hair, 1.0),
        ):
            path = self.library.texture(kind, name)
            tint = tuple(darken * c for c in person.hair_colour)
            material = Material(
                path,
                mode=1,
                tint=tint,
                mean_light=self._texture_mean(path),
                shine=0.06,
                cutoff=0.35 if kind == "hair" else 0.25,
            )
            parts.append(self._proxy_part(figure, kind, name, material))
        return parts

    def garment_parts(self, figure: Figure, product: Product, posed: bool = True) -> list[Part]:
        fits = []
        for name in product.pieces:
            piece = self.wardrobe.pieces[name]
            rest, moved = figure.fit(piece.proxy)
            fits.append((piece, rest, moved if posed else rest))
        points = np.concatenate([rest[p.topology.faces].reshape(-1, 3) for p, rest, _ in fits])
        return [
            Part(
                piece.topology.vertices(shown, rest),
                piece.topology.index,
                self.wardrobe.material(piece, product.fabric, points.min(0), points.max(0)),
            )
            for piece, rest, shown in fits
        ]

    def person_parts(self, figure: Figure, person: Person, worn: dict[str, Product]) -> list[Part]:
        """Body (where no cloth hides it), clothes, shoes, head. Bottoms draw before tops."""
        m = self.model
        hidden = np.zeros(len(figure.rest), bool)
        clothes: list[Part] = []
        for slot in ("bottom", "top"):
            product = worn[slot]
            name = next(n for n in product.pieces if n.endswith(slot))
            hidden[self.wardrobe.pieces[name].hidden] = True
            index = product.pieces.index(name)
            clothes.append(self.garment_parts(figure, product)[index])
        shoes = self.library.proxy("clothes", person.shoes)
        hidden[shoes.hidden] = True
        shoe_material = Material(self.library.texture("clothes", person.shoes), shine=0.08)
        clothes.append(self._proxy_part(figure, "clothes", person.shoes, shoe_material))
        if "body" not in self._topologies:
            self._topologies["body"] = Topology(m.faces, m.face_uvs, m.uvs, len(figure.rest))
        topology = self._topologies["body"]
        shown = topology.index[~hidden[m.faces].all(1)]
        skin = Material(self.library.texture("skins", person.skin), tint=person.skin_tint)
        body = Part(topology.vertices(figure.posed, figure.rest), shown, skin)
        return [body, *clothes, *self.head_parts(figure, person)]

    def landmarks(self, figure: Figure) -> dict[str, np.ndarray | float]:
        """Heights and points that cameras aim at, in decimetres."""
        skin = figure.posed[:SKIN_VERTICES]
        eyes = figure.fit(self.library.proxy("eyes", "low-poly"))[1]
        left, right = eyes[eyes[:, 0] > eyes[:, 0].mean()], eyes[eyes[:, 0] <= eyes[:, 0].mean()]
        return {
            "top": float(skin[:, 1].max()),
            "bottom": float(skin[:, 1].min()),
            "eyes": (left.mean(0) + right.mean(0)) / 2,
            "eye_distance": float(np.linalg.norm(left.mean(0) - right.mean(0))),
        }

    # cameras ---------------------------------------------------------------------------------
    @staticmethod
    def camera(centre: np.ndarray, height: float, yaw: float = 0.0, lift: float = 0.0, fov=24.0):
        """A camera that sees `height` dm at the centre's depth, turned by `yaw` radians."""
        distance = height / 2 / np.tan(np.radians(fov) / 2)
        eye = centre + np.array([np.sin(yaw) * distance, lift, np.cos(yaw) * distance])
        return Camera(tuple(map(float, eye)), tuple(map(float, centre)), fov)

    def face_camera(
        self,
        marks: dict,
        share: float,
        down: float = 0.5,
        aspect: float = 1.0,
        yaw: float = 0.0,
    ) -> Camera:
        """Sees the face box as `share` of the width, its centre at `down` of the height.

        Always from the same distance, so that a face has one perspective at every scale.
        """
        face = FACE_WIDTH_IN_EYE_DISTANCES * marks["eye_distance"]
        height = face / share / aspect
        fov = float(np.degrees(2 * np.arctan(height / 2 / FACE_DISTANCE)))
        centre = np.array(marks["eyes"], float)
        centre[1] -= FACE_DROP_IN_EYE_DISTANCES * marks["eye_distance"]
        centre[1] += (down - 0.5) * height
        return self.camera(centre, height, yaw, fov=fov)

    def close_up_camera(self, marks: dict, yaw: float = 0.0, zoom: float = 1.0, aspect=1.0):
        """Frames the face as the server crops an upload (see CLOSE_UP_FACE_WIDTH)."""
        return self.face_camera(marks, CLOSE_UP_FACE_WIDTH * zoom, 0.5, aspect, yaw)

    def full_body_camera(self, marks: dict, fill: float = 0.88, yaw: float = 0.0):
        height = (marks["top"] - marks["bottom"] + 0.6) / fill
        return self.camera(np.array([0.0, (marks["top"] + marks["bottom"]) / 2, 0.0]), height, yaw)

    def product_picture(
        self, product: Product, size: tuple[int, int], light: Light, fill: float = 0.84
    ) -> np.ndarray:
        """The garment alone, hanging in the rest pose, RGBA."""
        parts = self.garment_parts(self.hanger, product, posed=False)
        points = np.concatenate([p.vertices[:, :3] for p in parts])
        low, high = points.min(0), points.max(0)
        width, height = (high - low)[:2]
        view = max(height, width * size[1] / size[0]) / fill
        camera = self.camera((low + high) / 2, float(view))
        picture = self.renderer.draw(parts, camera, light, size)
        self.renderer.release(parts)
        return picture

    def reference_parts(
        self, figure: Figure, person: Person, base: tuple[Product, Product], rng
    ) -> list[Part]:
        figure.pose(sample_pose_calm(rng))
        return self.person_parts(figure, person, dress(base, None))
