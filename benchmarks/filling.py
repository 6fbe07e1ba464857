"""Fill a workspace with thousands of custom models and images, for what is measured at that size.

It goes through the store's own functions: every row is sealed under a key of its own, every file is
a sealed file, the audit log is a chain, consents and uses are real records. What it leaves out is
what doesn't change the size of anything: photos are not checked, pictures are not drawn (all are
copies of one small picture), face vectors are random, and nothing is synced to the disk until the
end. Never point it at a home that somebody needs.
"""

from __future__ import annotations

import io
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from PIL import Image

from compliance import audit, consent, ledger
from compliance.admission import Use
from compliance.consent import Consent
from compliance.guidelines import Guidelines
from compliance.marks import fingerprints
from compliance.terms import CUSTOM_MODEL_TOOLS, parse_terms
from identity import likeness
from serve.line import gallery, products
from serve.line.asked import Asked
from workspace.store import WorkspaceStore
from workspace.types import (
    RGB,
    Caller,
    Embedding,
    Face,
    GenerationId,
    ModelId,
    ProductId,
    Tool,
    new_id,
)

PER_GENERATION = 4  # images
AT_ONCE = 100  # objects in a transaction
_FACE = Face((10.0, 10.0, 40.0, 50.0), ((20.0, 25.0),) * 5, 0.99)
_CALLER = Caller("filling", "filling", frozenset())
Progress = Callable[[str], None]


@contextmanager
def unsynced(store: WorkspaceStore) -> Iterator[None]:
    """Let the system write when it likes; a filled home is made anew, never repaired."""
    kept = os.fsync
    store.db.execute("PRAGMA synchronous = OFF")
    os.fsync = lambda fd: None
    try:
        yield
    finally:
        os.fsync = kept
        store.db.execute("PRAGMA synchronous = FULL")
        os.sync()


