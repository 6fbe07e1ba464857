"""Sizes and position coordinates of everything that enters the transformer."""

from __future__ import annotations

from dataclasses import dataclass

PIXELS_A_TOKEN = 16  # autoencoder factor 8, latents packed 2x2


@dataclass(frozen=True)
class Slot:
    """A picture in the sequence: width and height in pixels, t = its first position coordinate."""

    name: str
    size: tuple[int, int]
    t: int

    @property
    def grid(self) -> tuple[int, int]:
        """Token rows and columns."""
        return self.size[1] // PIXELS_A_TOKEN, self.size[0] // PIXELS_A_TOKEN

    @property
    def tokens(self) -> int:
        return self.grid[0] * self.grid[1]


TARGET = Slot("target", (96, 128), 0)
CLOSE_UP = Slot("close_up", (48, 64), 10)
FULL_BODY = Slot("full_body", (32, 64), 20)
PRODUCT = Slot("product", (48, 64), 30)
REFERENCES = (CLOSE_UP, FULL_BODY, PRODUCT)

TEXT_TOKENS = 16
TEXT_LAYERS = (1, 2, 3)
STEPS = 8
