"""Whether two finished pictures were drawn alike: every picture has a watermark of its own."""

from __future__ import annotations

import numpy as np

from workspace.types import RGB

MOST = 4.5  # brightness levels: two watermarks of 39 dB differ by 4.1 in the mean


def drawn_alike(left: RGB, right: RGB) -> bool:
    """Tell whether two pictures differ by no more than their watermarks."""
    if left.shape != right.shape:
        return False
    return float(np.sqrt(np.mean((left.astype(float) - right.astype(float)) ** 2))) < MOST
