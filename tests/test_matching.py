"""Who is who, by face vector: the gates and their edges."""

from __future__ import annotations

import numpy as np
import pytest

from identity import matching
from identity.limits import Gates
from workspace.errors import Fault
from workspace.types import Embedding, ModelId

GATES = Gates(same_person=0.5, good_same_person=0.6, duplicate=0.55)
FIRST = Embedding(np.array([1, 0], np.float32), "enc")


def at(cosine: float, encoder_id: str = "enc") -> Embedding:
    vector = np.array([cosine, np.sqrt(1 - cosine**2)], np.float32)
    return Embedding(vector, encoder_id)


def test_similarity_is_the_cosine():
    assert matching.similarity(FIRST, FIRST) == 1
    assert matching.similarity(FIRST, at(0.3)) == pytest.approx(0.3)
    assert matching.similarity(FIRST, at(-1.0)) == -1


def test_vectors_of_different_encoders_are_never_compared():
    with pytest.raises(Fault):
        matching.similarity(FIRST, at(1.0, "other"))
    assert matching.find_duplicate(FIRST, {ModelId("mdl_a"): at(1.0, "other")}) is None


@pytest.mark.parametrize(
    ("cosine", "code", "status"),
    [
        (0.95, "same_person", "pass"),
        (0.61, "same_person", "pass"),
        (0.59, "same_person", "warn"),
        (0.51, "same_person", "warn"),
        (0.49, "different_people", "fail"),
        (-0.5, "different_people", "fail"),
    ],
)
def test_the_same_person_gate(cosine, code, status):
    check = matching.same_person(FIRST, at(cosine), GATES)
    assert (check.code, check.status, check.photo) == (code, status, "both")
    assert check.measured == pytest.approx(cosine, abs=1e-3)
    assert check.threshold == (0.5 if status == "fail" else 0.6)


def test_the_closest_model_is_the_possible_duplicate():
    others = {ModelId("mdl_a"): at(0.2), ModelId("mdl_b"): at(0.9), ModelId("mdl_c"): at(0.7)}
    closest = matching.find_duplicate(FIRST, others)
    assert closest is not None and closest[0] == "mdl_b"
    check = matching.unique(closest, GATES, allow_duplicate=False)
    assert (check.code, check.status) == ("possible_duplicate", "fail") and "mdl_b" in check.hint


def test_a_duplicate_may_be_allowed_and_a_stranger_passes():
    close, far = (ModelId("mdl_a"), 0.8), (ModelId("mdl_a"), 0.54)
    assert matching.unique(close, GATES, allow_duplicate=True).status == "warn"
    assert matching.unique(far, GATES, allow_duplicate=False).status == "pass"
    assert matching.unique(None, GATES, allow_duplicate=False).status == "pass"
    assert matching.find_duplicate(FIRST, {}) is None
