"""The visible label on a picture: which one, what it says, how large, and where it is drawn.

    labels = load_labels(folder)
    names = labels.chosen("auto", ("EU", "US-NY"), "synthetic")      # ("eu", "us_ny")
    picture, applied = labels.draw(picture, names)                   # applied: "eu+us_ny"

Rules: presets are data (`configs/labels/*.toml`). `auto` takes every preset that a territory and
the kind of person ask for. Letters are as high as the preset's share of the shortest side, and
never lower than can be read; of a preset's texts the first that fits is drawn, in white on a dark
plate at the lower left. Where not even the shortest fits, nothing is drawn and `applied` is
"too_small"; the words are in the file's metadata all the same.
"""

from __future__ import annotations

import io
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from compliance import territories
from workspace.errors import Fault
from workspace.types import RGB

Shows = Literal["real_person", "synthetic", "nobody"]
AUTO, NONE, TOO_SMALL = "auto", "none", "too_small"
PRESETS = ("eu", "us_ny", "cn")  # drawn in this order, the first one on top
MIN_LATIN, MIN_CHINESE = 7, 11  # pixels of a letter's height that can still be read
_WIDEST, _HIGHEST = 0.65, 0.25  # shares of the picture that the plate may take
_MARGIN = 0.02  # of the shortest side, between the plate and the picture's edge
_PLATE, _OPACITY = 17, 0.78
_SOFT_EDGES = 1.08  # a letter's outermost row of pixels is faint, and is not counted
_INK = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Preset:
    """One country's label; see the comments in its file."""

    texts: tuple[str, ...]
    texts_edited: tuple[str, ...]
    territories: tuple[str, ...]
    shows: tuple[str, ...]
    height_percent: float
    provider: str = ""  # China: who made it, for the AIGC field


@dataclass(frozen=True, slots=True)
class Labels:
    """All presets, and the letters."""

    presets: Mapping[str, Preset]
    font: bytes = field(repr=False)

    def chosen(self, label: str, asked: Sequence[str], shows: Shows) -> tuple[str, ...]:
        """Which presets apply.

        Args:
            label: `auto`, `none` or a preset.
            asked: Territories of the request, in their one way of writing.
        """
        if label == NONE:
            return ()
        if label != AUTO:
            return (label,)
        return tuple(
            name
            for name in PRESETS
            if shows in self.presets[name].shows and _meet(self.presets[name].territories, asked)
        )

    def words(self, names: Sequence[str], edited: bool = False) -> str:
        """What the chosen labels say in full; for metadata."""
        return " / ".join(self._texts(name, edited)[0] for name in names)

    def provider(self, names: Sequence[str]) -> str:
        """Who the AIGC field of China's label names; empty without that label."""
        return next(
            (one.provider for one in map(self.presets.get, names) if one and one.provider), ""
        )

    def draw(self, picture: RGB, names: Sequence[str], edited: bool = False) -> tuple[RGB, str]:
        """Draw the chosen labels into a copy; the picture and what was applied."""
        if not names:
            return picture, NONE
        height, width = picture.shape[:2]
        fitting: dict[str, _Line] = {}
        for name in names:  # what still fits under those before it
            line = self._line((height, width), name, edited)
            if line is not None and _plate([*fitting.values(), line]).height <= _HIGHEST * height:
                fitting[name] = line
        if not fitting:
            return picture, TOO_SMALL
        plate = _plate([*fitting.values()])
        gap = min(round(_MARGIN * min(height, width)), width - plate.width)
        top = height - gap - plate.height
        drawn = picture.copy()
        drawn[top : top + plate.height, gap : gap + plate.width] = _laid(
            drawn[top : top + plate.height, gap : gap + plate.width], plate
        )
        return drawn, "+".join(fitting)

    def _texts(self, name: str, edited: bool) -> tuple[str, ...]:
        preset = self.presets[name]
        return preset.texts_edited if edited else preset.texts

    def _line(self, size: tuple[int, ...], name: str, edited: bool) -> _Line | None:
        height, width = size
        wanted = self.presets[name].height_percent / 100 * min(height, width)
        for text in self._texts(name, edited):
            least = MIN_LATIN if text.isascii() else MIN_CHINESE
            line = _fitted(self.font, text, max(wanted, least))
            if line.width <= _WIDEST * width:
                return line
        return None


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    font: ImageFont.FreeTypeFont
    box: tuple[int, int, int, int]

    @property
    def width(self) -> int:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]


def load_labels(folder: Path) -> Labels:
    """Read `configs/labels/`.

    Raises:
        Fault: a file is missing, not complete, or has an unknown key.
    """
    try:
        presets = {name: _preset(folder / f"{name}.toml") for name in (*PRESETS, NONE)}
        font = (folder / "font.ttf").read_bytes()
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise Fault("A file in configs/labels can't be read or lacks a key.") from error
    return Labels(presets, font)


def _preset(path: Path) -> Preset:
    raw: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    if unknown := set(raw) - {one.name for one in fields(Preset)}:
        raise Fault(f"{path.name} has an unknown key: {sorted(unknown)[0][:40]}.")
    lists = {
        name: tuple(map(str, raw.pop(name))) for name in list(raw) if isinstance(raw[name], list)
    }
    given: dict[str, Any] = {**raw, **lists}
    return Preset(**given)


def _meet(presets: Sequence[str], asked: Sequence[str]) -> bool:
    return any(
        territories.covers((one,), each) or territories.covers((each,), one)
        for one in presets
        for each in asked
    )


def _fitted(font: bytes, text: str, height: float) -> _Line:
    """Set a text so that the first line's letters are at least `height` pixels high."""
    first = text.partition("\n")[0]
    em = wanted = height * _SOFT_EDGES
    while True:
        letters = ImageFont.truetype(
            io.BytesIO(font), math.ceil(em), layout_engine=ImageFont.Layout.BASIC
        )
        top, bottom = letters.getbbox(first)[1::2]
        if bottom - top >= wanted:
            pen = ImageDraw.Draw(Image.new("L", (1, 1)))
            box = pen.multiline_textbbox((0, 0), text, font=letters, spacing=_spacing(letters))
            return _Line(text, letters, tuple(int(one) for one in box))  # type: ignore[arg-type]
        em = max(math.ceil(em) + 1, em * wanted / (bottom - top))


def _spacing(letters: ImageFont.FreeTypeFont) -> int:
    return int(letters.size) // 4


def _plate(lines: Sequence[_Line]) -> Image.Image:
    """A mask of the letters on their plate: how white each pixel is."""
    pad = max(2, round(0.45 * min(line.height for line in lines)))
    width = max(line.width for line in lines) + 2 * pad
    height = sum(line.height for line in lines) + pad * (len(lines) + 1)
    plate = Image.new("L", (width, height), 0)
    pen, top = ImageDraw.Draw(plate), pad
    for line in lines:
        place = (pad - line.box[0], top - line.box[1])
        pen.multiline_text(place, line.text, 255, line.font, spacing=_spacing(line.font))
        top += line.height + pad
    return plate


def _laid(under: RGB, plate: Image.Image) -> RGB:
    ink = np.asarray(plate, np.float32)[..., None] / 255
    dark = under * (1 - _OPACITY) + _PLATE * _OPACITY
    return np.rint(dark * (1 - ink) + np.asarray(_INK, np.float32) * ink).astype(np.uint8)
