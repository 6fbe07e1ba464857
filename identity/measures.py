"""Numbers about a face in a picture: angle, sharpness, light, and what touches the lower edge.

Pure functions of pixels and a detected face; no biometric template is built and nothing is judged
here. The limits that turn numbers into answers are in `configs/quality.toml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from workspace.types import RGB, Face

Grey = NDArray[np.float32]

NOSE_DEPTH = 0.55  # how far the tip of the nose stands out, in distances between the eyes
NOSE_HEIGHT = 0.57  # where it is between eyes (0) and mouth (1) in a face that looks straight
EYE_TO_MOUTH = 1.02  # in distances between the eyes
CRETE_WINDOW = 9  # px; the blur that sharpness is compared with
MARGIN = 0.15  # of the face box, kept around it for sharpness
INNER = 0.42  # half axes of the ellipse inside the face box that light is measured in
GAMMA = 2.2  # from luma to linear light, near enough for a ratio
EDGE_HEIGHT = 480  # px; the picture is shrunk to this before its lower edge is looked at
EDGE_SHARE = 0.015  # of the height: the strip at the lower edge
BODY_REACH = 2.2  # face widths left and right of the face within which feet are looked for
MIN_OUTSIDE = 0.1  # share of the width that must be left for the background
MIN_COLOUR_STEP = 12.0  # CIELAB; smaller differences are light and shade of the background


@dataclass(frozen=True, slots=True)
class Turn:
    """Angles of the head in degrees, estimated from five points; 0 looks straight ahead."""

    yaw: float
    pitch: float
    roll: float

    @property
    def largest(self) -> float:
        return max(abs(self.yaw), abs(self.pitch), abs(self.roll))


@dataclass(frozen=True, slots=True)
class Light:
    """How a face is lit; luma from 0 to 255."""

    face_highlight: float  # 90th percentile in the face
    picture_highlight: float  # 98th percentile in the picture
    clipped: float  # share of the face at 250 or more
    half_ratio: float  # brighter over darker half of the face, linear light, 1 or more


def turn(face: Face) -> Turn:
    """Estimate where the head looks from the place of the nose between eyes and mouth."""
    left, right, nose, mouth_left, mouth_right = np.array(face.landmarks)
    across = right - left
    eyes = float(np.hypot(*across)) or 1.0
    across = across / eyes
    down = np.array([-across[1], across[0]])
    centre = (left + right) / 2
    mouth = float((((mouth_left + mouth_right) / 2 - centre) @ down) / eyes) or EYE_TO_MOUTH
    sideways = float((nose - centre) @ across) / eyes
    height = float((nose - centre) @ down) / eyes / mouth
    return Turn(
        yaw=float(np.degrees(np.arctan2(sideways, NOSE_DEPTH))),
        pitch=float(np.degrees(np.arctan2((height - NOSE_HEIGHT) * EYE_TO_MOUTH, NOSE_DEPTH))),
        roll=float(np.degrees(np.arctan2(across[1], across[0]))),
    )


def sharpness(image: RGB, face: Face, face_width: int) -> float:
    """Measure how sharp a face is, 0 to 1, independent of its content and resolution.

    Crete's measure: blur the face again and see how much of its local contrast that takes away.
    A sharp face loses most of it, a blurred one hardly any. Unlike the variance of the Laplacian
    it does not call smooth skin blurred or freckles sharp.

    Args:
        image: The whole picture.
        face: A face in it.
        face_width: Pixels that the face box is scaled to first; more of them see finer blur.
    """
    grey = _luma(_part(image, face, MARGIN))
    scale = face_width * (1 + 2 * MARGIN) / grey.shape[1]
    size = (max(16, round(grey.shape[1] * scale)), max(16, round(grey.shape[0] * scale)))
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    blurs = []
    for axis, window in ((0, (1, CRETE_WINDOW)), (1, (CRETE_WINDOW, 1))):
        steps = np.abs(np.diff(grey, axis=axis))
        blurred = np.abs(np.diff(cv2.blur(grey, window), axis=axis))
        total = float(steps.sum())
        lost = float(np.maximum(0, steps - blurred).sum())
        blurs.append(1 - lost / total if total else 1.0)
    return 1 - max(blurs)


def light(image: RGB, face: Face) -> Light:
    """Measure the light on a face, on its two halves and on the whole picture."""
    small = _luma(_shrunk(image, EDGE_HEIGHT)[0])
    scaled, scale = _shrunk_face(image, face)
    grey = _luma(scaled)
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]]
    inner = ((columns / grey.shape[1] - 0.5) / INNER) ** 2 + (
        (rows / grey.shape[0] - 0.5) / INNER
    ) ** 2 < 1
    points = (np.array(face.landmarks) - (max(0, face.box[0]), max(0, face.box[1]))) * scale
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    side = (mouth[0] - eyes[0]) * (rows - eyes[1]) - (mouth[1] - eyes[1]) * (columns - eyes[0])
    linear = (grey / 255) ** GAMMA
    halves = [linear[inner & (side > 0)], linear[inner & (side < 0)]]
    bright = sorted(float(np.median(half)) if half.size else 0.0 for half in halves)
    values = grey[inner] if inner.any() else grey
    return Light(
        face_highlight=float(np.percentile(values, 90)),
        picture_highlight=float(np.percentile(small, 98)),
        clipped=float((values >= 250).mean()),
        half_ratio=bright[1] / max(bright[0], 1e-3) if bright[1] > 0 else 1.0,
    )


def edge_contact(image: RGB, face: Face) -> float | None:
    """Say how much of a person touches the lower edge, in face widths.

    The strip at the lower edge is compared with what it looks like left and right of the person:
    where it has another colour under the person, legs or clothes are cut off there.

    Returns:
        None when the person fills the width, so that there is no background to compare with.
    """
    small, scale = _shrunk(image, EDGE_HEIGHT)
    strip = small[-max(3, round(small.shape[0] * EDGE_SHARE)) :].astype(np.float32) / 255
    colours = cv2.cvtColor(strip, cv2.COLOR_RGB2LAB).mean(0)
    width = len(colours)
    place = np.arange(width)
    face_width = face.width * scale
    body = np.abs(place - (face.box[0] + face.box[2]) / 2 * scale) <= BODY_REACH * face_width
    if (~body).mean() < MIN_OUTSIDE:
        return None
    distance = np.linalg.norm(colours - _background(colours, ~body), axis=1)
    step = max(MIN_COLOUR_STEP, 2 * float(np.percentile(distance[~body], 90)))
    return float((distance[body] > step).sum()) / face_width


def _background(colours: NDArray[Any], outside: NDArray[np.bool_]) -> NDArray[Any]:
    """Fit a colour that changes evenly from left to right; things lying about weigh little."""
    width = len(colours)
    design = np.stack([np.ones(width), np.arange(width) / width - 0.5], axis=1)
    weights = outside.astype(float)
    fitted = colours
    for _ in range(5):
        solution = np.linalg.lstsq(design * weights[:, None], colours * weights[:, None])[0]
        fitted = design @ solution
        error = np.linalg.norm(colours - fitted, axis=1)
        usual = float(np.median(error[outside])) + 1
        weights = outside * np.minimum(1, 2 * usual / np.maximum(error, 1e-6))
    return fitted


def _part(image: RGB, face: Face, margin: float) -> RGB:
    left, top, right, bottom = face.box
    across, down = margin * face.width, margin * face.height
    top, left = max(0, int(top - down)), max(0, int(left - across))
    part = image[top : max(top + 1, int(bottom + down)), left : max(left + 1, int(right + across))]
    return part if part.size else image[:1, :1]


def _shrunk_face(image: RGB, face: Face) -> tuple[RGB, float]:
    return _shrunk(_part(image, face, 0.0), 192)


def _shrunk(image: RGB, height: int) -> tuple[RGB, float]:
    """Shrink by area to `height` px at most; the picture and what lengths are multiplied by."""
    scale = min(1.0, height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small: RGB = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small, scale


def _luma(image: RGB) -> Grey:
    grey: Grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return grey
