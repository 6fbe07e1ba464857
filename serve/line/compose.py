"""A figure in another place: cut from its photo, laid before a drawn scene. Pure.

    scene   -> nobody in it, as large as the photo, as grainy as the photo
    figure  -> its edges lose the old ground's colour, its light leans towards the scene's
    picture =  figure over scene, with a soft shadow where it stands

The figure keeps its size and its place, pixel by pixel; only its light is moved, by a bounded step,
so that a garment keeps its colour. What this can't do: turn the sun around a figure that was lit
from the other side, or reflect the new place in glass and metal.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.line import cutout, outline
from serve.line.cutout import Figure
from workspace.types import RGB, Face

_LEAN = 0.22  # how far the figure's light goes towards the scene's, 0 to 1
_MOST = 0.12  # largest change of a colour channel, share
_SHADOW = 0.38  # darkness of the shadow under the feet, 0 to 1
_BLUR = 0.45  # of one scene pixel: hides the steps of an enlarged scene
_GROWN = 0.03  # of the scene's long side, around a person that is painted out

Floats = NDArray[np.float32]


def compose(photo: RGB, figure: Figure, scene: RGB, seed: int) -> RGB:
    """Lay the figure of a photo before a scene.

    Args:
        scene: A drawn picture with nobody in it, of any size.
        seed: Of the grain; the same inputs give the same picture.

    Returns:
        A picture as large as the photo.
    """
    alpha = (figure.alpha.astype(np.float32) / 255)[..., None]
    ground = _grain(_covering(scene, photo.shape), photo, figure.alpha, seed)
    if not figure.cropped:
        ground = ground * (1 - _shadow(figure.alpha))[..., None]
    front = _lit(_without_spill(photo, figure.alpha), figure.alpha, ground)
    mixed = front * alpha + ground * (1 - alpha)
    return np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)


def without_people(scene: RGB, faces: tuple[Face, ...]) -> RGB:
    """Paint out whom the pack drew into a scene: rows go on from what is left and right of them.

    Args:
        faces: Found in the scene, in its own pixels; none leaves it as it is.
    """
    for face in faces:
        figure = cutout.foreground(scene, face)
        if figure is None:
            continue
        reach = max(2, round(_GROWN * max(scene.shape[:2])))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        covered = cv2.dilate(figure.alpha, kernel) > 0
        box = np.zeros_like(covered)
        wide = 3.0 * face.width
        middle = (face.box[0] + face.box[2]) / 2
        columns = slice(max(0, int(middle - wide)), max(0, int(middle + wide)))
        box[max(0, int(face.box[1] - 0.9 * face.height)) :, columns] = True
        differs = cv2.dilate(outline.differing(scene).astype(np.uint8), kernel) > 0
        scene = _filled(scene, (covered | differs) & box)
    return scene


def _filled(scene: RGB, covered: NDArray[np.bool_]) -> RGB:
    """Each row goes on from both sides as in a mirror, and both meet in the middle."""
    filled = scene.astype(np.float32)
    width = covered.shape[1]
    for y in np.flatnonzero(covered.any(axis=1)):
        hidden = np.flatnonzero(covered[y])
        left, right = int(hidden[0]), int(hidden[-1]) + 1
        if left == 0 and right == width:
            continue
        columns = np.arange(left, right)
        from_left = left - 1 - _there_and_back(columns - left, left) if left else None
        from_right = right + _there_and_back(right - 1 - columns, width - right)
        if from_left is None or right == width:
            source = from_right if from_left is None else from_left
            filled[y, left:right] = scene[y, source]
            continue
        turn = np.clip((columns - (left + right - 1) / 2) / (0.16 * (right - left)) + 0.5, 0, 1)
        mixed = scene[y, from_left] * (1 - turn)[:, None] + scene[y, from_right] * turn[:, None]
        filled[y, left:right] = mixed
    return np.asarray(np.clip(filled + 0.5, 0, 255), np.uint8)


def _there_and_back(steps: NDArray[np.int_], size: int) -> NDArray[np.int_]:
    """0, 1, ... size - 1, size - 1, ... 1, 0, 0, 1, ...: a walk that stays inside."""
    if size < 1:
        return np.zeros_like(steps)
    around = steps % (2 * size)
    return np.where(around < size, around, 2 * size - 1 - around)


def _covering(scene: RGB, shape: tuple[int, ...]) -> Floats:
    """The scene as large as the photo: its middle, and the ground at its lower edge."""
    height, width = shape[:2]
    rows, columns = scene.shape[:2]
    scale = min(columns / width, rows / height)
    wide, high = width * scale, height * scale
    left, top = (columns - wide) / 2, rows - high  # where somebody stands is below
    source = Image.fromarray(scene)
    box = (left, top, left + wide, top + high)
    large = source.resize((width, height), Image.Resampling.BICUBIC, box=box)
    found = np.asarray(large, np.float32)
    return cv2.GaussianBlur(found, (0, 0), _BLUR / scale) if scale < 1 else found


def _grain(ground: Floats, photo: RGB, alpha: cutout.Mask, seed: int) -> Floats:
    """Give the scene the grain of the photo's own ground, so that nothing looks pasted."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    rest = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))
    around = rest[alpha < 8]
    strength = float(np.median(around)) * 1.48 if around.size else 0.0
    noise = np.random.default_rng(seed).standard_normal(grey.shape, np.float32)
    return np.asarray(ground + (noise * min(strength, 6.0))[..., None], np.float32)


