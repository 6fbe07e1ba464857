"""A person who can be drawn, without face networks: photos, a vector, a consent, all sealed.

For tests of what a consent allows. `Unseeing` stands in for the face networks, which decide
nothing about consent; everything else is the real line.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from compliance import consent
from compliance.terms import parse_terms
from identity import likeness
from identity.activation import ENROLLED_BY
from serve.dispatcher import Dispatcher
from tests.homes import guidelines, ticked
from tests.service import Service
from workspace.types import RGB, Caller, Embedding, Face, GenerationId, ModelId, new_id

BY = "key_creator"
FACE = Face((30.0, 30.0, 70.0, 80.0), ((40, 50), (60, 50), (50, 60), (42, 70), (58, 70)), 0.99)
_PHOTO = np.full((128, 96, 3), 180, np.uint8)


class Unseeing:
    """Implements the FaceEncoder port; finds nobody, so that nothing has an identity score."""

    encoder_id = "unseeing"

    def detect(self, image: RGB) -> tuple[Face, ...]:
        return ()

    def embed(self, image: RGB, face: Face) -> Embedding:
        raise AssertionError("nobody was found")


def person(service: Service, status: str = "ready", **terms: Any) -> ModelId:
    """A model of this service's workspace with a consent of these terms."""
    store, now, model_id = service.store, datetime.now(UTC), ModelId(new_id("mdl"))
    private = {
        "name": "Ada",
        "gender": "female",
        "checks": [],
        "tools": ["editorial", "flatlay_to_catalog"],
        ENROLLED_BY: BY,
    }
    times = {"created_at": now.isoformat(), "updated_at": now.isoformat()}
    with store.transaction():
        store.put("models", model_id, private, status=status, kind="real_person", **times)
        likeness.save_photos(store, model_id, _PHOTO, _PHOTO)
        vector = Embedding(np.eye(1, 8, dtype=np.float32)[0], "somebody else's")
        likeness.save(store, model_id, vector, FACE, FACE)
        agree(service, model_id, **terms)
    return model_id


def agree(service: Service, model_id: ModelId, **terms: Any) -> consent.Consent:
    """A new version of the consent, straight into the store."""
    now, texts = datetime.now(UTC), guidelines()
    caller = Caller(service.workspace.id, BY, frozenset())
    given = parse_terms(terms, now)
    return consent.record(service.store, model_id, given, ticked(texts), texts, caller, now)


def ask(service: Service, model_id: str, **changes: Any) -> GenerationId:
    """Queue a generation of the person over HTTP."""
    body = {"tool": "editorial", "prompt": "$model on a chair", "model_id": model_id, "seed": 7}
    answer = service.client.post("/v1/generations", json={**body, "n": 1, **changes})
    assert answer.status_code == 202, answer.text
    return GenerationId(answer.json()["id"])


def worker(service: Service, now: datetime) -> Dispatcher:
    """A dispatcher whose clock stands still."""
    return Dispatcher(replace(service.services.parts, clock=lambda: now))
