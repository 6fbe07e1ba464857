"""What revoking a model would destroy, stop and leave, counted before anybody presses the button.

It changes nothing. What is done is in `withdrawal.py`; both count the same things.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from compliance import ledger
from identity import enrolment, likeness
from serve.subjects import talent
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import ModelId


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Counts of one model at this moment."""

    photos: int  # reference photos, with the face data that was made of them
    evidence: int  # signed consents and the like
    images: int  # results that show the person
    queued: int
    running: int
    published: int  # publications that have to be taken down by hand
    links: int  # open links to the person's own page; they stay, to read the certificate


def foresee(
    registry: Registry, store: WorkspaceStore, model_id: ModelId, now: datetime
) -> Foreseen:
    """Count.

    Raises:
        NotFound: this workspace has no such model.
    """
    enrolment.describe(store, model_id)
    marks = ", ".join("?" for _ in likeness.PHOTOS)
    photos = store.count(
        "assets", f"owner_id = ? AND kind IN ({marks})", (model_id, *likeness.PHOTOS)
    )
    evidence = store.count("assets", "owner_id = ? AND kind = 'evidence'", (model_id,))
    waiting = "model_id = ? AND status = ?"
    links = talent.links(registry, store.workspace.id, model_id)
    return Foreseen(
        photos=photos,
        evidence=evidence,
        images=store.count("images", "model_id = ?", (model_id,)),
        queued=store.count("generations", waiting, (model_id, "queued")),
        running=store.count("generations", waiting, (model_id, "running")),
        published=len(ledger.read(store, model_id).publications),
        links=sum(link.is_open(now) for link in links),
    )
