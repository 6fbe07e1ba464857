"""What a light is. Apart from the renderer, so that backgrounds need no graphics library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Light:
    """A key light in camera space plus a sky/ground ambient; colours are linear multipliers."""

    direction: tuple[float, float, float] = (0.45, 0.6, 0.8)
    key: tuple[float, float, float] = (0.6, 0.6, 0.6)
    sky: tuple[float, float, float] = (0.55, 0.55, 0.55)
    ground: tuple[float, float, float] = (0.38, 0.38, 0.38)
