"""Measurements of the report: pure functions of pictures. Colours in CIELAB (D65)."""

from __future__ import annotations

import cv2
import numpy as np

from .scenes import BACKGROUNDS, backdrop

# where a torso shows its garment: left, top, right, bottom as shares of a half body
TORSO = (0.38, 0.45, 0.62, 0.80)
# and where a product picture shows the same cloth: shares of the garment's box
CLOTH = (0.34, 0.30, 0.66, 0.85)
# face width as a share of the picture's width that counts as this framing
FRAMING = {"close_up": (0.235, 0.6), "half_body": (0.115, 0.235), "full_body": (0.03, 0.115)}
CELLS = 3  # a garment is described by CELLS x CELLS mean colours


def to_lab(picture: np.ndarray) -> np.ndarray:
    """sRGB uint8 (H, W, 3) to CIELAB (H, W, 3)."""
    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def ciede2000(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Colour difference of CIELAB values (..., 3), by Sharma, Wu and Dalal (2005)."""
    l1, a1, b1 = np.moveaxis(np.asarray(one, np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(two, np.float64), -1, 0)
    mean_c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    grey = c1 * c2 == 0
    dh = np.where(grey, 0, (h2 - h1 + 180) % 360 - 180)
    mean_h = np.where(grey, h1 + h2, (h1 + dh / 2) % 360)
    dl, dc = l2 - l1, c2 - c1
    big_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(dh) / 2)
    ml, mc = (l1 + l2) / 2, (c1 + c2) / 2
    cos = lambda k, shift: np.cos(np.radians(k * mean_h + shift))  # noqa: E731
    t = 1 - 0.17 * cos(1, -30) + 0.24 * cos(2, 0) + 0.32 * cos(3, 6) - 0.20 * cos(4, -63)
    sl = 1 + 0.015 * (ml - 50) ** 2 / np.sqrt(20 + (ml - 50) ** 2)
    sc, sh = 1 + 0.045 * mc, 1 + 0.015 * mc * t
    turn = 60 * np.exp(-(((mean_h - 275) / 25) ** 2))
    rt = -2 * np.sqrt(mc**7 / (mc**7 + 25.0**7)) * np.sin(np.radians(turn))
    x, y, z = dl / sl, dc / sc, big_h / sh
    return np.sqrt(np.maximum(x**2 + y**2 + z**2 + rt * y * z, 0))


def cut(picture: np.ndarray, shares: tuple[float, float, float, float]) -> np.ndarray:
    height, width = picture.shape[:2]
    left, top, right, bottom = shares
    return picture[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ]


def colour(picture: np.ndarray) -> np.ndarray:
    """Median CIELAB colour (3,)."""
    return np.median(to_lab(picture).reshape(-1, 3), axis=0)


def describe(picture: np.ndarray) -> np.ndarray:
    """Median colour and mean colours of CELLS x CELLS parts, (1 + CELLS**2, 3): tells garments."""
    small = cv2.resize(picture, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return np.concatenate([colour(picture)[None], to_lab(small).reshape(-1, 3)])


def distance(one: np.ndarray, two: np.ndarray) -> float:
    """Between two descriptions: the median colours count as much as all parts together."""
    apart = ciede2000(one, two)
    return float(apart[0] + apart[1:].mean())


def framing_of(face_width: float | None, width: int) -> str | None:
    """Which framing a face of so many pixels stands for in a picture of this width."""
    if face_width is None:
        return None
    share = face_width / width
    return next((name for name, (low, high) in FRAMING.items() if low <= share < high), None)


def background_of(picture: np.ndarray, framing: str, light: str = "soft") -> str:
    """The scene whose upper left and right edges look most like the picture's."""
    height, width = picture.shape[:2]

    def edges(image: np.ndarray) -> np.ndarray:
        part = image[: round(0.45 * height)]
        strip = round(0.14 * width)
        joined = np.concatenate([part[:, :strip], part[:, -strip:]], axis=1)
        small = cv2.resize(joined, (8, 8), interpolation=cv2.INTER_AREA)
        spread = to_lab(joined).std(axis=(0, 1))
        return np.concatenate([to_lab(small).reshape(-1), 8 * spread])

    seen = edges(picture)
    apart = {
        name: float(np.abs(edges(backdrop(name, framing, light, (width, height))) - seen).mean())
        for name in BACKGROUNDS
    }
    return min(apart, key=apart.__getitem__)
