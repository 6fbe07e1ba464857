"""Pictures for the nudity classifier: an abstract one that it takes for nudity, and dressed ones.

No test keeps a picture of an undressed person. `ABSTRACT` is 12 x 12 coloured squares that were
changed at random until the network's score was above 0.98: to a person it shows a blot.
"""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from workspace.types import RGB

_SQUARES = (
    "jrad//n/5f7t4eHm4eHm8Nzd7tTs4eHm4eHm4eHm4eHm4eHm3P2k///14eHm4eHm/6Lq85CmyJZ98bbJ4eHm4eHm2v"
    "D/s8S84eHm//P/uf///7fzyJZ9fgBBo1tvyJZ95+7p3dH/6uLolvSmlf+iq6yk/vn/1p7jyJZ9yJZ9yJZ9yJZ9/8y+"
    "4v/w+f////+84eHmof+y+f/iyJZ9yJZ9yJZ9yJZ9yJZ9yJZ97f/W1+Hb1v+60f+suO/S///0yJZ9xal9yJZ9yJZ9yJ"
    "Z9y8Fv////4eHm4eHm+P/M4eHmx9zZyJZ9yJZ9yJZ9yJZ9yJZ9yJZ9uv//4eHmzv+0/8Lz///F3eLlyJZ9yJZ9yJZ9"
    "yJZ9yJZ9rb9U3ur/4eHm/8L/5MjN1tD/vfP/4ceqyJZ9yJZ9xouNyJZ9pfSe4eHm/9f/4eHm7/+4t//h4eHm9P/w/q"
    "yWklN8yJZ9yJZ94eHm4eHm4eHmaNT//+//4eHm4eHm4eHm/dX/yJZ9yJZ96daf4eHm4eHm583/6sCC////4eHm4eHm"
    "3MbR2L3N4eHm4eHmrv+b59Ha99/Oh/+528n/"
)


def abstract(width: int = 256, height: int = 256) -> RGB:
    """The blot in any size."""
    squares = np.frombuffer(base64.b64decode("".join(_SQUARES)), np.uint8).reshape(12, 12, 3)
    large = Image.fromarray(squares).resize((256, 256), Image.Resampling.BICUBIC)
    return np.asarray(large.resize((width, height), Image.Resampling.BICUBIC), dtype=np.uint8)


def as_png(image: RGB) -> bytes:
    """A file of it."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
