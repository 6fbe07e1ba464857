"""Objects for the role matrix that take more than one call to make."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from identity import candidates
from serve.custody import pictures
from serve.line.cutout import Figure
from serve.services import utc_now
from tests.service import Service
from workspace.types import Caller, Gender


def own_photo(service: Service) -> str:
    """A photo for Model Background Swap."""
    alpha = np.full((60, 40), 255, np.uint8)
    photo, figure = np.full((60, 40, 3), 90, np.uint8), Figure(alpha, "thing", 1.0, True, False)
    caller = Caller(service.workspace.id, "key_test", frozenset())
    origin, declared = (b"file", "image/jpeg"), {"version": "matrix"}
    return pictures.add(service.store, photo, figure, origin, declared, 1, caller, utc_now())


def somebodys_candidate(service: Service) -> str:
    """A fictional person that another key of the workspace was offered."""
    maker, now = Caller(service.workspace.id, "key_test", frozenset()), utc_now()
    one = candidates.new(maker, Gender.FEMALE, {}, 7, now, timedelta(hours=1))
    candidates.put(service.store, [one], 4, maker, now)
    return one.id
