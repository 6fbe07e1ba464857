"""The invisible watermark: 64 bits spread over the whole picture, found again without the original.

    water = Watermark(key)
    marked = water.embed(picture, codes.watermark_id(key, image_id))   # None: too small for one
    mark   = water.find(some_picture)                                  # None: none of this key

How: one tile of 64 x 64 units is laid over the picture again and again. It is a sum of 141 patterns
that only the key knows, orthogonal, between 4 and 12 waves per tile: one to find the tile by, 140
for the coded bits. The tile is added to the brightness, more where the picture is busy and less
where it is plain, and each pattern just as much as the picture itself does not already give it.
Finding it folds all tiles into one, tries scales, and looks where in the tile the picture begins.

A unit is a pixel up to 767 pixels on the short side, then 2, 4, 8: large pictures survive more.
Rules: what is found is only reported when its 24-bit tag fits the key. Pure; no I/O and no chance:
the same picture and id give the same pixels. A picture that was mirrored or turned by 90 degrees is
looked at only where the caller asks for it. Not covered: other rotation, stretching in one
direction, crops below about two tiles.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from compliance.marks import codes
from workspace.errors import MarkingFailed
from workspace.types import RGB

TILE = 64  # units
MIN_SIDE, MIN_PIXELS = 128, 32_000  # a smaller picture carries no watermark
# Of the change: the gentlest that is heard. Below 38 only where noise hides it and nothing else is.
PSNR_DB = (50.0, 48.0, 46.0, 44.0, 42.0, 40.0, 39.0, 38.2, 36.0, 34.0, 32.0, 30.0)
_GENTLEST_OF_SMALL = 46.0  # decibels where a unit is a pixel: JPEG would take a gentler one away
_LOWEST, _HIGHEST = 4.0, 12.0  # waves per tile of the patterns
_PLAIN = 3.0  # brightness levels that a plain area counts as being busy
_SYNC_SHARE = 7.0  # how much stronger the pattern to find the tile by is than one of a bit
_LAST_BY_LEVEL = 40.0  # decibels; from below here on, whatever can be read back is taken
_HEARD = 3.5  # level of a bit, in standard deviations of what the picture itself says
_MIN_STRENGTH = 4.3  # of the sync pattern; below it, a place of the search is not worth decoding
_SMALLEST, _LARGEST = 150, 768  # units on the short side of what is looked for
_SEARCHED = 384  # units: side of the middle part that scales are tried on
_SCALE_STEP, _SCALES_AT_ONCE = 0.008, 12
_LONGEST = 4  # sides of a picture that is searched: at most 4 : 1
_MOST_TRIES = 8

Floats = NDArray[np.float32]
Waves = NDArray[np.complexfloating[Any]]
Way = tuple[int, bool]  # quarter turns, after mirroring
_EVERY_WAY: tuple[Way, ...] = tuple((turns, side) for side in (False, True) for turns in range(4))


@dataclass(frozen=True, slots=True)
class Found:
    """A watermark of this key. `strength`: of the sync pattern, in standard deviations."""

    mark: str
    strength: float
    scale: float  # units per pixel of the picture that was looked at


class Watermark:
    """Embeds and finds the marks of one key; safe to use from several threads."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._patterns = _patterns(hashlib.sha256(b"watermark patterns v1\0" + key).digest())
        self._sync = np.conj(np.fft.rfft2(_tile_of(self._patterns[0])))

    def embed(self, picture: RGB, mark: str) -> RGB | None:
        """Add a mark and read it back; None when the picture is too small to carry one.

        Raises:
            MarkingFailed: it can't be read back from this picture.
        """
        height, width = picture.shape[:2]
        if min(height, width) < MIN_SIDE or height * width < MIN_PIXELS:
            return None
        unit = _unit(min(height, width))
        small = _resized(_brightness(picture), round(width / unit), round(height / unit))
        weighed, busyness = _weighed(small)
        mask = cv2.sqrt(cv2.sqrt(busyness))  # plain areas give more than their share
        tiles, room = small.size / TILE**2, float(np.mean(mask * mask)) / TILE**2
        answer = float(np.mean(mask / (busyness * busyness)))  # of `weighed` to one unit of tile
        host = self._heard(np.fft.rfft2(_folded(weighed))) / (tiles * answer)
        wanted = np.concatenate(([_SYNC_SHARE], codes.encode(mark))).astype(np.float32)
        for decibels in PSNR_DB:
            if unit == 1 and decibels > _GENTLEST_OF_SMALL:
                continue
            gains, level = _gains(wanted, host, 255.0**2 / 10 ** (decibels / 10) / room)
            if level > _HEARD * float(host.std()) or decibels < _LAST_BY_LEVEL:
                tile = _tile_of(np.einsum("i,ij->j", gains, self._patterns))
                rows, columns = (-(-side // TILE) for side in small.shape)
                change = np.tile(tile, (rows, columns))[: small.shape[0], : small.shape[1]] * mask
                marked = _added(picture, change)
                if self._says(marked, mark, unit):
                    return marked
        raise MarkingFailed("The watermark can't be read back from this picture.")

    def _says(self, picture: RGB, mark: str, unit: int) -> bool:
        found = self._decoded(*self._tile(_brightness(picture), 1 / unit), 1 / unit)
        return found is not None and found.mark == mark

    def find(self, picture: RGB, any_way_up: bool = False) -> Found | None:
        """Look for a mark of this key at any scale.

        Args:
            any_way_up: Also look whether the picture was mirrored or turned by 90 degrees.
        """
        ways = _EVERY_WAY if any_way_up else _EVERY_WAY[:1]
        light = _not_too_long(_brightness(picture))
        if min(light.shape) < TILE:
            return None
        for scale in _likely(min(light.shape)):
            folded = _fold(light, scale)
            for way in ways:
                found = self._decoded(*self._aligned(_laid(folded, way)), scale)
                if found is not None:
                    return found
        strengths = list(self._search(light, ways))
        for way in ways:
            places = sorted((one for one in strengths if one[2] == way), reverse=True)
            for strength, scale, _ in places[:_MOST_TRIES]:
                found = self._finer(light, scale, way) if strength > _MIN_STRENGTH else None
                if found is not None:
                    return found
        return None

    def _heard(self, spectrum: Waves) -> Floats:
        """How much of each pattern is in a tile."""
        waves = spectrum[_DOWN, _RIGHT]
        values = np.stack((waves.real, -waves.imag)).ravel() * _NORM
        return np.asarray(np.einsum("ij,j->i", self._patterns, values), np.float32)

    def _finer(self, light: Floats, scale: float, way: Way) -> Found | None:
        around = [scale * (1 + step / 1000) for step in (-4, -3, -2, -1, 0, 1, 2, 3, 4)]
        tiles = [(*self._aligned(_laid(_fold(light, one), way)), one) for one in around]
        return self._decoded(*max(tiles, key=lambda one: one[0]))

    def _decoded(self, strength: float, spectrum: Waves, scale: float) -> Found | None:
        mark = codes.decode(self._heard(spectrum)[1:])
        return Found(mark, strength, scale) if codes.is_ours(self._key, mark) else None

    def _tile(self, light: Floats, scale: float) -> tuple[float, Waves]:
        """Fold the picture at a scale and turn the tile to where the sync pattern fits best."""
        return self._aligned(_fold(light, scale))

    def _aligned(self, folded: Floats) -> tuple[float, Waves]:
        spectrum = np.fft.rfft2(folded)
        fit = np.fft.irfft2(spectrum * self._sync, (TILE, TILE))
        row, column = (int(one) for one in np.unravel_index(int(np.argmax(fit)), fit.shape))
        strength = float(fit[row, column] / (fit.std() + 1e-9))
        down, right = row + _between(fit[:, column], row), column + _between(fit[row], column)
        cycles = down * np.fft.fftfreq(TILE)[:, None] + right * np.fft.rfftfreq(TILE)
        return strength, spectrum * np.exp(2j * np.pi * cycles)

    def _search(self, light: Floats, ways: tuple[Way, ...]) -> Iterator[tuple[float, float, Way]]:
        """Try every scale on the middle of the picture: strengths of the sync, scales and ways."""
        short = min(light.shape)
        steps = int(math.log(_LARGEST / _SMALLEST) / _SCALE_STEP)
        scales = [_SMALLEST / short * math.exp(step * _SCALE_STEP) for step in range(steps + 1)]
        for first in range(0, len(scales), _SCALES_AT_ONCE):
            few = scales[first : first + _SCALES_AT_ONCE]
            near = few[len(few) // 2]
            part = _middle(light, _SEARCHED / near)
            height, width = (max(TILE, round(side * near)) for side in part.shape)
            weighed, _ = _weighed(_resized(part, width, height))
            for scale in few:
                size = round(width * scale / near), round(height * scale / near)
                shaped = np.asarray(cv2.resize(weighed, size, interpolation=cv2.INTER_LINEAR))
                folded = _folded(shaped)
                for way in ways:
                    yield self._aligned(_laid(folded, way))[0], scale, way


def _waves() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The waves that patterns are made of: how many go down and right; one of each +/- pair."""
    half = range(-TILE // 2, TILE // 2)
    kept = [
        (down, right)
        for down in half
        for right in range(TILE // 2)
        if _LOWEST <= math.hypot(down, right) <= _HIGHEST and (right > 0 or down > 0)
    ]
    down, right = np.asarray(kept, np.int64).T
    return down, right


_DOWN, _RIGHT = _waves()
_NORM = math.sqrt(2) / TILE


def _patterns(seed: bytes) -> Floats:
    """Make 1 + 140 orthonormal patterns from a seed, as shares of each wave's cosine and sine.

    By hash and symmetric orthogonalisation: no library's random numbers or signs can change them.
    """
    count, waves = 1 + codes.CODED_BITS, 2 * len(_DOWN)
    raw = hashlib.shake_256(seed).digest(count * waves)
    mixed = np.frombuffer(raw, np.uint8).reshape(count, waves).astype(np.float64) - 127.5
    values, vectors = np.linalg.eigh(mixed @ mixed.T)
    return np.asarray((vectors / np.sqrt(values)) @ vectors.T @ mixed, np.float32)


def _tile_of(shares: Floats) -> Floats:
    """Draw one tile from its shares of each wave."""
    spectrum = np.zeros((TILE, TILE // 2 + 1), np.complex128)
    cosine, sine = shares.reshape(2, -1)
    spectrum[_DOWN, _RIGHT] = (cosine - 1j * sine) * (_NORM * TILE**2 / 2)
    alone = _RIGHT == 0  # these have no other half that the inverse would add
    spectrum[-_DOWN[alone], 0] = np.conj(spectrum[_DOWN[alone], 0])
    return np.asarray(np.fft.irfft2(spectrum, (TILE, TILE)), np.float32)


def _gains(wanted: Floats, host: Floats, budget: float) -> tuple[Floats, float]:
    """How much of each pattern to add so that all reach one level within the energy; the level."""
    signs, shares = np.sign(wanted), np.abs(wanted)
    has = signs * host
    low, high = 0.0, math.sqrt(budget) + float(np.abs(host).max())
    for _ in range(30):
        level = (low + high) / 2
        gains = np.maximum(0.0, level * shares - has)
        low, high = (level, high) if float(gains @ gains) < budget else (low, level)
    return np.asarray(signs * np.maximum(0.0, low * shares - has), np.float32), low


def _weighed(light: Floats) -> tuple[Floats, Floats]:
    """The fine structure over its local variance, as a matched filter weighs it; and busyness.

    Busyness is the local deviation in brightness levels, with a floor for plain areas.
    """
    fine = cv2.subtract(light, cv2.GaussianBlur(light, (13, 13), 2.0))
    power = cv2.blur(cv2.multiply(fine, fine), (15, 15))
    busyness = cv2.sqrt(cv2.max(power, 0.0))  # its running sums may end below zero
    busyness = np.asarray(cv2.add(busyness, _PLAIN), np.float32)
    return np.asarray(cv2.divide(fine, cv2.multiply(busyness, busyness)), np.float32), busyness


def _folded(busy: Floats) -> Floats:
    """Sum all tiles into one."""
    height, width = busy.shape
    whole = np.zeros((-(-height // TILE) * TILE, -(-width // TILE) * TILE), np.float32)
    whole[:height, :width] = busy
    tiles = whole.reshape(whole.shape[0] // TILE, TILE, -1, TILE)
    return np.asarray(tiles.sum(axis=(0, 2)), np.float32)


def _fold(light: Floats, scale: float) -> Floats:
    """Fold a picture at a scale into one tile."""
    height, width = (max(TILE, round(side * scale)) for side in light.shape)
    return _folded(_weighed(_resized(light, width, height))[0])


def _laid(folded: Floats, way: Way) -> Floats:
    """Turn and mirror a tile: it is what the picture, turned and mirrored, would fold into."""
    turns, mirrored = way
    return np.ascontiguousarray(np.rot90(folded[:, ::-1] if mirrored else folded, turns))


def _added(picture: RGB, change: Floats) -> RGB:
    """Add a change of brightness, given in units, to all three colours."""
    size = picture.shape[1], picture.shape[0]
    whole = cv2.resize(change, size, interpolation=cv2.INTER_LINEAR)
    levels = np.rint(whole).astype(np.int16)
    return np.asarray(cv2.add(picture, cv2.merge([levels] * 3), dtype=cv2.CV_8U), np.uint8)


def _brightness(picture: RGB) -> Floats:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _resized(light: Floats, width: int, height: int) -> Floats:
    if light.shape == (height, width):
        return light
    shrink = height < light.shape[0]
    way: Any = cv2.INTER_AREA if shrink else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(light, (width, height), interpolation=way), np.float32)


def _unit(short: int) -> int:
    unit = 1
    while short / unit >= _LARGEST:
        unit *= 2
    return unit


def _likely(short: int) -> list[float]:
    """Scales to try first: the picture as it was made, cropped, or at a half, 3/4 or a quarter."""
    made = [(times, short * times / kept) for times in (1, 2, 4 / 3, 4) for kept in (1.0, 0.9)]
    return list(dict.fromkeys(times / _unit(round(before)) for times, before in made))


def _middle(light: Floats, side: float) -> Floats:
    height, width = light.shape
    keep = max(64, round(side))
    top, left = max(0, (height - keep) // 2), max(0, (width - keep) // 2)
    return light[top : top + keep, left : left + keep]


def _not_too_long(light: Floats) -> Floats:
    """The middle of a long strip: more of it would cost time and tell nothing new."""
    height, width = (min(side, _LONGEST * min(light.shape)) for side in light.shape)
    top, left = (light.shape[0] - height) // 2, (light.shape[1] - width) // 2
    return light[top : top + height, left : left + width]


def _between(values: NDArray[np.floating[Any]], peak: int) -> float:
    """Where between its neighbours a peak really is, by a parabola; the tile is a ring."""
    before, here, after = (float(values[(peak + step) % TILE]) for step in (-1, 0, 1))
    bend = before - 2 * here + after
    return 0.0 if bend >= 0 else 0.5 * (before - after) / bend
