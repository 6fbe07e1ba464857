"""Compares face vectors: the same person twice? a person who is enrolled already?

Pure. Vectors are of unit length, so similarity is their cosine: 1 is the same photo, 0 is two
strangers. Vectors of different encoders are never compared. The gates come from
`configs/quality.toml`; a picture drawn by a pack is judged by the pack's own gates, not here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from identity.limits import Gates
from workspace.errors import Fault
from workspace.types import Check, Embedding, ModelId


def similarity(first: Embedding, second: Embedding) -> float:
    """Cosine similarity of two face vectors, -1 to 1.

    Raises:
        Fault: they come from different encoders.
    """
    if first.encoder_id != second.encoder_id:
        raise Fault("Face vectors of different encoders can't be compared.")
    return float(np.clip(np.dot(first.vector, second.vector), -1, 1))


def same_person(close_up: Embedding, full_body: Embedding, gates: Gates) -> Check:
    """Do both photos show the same person?

    Raises:
        Fault: the vectors come from different encoders.
    """
    found = round(similarity(close_up, full_body), 3)
    if found < gates.same_person:
        hint = "The two photos seem to show different people: use two photos of the same person."
        return Check("different_people", "both", "fail", found, gates.same_person, hint)
    if found < gates.good_same_person:
        hint = "The two faces are only just alike; a sharper, frontal full-body photo would help."
        return Check("same_person", "both", "warn", found, gates.good_same_person, hint)
    hint = "Both photos show the same person."
    return Check("same_person", "both", "pass", found, gates.good_same_person, hint)


def find_duplicate(
    embedding: Embedding, others: Mapping[ModelId, Embedding]
) -> tuple[ModelId, float] | None:
    """Find the enrolled model whose face is closest; None when there is none to compare with.

    Vectors of another encoder are passed over: they can't be compared.
    """
    scores = {
        model_id: similarity(embedding, other)
        for model_id, other in others.items()
        if other.encoder_id == embedding.encoder_id
    }
    if not scores:
        return None
    closest = max(scores, key=lambda model_id: scores[model_id])
    return closest, scores[closest]


def unique(closest: tuple[ModelId, float] | None, gates: Gates, allow_duplicate: bool) -> Check:
    """Is this person new to the workspace? A known face asks back, unless that is allowed."""
    if closest is None:
        hint = "No other model of this workspace can be compared."
        return Check("new_person", "both", "pass", None, gates.duplicate, hint)
    model_id, found = closest[0], round(closest[1], 3)
    if found < gates.duplicate:
        hint = "Nobody enrolled in this workspace looks like this."
        return Check("new_person", "both", "pass", found, gates.duplicate, hint)
    hint = f"This person looks like the model {model_id}, which is enrolled already."
    if allow_duplicate:
        return Check("possible_duplicate", "both", "warn", found, gates.duplicate, hint)
    hint += " Use that one, or enrol again with allow_duplicate."
    return Check("possible_duplicate", "both", "fail", found, gates.duplicate, hint)