class Filling:
    """Fills one workspace; the same seed makes the same shape (ids and keys are always new).

    Args:
        picture: The file of every image, a PNG that this appliance has marked; without it a small
            one without marks, of which other formats can't be asked for.
    """

    def __init__(
        self,
        store: WorkspaceStore,
        guidelines: Guidelines,
        seed: int = 7,
        picture: bytes | None = None,
    ) -> None:
        self._store = store
        self._guidelines = guidelines
        self._rng = random.Random(seed)
        self._at = datetime.now(UTC) - timedelta(days=300)
        self._terms = parse_terms(None, datetime.now(UTC), guidelines.vocabulary)
        self._boxes = [{"id": b.id, "sha256": b.sha256} for b in guidelines.attestations]
        pixels = np.random.default_rng(seed).integers(0, 255, (96, 72, 3), np.uint8)
        smooth = Image.fromarray(pixels).resize((144, 192), Image.Resampling.BICUBIC)
        self._pixels: RGB = np.asarray(smooth)
        self._jpeg, self._png = _file(smooth, "JPEG"), _file(smooth.resize((48, 64)), "PNG")
        self._picture = picture or self._png
        self._look = fingerprints.look_of(self._pixels)

    def models(self, count: int, say: Progress) -> list[Consent]:
        """Add so many custom models that are ready, each with photos, face vector and consent."""
        made: list[Consent] = []
        for start in range(0, count, AT_ONCE):
            with self._store.transaction():
                made += [self._model(k) for k in range(start, min(start + AT_ONCE, count))]
            say(f"{len(made)} of {count} custom models")
        return made

    def products(self, count: int) -> list[ProductId]:
        """Add so many products, each with its photo."""
        made: list[ProductId] = []
        for start in range(0, count, AT_ONCE):
            with self._store.transaction():
                made += [self._product(k) for k in range(start, min(start + AT_ONCE, count))]
        return made

    def images(
        self, count: int, consents: list[Consent], garments: list[ProductId], say: Progress
    ) -> None:
        """Add so many images, four to a generation, with uses and audit entries."""
        for start in range(0, count, AT_ONCE):
            with self._store.transaction():
                for _ in range(start, min(start + AT_ONCE, count), PER_GENERATION):
                    self._generation(self._rng.choice(consents), self._rng.choice(garments))
            if start % (50 * AT_ONCE) == 0:
                say(f"{start} of {count} images")

    def _next(self) -> datetime:
        self._at += timedelta(seconds=60)
        return self._at

    def _model(self, k: int) -> Consent:
        store, now, model_id = self._store, self._next(), ModelId(new_id("mdl"))
        given = consent.record(
            store, model_id, self._terms, self._boxes, self._guidelines, _CALLER, now
        )
        for kind in likeness.PHOTOS:
            store.assets.put(self._jpeg, kind, model_id, "image/jpeg")
        store.put_note(f"looks {model_id}", {"looks": [self._look] * 2})
        vector = np.array([self._rng.gauss(0, 1) for _ in range(128)], np.float32)
        vector /= np.linalg.norm(vector)
        likeness.save(store, model_id, Embedding(vector, "sface"), _FACE, _FACE)
        tools = [tool.value for tool in CUSTOM_MODEL_TOOLS]
        checks = [{"code": "sharpness", "photo": "close_up", "status": "pass", "measured": 1.0,
                   "threshold": 0.5, "hint": ""}] * 12  # fmt: skip
        private = {"name": f"Person {k}", "gender": "female", "checks": checks, "tools": tools}
        at = now.isoformat()
        columns: dict[str, Any] = {"kind": "real_person", "version": 1, "status": "ready"}
        store.put("models", model_id, private, created_at=at, updated_at=at, **columns)
        audit.append(store, "model.ready", model_id, "builder", now)
        return given

    def _product(self, k: int) -> ProductId:
        store, now, product_id = self._store, self._next(), ProductId(new_id("prd"))
        private = {"name": f"Garment {k}", "category": "shirt", "width": 48, "height": 64}
        store.put("products", product_id, private, category="", created_at=now.isoformat())
        store.assets.put(self._png, products.KIND, product_id, "image/png")
        audit.append(store, "product.added", product_id, "filling", now)
        return product_id

    def _generation(self, given: Consent, product_id: ProductId) -> None:
        store, now, generation_id = self._store, self._next(), GenerationId(new_id("gen"))
        seed = self._rng.randrange(2**32)
        asked = Asked(
            Tool.EDITORIAL, "$model wearing $product, half body, in a park", given.model_id,
            (product_id,), PER_GENERATION, "3:4", seed, "ecommerce_pdp", "web", ("EU",),
        )  # fmt: skip
        at = now.isoformat()
        store.put(
            "generations", generation_id, {"asked": asked.to_json()}, status="completed",
            tool=asked.tool.value, model_id=asked.model_id, n=asked.n, created_at=at,
            updated_at=at, finished_at=at, actor="filling", compat_key=asked.compat_key,
            cost=asked.n, attempts=1, step=4, steps=4,
        )  # fmt: skip
        audit.append(store, "generation.admitted", generation_id, "filling", now)
        ids = [self._image(generation_id, k, asked, given.id, now) for k in range(asked.n)]
        use = Use(asked.tool, asked.model_id, asked.purpose, asked.channel, asked.territories, 4)
        verdict = _Verdict(use, given)
        ledger.note_uses(store, ids, generation_id, verdict, now)  # type: ignore[arg-type]
        audit.append(store, "generation.completed", generation_id, "filling", now, images=len(ids))

    def _image(
        self, generation_id: GenerationId, k: int, asked: Asked, given: str, now: datetime
    ) -> str:
        store, image_id = self._store, new_id("img")
        facts = gallery.Facts(
            144, 192, 0.8, 0.7, 1, given, "mannequin 0", "0" * 64, "torch", 0.1, 0.2, 0.5,
            certificate="development", watermark_id="0" * 16, shows="real_person",
        )  # fmt: skip
        store.put(
            "images", image_id, asdict(facts), generation_id=generation_id, k=k,
            model_id=asked.model_id, seed=asked.seed_of(k), created_at=now.isoformat(),
        )  # fmt: skip
        store.assets.put(self._picture, gallery.KIND, image_id, "image/png")
        fingerprints.note(store, image_id, self._look, None, now)
        return image_id


class _Verdict:
    """As much of an admission as a use is noted with; only admission itself can make a real one."""

    def __init__(self, use: Use, given: Consent) -> None:
        self.use, self.consent_id, self.consent_version = use, given.id, given.version


def _file(picture: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()
