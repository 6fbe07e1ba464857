"""Objects for the role matrix that take more than one call to make."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from identity import candidates
from serve.callers import auth, people
from serve.custody import pictures
from serve.line.cutout import Figure
from serve.services import utc_now
from tests.service import EVERYTHING, Service
from workspace.types import Caller, Gender

PASSWORD = "correct horse battery"


def every_kind(service: Service, prompt: str = "$model at the sea") -> dict[str, str]:
    """One object of each kind in the workspace `atelier`, by the name of its path parameter."""
    registry, now, of = service.services.registry, utc_now(), service.workspace
    model_id, product_id = service.model(), service.product()
    made = service.generate(
        tool="editorial", prompt=prompt, model_id=model_id, product_ids=[product_id]
    )
    assert made["status"] == "completed", made
    admin = service.client_of(scopes=frozenset({"admin"}))
    glass = {"model_id": model_id, "reason": "matrix", "minutes": 1}
    grant = admin.post("/v1/admin/break-glass", json=glass).json()
    legal = service.client_of(scopes=EVERYTHING)
    campaign = legal.post(f"/v1/models/{model_id}/campaigns", json={"name": "matrix"}).json()
    link = legal.post(f"/v1/models/{model_id}/talent-links").json()
    person = people.add(registry, of.id, "matrix object", ["auditor"], PASSWORD, now)
    key_id, _ = auth.create_key(registry, of.id, {"audit:read"}, now)
    return {
        "model_id": model_id,
        "product_id": product_id,
        "generation_id": made["id"],
        "image_id": made["images"][0]["id"],
        "kind": "close_up",
        "campaign_id": campaign["id"],
        "grant_id": grant["id"],
        "person_id": person.id,
        "key_id": key_id,
        "link_id": link["id"],
        "picture_id": own_photo(service),
        "candidate_id": somebodys_candidate(service),
        "token": str(link["url"]).rpartition("/")[2],
    }


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
