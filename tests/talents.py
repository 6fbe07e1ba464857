"""A person by rows alone: a ready model with a consent, and pictures that are said to show them.

For tests of what is counted, owed and shown. Nothing is enrolled, so the likeness has no photos;
the pictures are drawn and marked by the real line, of a product, and given to the person then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi.testclient import TestClient

from compliance import admission, consent, ledger
from compliance.terms import parse_terms
from tests.homes import guidelines, ticked
from tests.service import Service, garment, wait
from workspace.store import WorkspaceStore
from workspace.types import Caller, GenerationId, ModelId, ModelStatus, Tool, Workspace, new_id

PAY = {"basis": "per_image", "amount": "25.00", "currency": "EUR", "per": "published_image"}
TERMS = {"channels": ["web", "print"], "territories": ["EU", "US-NY"], "compensation": PAY}
LEGAL = "key_legal"


@dataclass
class Desk:
    """A workspace of its own in a running service."""

    service: Service
    workspace: Workspace
    client: TestClient

    @property
    def store(self) -> WorkspaceStore:
        return self.service.services.registry.store(self.workspace.id)

    def person(self, name: str, **terms: Any) -> ModelId:
        """A ready model of this name."""
        return person_in(self.store, name, **terms)

    def agree(self, model_id: ModelId, **terms: Any) -> consent.Consent:
        """A new version of the consent."""
        return agree_in(self.store, model_id, **terms)

    def picture(self, model_id: ModelId) -> str:
        """An image that shows the person, noted in the ledger."""
        product = self.client.post("/v1/products", **garment("red-tee")).json()["id"]
        body = {"tool": "editorial", "prompt": "$product", "product_ids": [product]}
        made = self.client.post("/v1/generations", json={**body, "purpose": "lookbook"}).json()
        done = wait(self.client, made["status_url"], "queued", "running")
        image_id, store = str(done["images"][0]["id"]), self.store
        row = store.get("generations", made["id"])
        row.private["asked"]["model_id"] = model_id
        store.put("generations", made["id"], row.private, model_id=model_id)
        store.update("images", image_id, model_id=model_id)
        self.note(model_id, image_id, GenerationId(made["id"]))
        return image_id

    def copy_of(self, image_id: str, model_id: ModelId) -> str:
        """The same picture again, of somebody else: file, facts, generation and note."""
        store = self.store
        row = store.get("images", image_id)
        image, generation = new_id("img"), GenerationId(new_id("gen"))
        was = store.get("generations", row.columns["generation_id"])
        was.private["asked"]["model_id"] = model_id
        store.put("generations", generation, was.private, **{**was.columns, "model_id": model_id})
        moved = {**row.columns, "model_id": model_id, "generation_id": generation}
        store.put("images", image, row.private, **moved)
        file = store.assets.get(store.assets.owned_by(image_id, "image")[0])
        store.assets.put(file, "image", image, "image/png")
        self.note(model_id, image, generation)
        return image

    def note(self, model_id: ModelId, image_id: str, generation_id: GenerationId) -> None:
        """Write the use as the pipeline does."""
        now, plan = datetime.now(UTC), self.service.services.plans["pro"]
        use = admission.Use(Tool.EDITORIAL, model_id, "lookbook", "web", ("EU",), 1)
        given, nothing = consent.current(self.store, model_id), admission.Usage(0, 0, 0)
        verdict = admission.admit(use, plan, ModelStatus.READY, given, nothing, now)
        ledger.note_uses(self.store, [image_id], generation_id, verdict, now)


def person_in(store: WorkspaceStore, name: str, **terms: Any) -> ModelId:
    """A ready model of this name, in any store."""
    now, model_id = datetime.now(UTC), ModelId(f"mdl_{name.lower()}")
    private = {"name": name, "gender": "female", "checks": [], "tools": ["editorial"]}
    columns = {"status": "ready", "version": 1, "created_at": now.isoformat()}
    store.put("models", model_id, private, **columns)
    agree_in(store, model_id, **terms)
    return model_id


def agree_in(store: WorkspaceStore, model_id: ModelId, **terms: Any) -> consent.Consent:
    """A new version of a consent, in any store."""
    now, texts = datetime.now(UTC), guidelines()
    given = parse_terms({**TERMS, **terms}, now)
    legal = Caller(store.workspace.id, LEGAL, frozenset())
    return consent.record(store, model_id, given, ticked(texts), texts, legal, now)


def open_desk(service: Service, name: str) -> Desk:
    """Open a new workspace on the pro plan."""
    workspace = service.other(name)
    return Desk(service, workspace, service.client_of(workspace))