def _without_spill(photo: RGB, alpha: cutout.Mask) -> Floats:
    """At the edges, where the old ground shines through, take the nearest colour inside."""
    inside = (alpha >= 250).astype(np.float32)
    if not inside.any():
        return photo.astype(np.float32)
    reach = max(2.0, 0.004 * max(photo.shape[:2]))
    weight = cv2.GaussianBlur(inside, (0, 0), reach)[..., None]
    colour = cv2.GaussianBlur(photo * inside[..., None], (0, 0), reach) / np.maximum(weight, 1e-3)
    inner = inside[..., None]
    known = np.clip(weight * 8, 0, 1)
    return np.asarray(
        photo * inner + (1 - inner) * (colour * known + photo * (1 - known)), np.float32
    )


def _lit(front: Floats, alpha: cutout.Mask, ground: Floats) -> Floats:
    """Lean the figure's light towards the scene's: one gain for each channel, bounded."""
    figure = alpha > 127
    around = alpha < 8
    if not figure.any() or not around.any():
        return front
    scene = np.maximum(ground[around].mean(axis=0), 1)
    grey = scene.mean()
    cast = scene / grey  # the colour of its light
    bright = (grey / 128) ** 0.5  # dark places darken, bright ones brighten, less than fully
    gain = np.clip((cast * bright) ** _LEAN, 1 - _MOST, 1 + _MOST)
    return np.asarray(front * gain.astype(np.float32), np.float32)


def _shadow(alpha: cutout.Mask) -> Floats:
    """A soft shadow on the ground, below what stands lowest."""
    height, width = alpha.shape
    rows = np.flatnonzero((alpha > 127).any(axis=1))
    shade = np.zeros((height, width), np.float32)
    if not rows.size:
        return shade
    figure_high = int(rows[-1] - rows[0] + 1)
    foot = alpha[max(0, rows[-1] - figure_high // 25) : rows[-1] + 1] > 127
    columns = np.flatnonzero(foot.any(axis=0))
    if not columns.size:
        return shade
    middle = (int((columns[0] + columns[-1]) / 2), int(rows[-1] - figure_high // 90))
    axes = (int((columns[-1] - columns[0]) * 0.62) + 2, max(2, figure_high // 45))
    cv2.ellipse(shade, middle, axes, 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(shade, (0, 0), max(1.5, figure_high / 90)) * _SHADOW)


def nearest_ratio(shape: tuple[int, ...], sizes: dict[str, tuple[int, int]]) -> str:
    """Which of a pack's aspect ratios (name -> width, height) is closest to a photo's."""
    wanted = np.log(shape[1] / shape[0])
    return min(sizes, key=lambda name: abs(np.log(sizes[name][0] / sizes[name][1]) - wanted))
