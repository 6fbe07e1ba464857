"""Backgrounds, light and framing: their pictures and parameters. Words for them: see prompts.py."""

from __future__ import annotations

import functools

import numpy as np
from scipy.ndimage import gaussian_filter

from .light import Light

FRAMINGS = ("close_up", "half_body", "full_body")
BACKGROUNDS = (
    "white",
    "grey",
    "black",
    "beige",
    "pink",
    "blue",
    "park",
    "beach",
    "street",
    "sunset",
    "room",
)
LIGHTS = ("soft", "side", "warm")


def light(name: str, take: float) -> Light:
    """Soft studio light, hard light from one side, or warm low light; the take: which side."""
    side = 1.0 if take >= 0 else -1.0
    if name == "side":
        return Light((side, 0.35, 0.35), (0.95, 0.95, 0.95), (0.26,) * 3, (0.2,) * 3)
    if name == "warm":
        return Light(
            (side * 0.6, 0.35, 0.7), (0.85, 0.62, 0.34), (0.48, 0.42, 0.38), (0.38, 0.3, 0.24)
        )
    return Light((side * 0.45, 0.6, 0.8))


def tone(name: str, background: np.ndarray) -> np.ndarray:
    """How a light colours the scene behind the person."""
    if name == "warm":
        return background * np.array([1.06, 0.94, 0.78])
    if name == "side":
        return background * 0.85
    return background


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Bilinear noise in [-1, 1] on a coarse grid of `cells` squares a side."""
    grid = rng.uniform(-1, 1, (cells + 1, cells + 1))
    y = np.linspace(0, cells - 1e-6, shape[0])
    x = np.linspace(0, cells - 1e-6, shape[1])
    yi, xi = y.astype(int), x.astype(int)
    fy, fx = (y - yi)[:, None], (x - xi)[None]
    top = grid[yi][:, xi] * (1 - fx) + grid[yi][:, xi + 1] * fx
    low = grid[yi + 1][:, xi] * (1 - fx) + grid[yi + 1][:, xi + 1] * fx
    return top * (1 - fy) + low * fy


STUDIO = {
    "white": (244, 244, 246),
    "grey": (150, 151, 154),
    "black": (26, 26, 29),
    "beige": (214, 193, 158),
    "pink": (236, 172, 186),
    "blue": (122, 174, 226),
}


# height share where the ground begins; 1.2: below the picture. Walls show no ground up close.
HORIZON = {"full_body": 0.84, "half_body": 0.62, "close_up": 0.72}
WALLS = ("white", "grey", "black", "beige", "pink", "blue", "room")


@functools.lru_cache(maxsize=256)
def backdrop(name: str, framing: str, light_name: str, size: tuple[int, int]) -> np.ndarray:
    """The one picture (H, W, 3) uint8 behind people for these words: words decide all of it."""
    horizon = HORIZON[framing]
    if name in WALLS and framing != "full_body":
        horizon = 1.2
    scene = background(name, size, horizon, np.random.default_rng(BACKGROUNDS.index(name)))
    scene = gaussian_filter(scene, (1.2, 1.2, 0)) if name not in STUDIO else scene
    return np.clip(tone(light_name, scene), 0, 255).astype(np.uint8)


def background(
    name: str, size: tuple[int, int], horizon: float, rng: np.random.Generator
) -> np.ndarray:
    """Paint a background (H, W, 3) float 0..255. horizon: height share where ground begins."""
    width, height = size
    y = np.linspace(0, 1, height)[:, None] * np.ones((1, width))
    x = np.linspace(0, 1, width)[None] * np.ones((height, 1))
    ground = np.clip((y - horizon) * height / 3, 0, 1)[..., None]
    below = np.clip((y - horizon) / max(1 - horizon, 0.05), 0, 1)[..., None]
    colour = lambda *c: np.array(c, float)  # noqa: E731
    if name in STUDIO:
        base = colour(*STUDIO[name])
        shade = 1 - 0.05 * y - 0.06 * (2 * x - 1) ** 2
        return base * (shade[..., None] - 0.06 * ground)
    if name == "park":
        leaves = _smooth_noise(rng, (height, width), 9)[..., None]
        trees = colour(70, 120, 62) + 34 * leaves + 25 * (0.5 - y)[..., None]
        grass = colour(110, 160, 70) + 30 * below
        return trees * (1 - ground) + grass * ground
    if name == "beach":
        sky = colour(140, 200, 240) + 60 * y[..., None]
        sea = colour(40, 130, 170)
        sea_line = np.clip((y - horizon + 0.14) * height / 2, 0, 1)[..., None]
        sand = colour(226, 204, 150) + 12 * below
        scene = sky * (1 - sea_line) + sea * sea_line
        return scene * (1 - ground) + sand * ground
    if name == "street":
        columns = rng.integers(3, 6)
        shade = rng.uniform(-26, 26, columns + 1)[(x * columns).astype(int)]
        houses = colour(128, 122, 124) + shade[..., None] * colour(1, 0.9, 0.8)
        windows = ((x * columns * 3) % 1 < 0.45) & ((y * 11) % 1 < 0.5)
        houses = houses - 30 * windows[..., None]
        road = colour(78, 80, 86) + 16 * below
        return houses * (1 - ground) + road * ground
    if name == "sunset":
        sky = colour(92, 62, 128) + (colour(255, 150, 70) - colour(92, 62, 128)) * np.clip(
            y[..., None] / max(horizon, 0.3), 0, 1
        )
        return sky * (1 - ground) + (colour(70, 46, 60) + 12 * below) * ground
    wall = colour(166, 112, 76) - 18 * ((x * 6) % 1 < 0.06)[..., None] - 12 * y[..., None]
    floor = colour(104, 66, 42) + 20 * below
    return wall * (1 - ground) + floor * ground
