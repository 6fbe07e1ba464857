"""The 64 bits of the invisible watermark: made, checked, and protected against lost bits. Pure.

A watermark's id is 40 bits that stand for one image and 24 bits that only this appliance's key can
make: what a stranger's picture happens to look like is not taken for a mark of ours, and nobody
else can make up a mark. 64 bits become 140 by the convolutional code (133, 171), octal, of
constraint length 7; `decode` finds the likeliest bits by Viterbi's algorithm from soft values.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import numpy as np
from numpy.typing import NDArray

BITS = 64
TAG_BITS = 24
MEMORY = 6  # bits that the encoder remembers; as many zeros end each message
STEPS = BITS + MEMORY
CODED_BITS = 2 * STEPS
_GENERATORS = (0o133, 0o171)

Floats = NDArray[np.floating[Any]]


def watermark_id(key: bytes, image_id: str) -> str:
    """Derive the watermark's id of an image: 16 hexadecimal digits, the same every time."""
    name = _mac(key, b"watermark name v1", image_id.encode())[: (BITS - TAG_BITS) // 8]
    return (name + _tag(key, name)).hex()


def is_ours(key: bytes, found: str) -> bool:
    """Tell whether this key made the id; a random one passes once in 2^24."""
    raw = bytes.fromhex(found)
    name, tag = raw[: -TAG_BITS // 8], raw[-TAG_BITS // 8 :]
    return hmac.compare_digest(_tag(key, name), tag)


def encode(mark: str) -> NDArray[np.int8]:
    """Write an id as `CODED_BITS` signs, +1 or -1."""
    state, signs = 0, []
    for bit in (*bits_of(mark), *[0] * MEMORY):
        register = (int(bit) << MEMORY) | state
        signs += [1 - 2 * ((register & one).bit_count() & 1) for one in _GENERATORS]
        state = register >> 1
    return np.asarray(signs, np.int8)


def decode(soft: Floats) -> str:
    """Find the likeliest id behind `CODED_BITS` soft values; positive means +1."""
    values = np.asarray(soft, np.float64).reshape(STEPS, 1, 1, 2)
    score = np.full(1 << MEMORY, -np.inf)
    score[0] = 0.0
    chosen = np.zeros((STEPS, 1 << MEMORY), np.int64)
    for step in range(STEPS):
        reached = score[_BEFORE] + (_SIGNS * values[step]).sum(axis=2)
        chosen[step] = np.argmax(reached, axis=1)
        score = np.max(reached, axis=1)
    state, bits = 0, []
    for step in range(STEPS - 1, -1, -1):
        bits.append(state >> (MEMORY - 1))
        state = int(_BEFORE[state, chosen[step, state]])
    return np.packbits(np.asarray(bits[::-1][:BITS], np.uint8)).tobytes().hex()


def bits_of(mark: str) -> NDArray[np.uint8]:
    """The 64 bits of an id, the first one first."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(mark), np.uint8))


def _trellis() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each state: the two states before it, and the two signs written on the way from each."""
    before = np.zeros((1 << MEMORY, 2), np.int64)
    signs = np.zeros((1 << MEMORY, 2, 2))
    for state in range(1 << MEMORY):
        bit, low = state >> (MEMORY - 1), (state << 1) & ((1 << MEMORY) - 1)
        for way in (0, 1):
            before[state, way] = low | way
            register = (bit << MEMORY) | low | way
            for k, generator in enumerate(_GENERATORS):
                signs[state, way, k] = 1 - 2 * ((register & generator).bit_count() & 1)
    return before, signs


_BEFORE, _SIGNS = _trellis()


def _tag(key: bytes, name: bytes) -> bytes:
    return _mac(key, b"watermark tag v1", name)[: TAG_BITS // 8]


def _mac(key: bytes, purpose: bytes, message: bytes) -> bytes:
    return hmac.new(key, purpose + b"\0" + message, hashlib.sha256).digest()
