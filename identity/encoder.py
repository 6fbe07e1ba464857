"""insightface behind our `FaceEncoder` port: find faces, turn one face into a vector.

The only importer of insightface. It loads the face pack from an absolute folder, so insightface
has no reason to reach for the network, and runs on two CPU threads. It keeps nothing between
calls and may be called from several threads at once. Whether a face may be embedded is decided by
the caller: `detect` builds no biometric template, `embed` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from identity import onnx
from identity.face_pack import ENCODER_ID
from workspace.errors import EngineFailed, Unavailable
from workspace.types import RGB, Embedding, Face

THREADS = 2  # per network; more slows the diffusion replica down and gains nothing here
MIN_SCORE = 0.6  # of a face, 0 to 1; below this YuNet also reports knees and prints on shirts
LOOKS = ((320, 320), (640, 640))  # YuNet sees faces of 10 to 300 px, so close-ups need the small
CLOSER_LOOK = (1280, 1280)  # tried once when nothing was found: a small person in a large photo
CLOSER_LOOK_FROM = 960  # px of the long side; below this a closer look only enlarges
FACE_POINTS = np.array(  # where ArcFace-style networks expect the 5 points, in 112 x 112 px
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
FACE_SIDE = 112  # px


class InsightFaceEncoder:
    """Detector and recogniser of one face pack."""

    def __init__(self, folder: Path, threads: int = THREADS) -> None:
        """Load the pack in `folder`, an absolute path, to run on `threads` CPU threads.

        Raises:
            Unavailable: there is no pack in `folder`, or its files are not those of its manifest.
        """
        if not folder.is_absolute():
            raise ValueError("The face pack's folder must be absolute.")
        if not (folder / "manifest.json").is_file():
            raise Unavailable("The face pack is not built yet; `make run` builds it.")
        detection, recognition = _load(folder, threads)
        self._detection = detection
        self._recognition = recognition

    @property
    def encoder_id(self) -> str:
        """Name of the pack that the vectors belong to."""
        return ENCODER_ID

    def detect(self, image: RGB) -> tuple[Face, ...]:
        """Find faces, largest first; boxes and points in pixels of `image`.

        Raises:
            EngineFailed: the network could not be run.
        """
        long_side = max(image.shape[:2])
        small, scale = _shrink(image, LOOKS[-1][0])
        faces = self._look(small, LOOKS, scale)
        if not faces and long_side >= CLOSER_LOOK_FROM:
            large, scale = _shrink(image, CLOSER_LOOK[0])
            faces = self._look(large, (CLOSER_LOOK,), scale)
        return tuple(sorted(faces, key=lambda face: face.width * face.height, reverse=True))

    def embed(self, image: RGB, face: Face) -> Embedding:
        """Compute the unit-length vector of one detected face of `image`.

        Raises:
            EngineFailed: the network could not be run.
        """
        crop = align(image, face)
        try:
            vector = self._recognition.get_feat(np.ascontiguousarray(crop[:, :, ::-1])).flatten()
        except Exception as error:  # onnxruntime's errors have no common base class
            raise EngineFailed("The face network failed.") from error
        return Embedding(np.asarray(vector / np.linalg.norm(vector), np.float32), ENCODER_ID)

    def _look(self, image: RGB, sizes: Sequence[tuple[int, int]], scale: float) -> list[Face]:
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        try:
            boxes, points = self._detection.detect(bgr, input_size=list(sizes))
        except Exception as error:  # onnxruntime's errors have no common base class
            raise EngineFailed("The face detector failed.") from error
        return [_face(box, marks, scale) for box, marks in zip(boxes, points, strict=True)]


def align(image: RGB, face: Face) -> RGB:
    """Turn and scale a face to the 112 x 112 px that the recogniser expects.

    A face much larger than that is first shrunk by area, so that no detail aliases.
    """
    points = np.array(face.landmarks)
    matrix = _similarity(points, FACE_POINTS)
    shrink = float(np.hypot(matrix[0, 0], matrix[0, 1])) * 2
    if shrink < 1:
        left, top = np.maximum(0, np.floor(points.min(0) - face.width)).astype(int)
        right, bottom = np.ceil(points.max(0) + face.width).astype(int)
        part = image[top:bottom, left:right]
        height, width = (max(1, round(side * shrink)) for side in part.shape[:2])
        image = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
        points = (points - (left, top)) * (width / part.shape[1], height / part.shape[0])
        matrix = _similarity(points, FACE_POINTS)
    turned: RGB = cv2.warpAffine(image, matrix, (FACE_SIDE, FACE_SIDE))
    return turned


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least-squares rotation, scale and shift from `source` to `target`, 2 x 3.

    Written here because insightface's own uses a call that scikit-image 2.2 no longer has.
    """
    x, y = (source - source.mean(0)).T
    u, v = (target - target.mean(0)).T
    size = float((x * x + y * y).sum()) or 1.0
    a, b = float((x * u + y * v).sum()) / size, float((x * v - y * u).sum()) / size
    turn = np.array([[a, -b], [b, a]])
    return np.column_stack([turn, target.mean(0) - turn @ source.mean(0)])


def _shrink(image: RGB, long_side: int) -> tuple[RGB, float]:
    """Shrink by area to `long_side` px at most; gives the picture and the factor back."""
    height, width = image.shape[:2]
    scale = max(height, width) / long_side
    if scale <= 1:
        return image, 1.0
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    small: RGB = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small, scale


def _face(box: NDArray[np.float32], points: NDArray[np.float32], scale: float) -> Face:
    left, top, right, bottom = (float(side) * scale for side in box[:4])
    marks = tuple((float(x) * scale, float(y) * scale) for x, y in points)
    return Face((left, top, right, bottom), marks, float(box[4]))


def _load(folder: Path, threads: int) -> tuple[Any, Any]:
    """Open both networks; insightface checks their sha256 against the manifest first."""
    options = onnx.options(threads)  # before insightface, which imports onnxruntime, too
    from insightface.app import FaceAnalysis

    try:
        # NOTE a bare name instead of a folder would make insightface download without a checksum.
        analysis = FaceAnalysis(
            str(folder), providers=["CPUExecutionProvider"], sess_options=options
        )
        analysis.prepare(ctx_id=-1, det_thresh=MIN_SCORE, det_size=list(LOOKS))
    except Exception as error:  # a damaged pack: wrong digest, unreadable graph or manifest
        raise Unavailable("The face pack is damaged; delete it and build it again.") from error
    return analysis.models["detection"], analysis.models["recognition"]
