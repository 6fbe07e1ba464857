"""What crosses Ray comes out as it went in, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.deployments import payloads
from workspace.errors import SealBroken
from workspace.types import RGB, Embedding, Face, References, RenderJob


def picture(seed: int, height: int = 5, width: int = 4) -> RGB:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return values.astype(np.uint8)


def test_jobs_come_out_as_they_went_in() -> None:
    refs = References(picture(1), None, (picture(2, 7, 3), picture(3)))
    jobs = (
        RenderJob("a", "Übergröße, 大衣", 2**32 - 1, 48, 64, 3, refs),
        RenderJob("b", "", 0, 64, 48, 3),
    )
    one, two = payloads.unpack_jobs(payloads.pack_jobs(jobs))
    assert (one.job_id, one.prompt, one.seed) == ("a", "Übergröße, 大衣", 2**32 - 1)
    assert one.references.close_up is not None and one.references.full_body is None
    assert np.array_equal(one.references.close_up, picture(1))
    assert [p.shape for p in one.references.products] == [(7, 3, 3), (5, 4, 3)]
    assert two == jobs[1]


def test_a_reference_that_jobs_share_is_sent_once() -> None:
    shared = picture(1, 200, 200)
    jobs = [RenderJob(str(k), "x", k, 48, 64, 3, References(full_body=shared)) for k in range(4)]
    assert len(payloads.pack_jobs(jobs)) < 2 * shared.nbytes


def test_a_turned_picture_arrives_turned() -> None:
    turned = picture(1).transpose(1, 0, 2)
    _, (found,) = payloads.unpack(payloads.pack({}, [turned]))
    assert np.array_equal(found, turned)


def test_faces_and_embeddings_come_out_as_they_went_in() -> None:
    face = Face((1.5, 2.0, 30.25, 40.0), ((1.0, 2.0),) * 5, 0.93)
    assert payloads.face_from_json(payloads.face_to_json(face)) == face
    vector = np.linspace(-1, 1, 128).astype(np.float32)
    found = payloads.unpack_embedding(payloads.pack_embedding(Embedding(vector, "one")))
    assert found.encoder_id == "one" and np.array_equal(found.vector, vector)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_other_bytes_are_damage_and_nothing_else(data: bytes) -> None:
    with pytest.raises(SealBroken):
        payloads.unpack(data)


@given(st.integers(0, 60))
@settings(max_examples=61, deadline=None)
def test_a_cut_message_is_damage(cut: int) -> None:
    whole = payloads.pack_jobs([RenderJob("a", "x", 1, 48, 64, 3)])
    with pytest.raises(SealBroken):
        payloads.unpack_jobs(whole[: max(0, len(whole) - 1 - cut)])
