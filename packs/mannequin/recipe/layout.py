"""Sizes and position coordinates of everything that enters the transformer.

Pictures and references share scales that are powers of two apart: a face in the close-up reference
is as large as in a close-up result, twice as large as in a half body, so that whole tokens map to
whole tokens and a likeness is mostly a copy.
"""

from __future__ import annotations

from dataclasses import dataclass

PIXELS_A_TOKEN = 32  # autoencoder factor 16, latents packed 2x2


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


TARGET = Slot("target", (192, 256), 0)
CLOSE_UP = Slot("close_up", (128, 128), 10)
FULL_BODY = Slot("full_body", (64, 128), 20)
PRODUCT = Slot("product", (96, 128), 30)
REFERENCES = (CLOSE_UP, FULL_BODY, PRODUCT)

# the face box of the close-up reference takes this share of its width and sits in its centre
CLOSE_UP_FACE_WIDTH = 0.5
CLOSE_UP_FACE_CENTER = (0.5, 0.5)
# where a result's face is: share of the width, and its centre's share of the height; both on the
# token grid of the reference (64 and 32 px wide, centres on token corners)
FACE_IN_CLOSE_UP = (64 / 192, 96 / 256)
FACE_IN_HALF_BODY = (32 / 192, 64 / 256)
PERSON_IN_FULL_BODY = 0.88  # share of the height, head to toe, in the picture's middle

# blocks of 16 pixels that show the face and hair: rows from, to, columns from, to
FACE_BLOCKS = {
    "close_up": (3, 9, 3, 9),
    "half_body": (2, 6, 4, 8),
    "full_body": (0, 3, 5, 7),
    "reference": (1, 7, 1, 7),
}

TEXT_TOKENS = 16
TEXT_LAYERS = (1, 2, 3)
STEPS = 1
SEED_CHANNELS = 4  # of every token: only noise, read by the transformer to vary the take
TAKES = ("turn", "arms", "head", "light")  # what the seed decides, each a standard normal number
# how much of each take the pack uses: faces that turn less are drawn more alike
CALM = (0.8, 1.0, 0.3, 1.0)
