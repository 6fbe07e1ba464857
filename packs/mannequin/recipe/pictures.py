"""Small operations on pictures that need neither graphics nor a network."""

from __future__ import annotations

import numpy as np


def over(picture: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Premultiplied RGBA (H, W, 4) over RGB (H, W, 3) or a colour, both uint8."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    out = picture[..., :3] + (1 - alpha) * np.asarray(background, np.float32)
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)


def contact_shadow(ground: np.ndarray, centre: tuple[float, float], radius: tuple[float, float]):
    """Darkens an ellipse under the feet; centre and radius are shares of width and height."""
    height, width = ground.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    d = ((x / width - centre[0]) / radius[0]) ** 2 + ((y / height - centre[1]) / radius[1]) ** 2
    return ground * (1 - 0.35 * np.exp(-d * 1.6))[..., None]
