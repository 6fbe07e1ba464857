"""Images that wait for the person's answer, where the consent asks for approval of each image.

Rules: what waits leaves only to those who decide (`may_leave`), until it is approved; a declined
image is destroyed by the caller. What was approved may be declined later, and that is final; every
answer is audited.
Campaigns are in `campaigns.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from compliance import audit
from workspace.errors import ApprovalMissing, Conflict
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import Approval, ImageId, ModelId

IMAGES = "image_approvals"
DECIDERS = frozenset({"review", "consents:write"})  # scopes that may see what waits, and answer
_WAITING = (Approval.PENDING.value, Approval.DECLINED.value)


@dataclass(frozen=True, slots=True)
class ImageApproval:
    """One image that a person is asked about."""

    image_id: ImageId
    model_id: ModelId
    status: Approval
    created_at: datetime
    decided_at: datetime | None
    decided_by: str | None


def await_images(
    store: WorkspaceStore, image_ids: Iterable[ImageId], model_id: ModelId, now: datetime
) -> None:
    """Let new images wait for the person's answer; part of the caller's transaction."""
    for image_id in image_ids:
        store.put(
            IMAGES,
            image_id,
            {},
            model_id=model_id,
            status=Approval.PENDING.value,
            created_at=now.isoformat(),
        )


def of_image(store: WorkspaceStore, image_id: str) -> ImageApproval:
    """Read what is known of an image that was put before a person.

    Raises:
        NotFound: it never was, or there is no such image.
    """
    return _image(store.get(IMAGES, image_id))


def state_of(store: WorkspaceStore, image_id: str, asked: bool = False) -> Approval:
    """Whether an image waits. Opens the answer, so a forged one is seen; a missing one is no yes.

    Args:
        asked: Whether the consent asked for an answer when the image was made; sealed with it.

    Raises:
        SealBroken: the answer was changed or damaged.
    """
    return states_of(store, {image_id: asked})[image_id]


def states_of(store: WorkspaceStore, asked: Mapping[str, bool]) -> dict[str, Approval]:
    """Whether each of some images waits; see `state_of`.

    Args:
        asked: Image id -> whether the consent asked for an answer when it was made.

    Raises:
        SealBroken: an answer was changed or damaged.
    """
    if not asked:
        return {}
    marks = ", ".join("?" for _ in asked)
    rows = store.find(IMAGES, f"id IN ({marks})", [*asked])
    known = {row.id: Approval(row.columns["status"]) for row in rows}
    missing = {True: Approval.PENDING, False: Approval.NONE}
    return {image_id: known.get(image_id, missing[waits]) for image_id, waits in asked.items()}


def waiting(store: WorkspaceStore, model_id: str) -> list[ImageApproval]:
    """The images of a model that wait for an answer, oldest first."""
    kept = "model_id = ? AND status = 'pending' AND id IN (SELECT id FROM images)"
    rows = store.find(IMAGES, kept, (model_id,), "created_at, id")
    return [_image(row) for row in rows]


def may_leave(store: WorkspaceStore, image_id: str, asked: bool, scopes: Collection[str]) -> bool:
    """Tell whether an image's bytes may go to a caller with these scopes."""
    waits = state_of(store, image_id, asked).value in _WAITING
    return not waits or not DECIDERS.isdisjoint(scopes)


def hold(store: WorkspaceStore, image_id: str, asked: bool, scopes: Collection[str]) -> None:
    """Keep an image back from those who don't decide about it.

    Raises:
        ApprovalMissing: it waits for the person's answer, or was declined.
    """
    if not may_leave(store, image_id, asked, scopes):
        raise ApprovalMissing("The person has not approved this image.")


def decide_image(
    store: WorkspaceStore, image_id: str, approved: bool, actor: str, now: datetime
) -> ImageApproval:
    """Note the person's answer and audit it; `serve.custody.approving` destroys what was declined.

    Raises:
        NotFound: nobody was asked about this image.
        Conflict: it was declined already.
    """
    with store.transaction():
        row = store.get(IMAGES, image_id)
        if answer(store, IMAGES, row, approved, actor, now):
            verb = "approved" if approved else "declined"
            model_id = row.columns["model_id"]
            audit.append(store, f"image.{verb}", image_id, actor, now, model_id=model_id)
        return of_image(store, image_id)


def answer(
    store: WorkspaceStore, table: str, row: Row, approved: bool, actor: str, now: datetime
) -> bool:
    """Write an answer into a waiting row; False when the same answer stands there already.

    Raises:
        Conflict: it was declined already.
    """
    wanted = Approval.APPROVED if approved else Approval.DECLINED
    before = Approval(row.columns["status"])
    if before is wanted:
        return False
    if before is Approval.DECLINED:
        raise Conflict("This was declined already, which is final.")
    private = {**row.private, "decided_by": actor}
    changed = {"status": wanted.value, "decided_at": now.isoformat()}
    store.put(table, row.id, private, **changed)
    return True


def _image(row: Row) -> ImageApproval:
    return ImageApproval(
        ImageId(row.id),
        ModelId(row.columns["model_id"]),
        Approval(row.columns["status"]),
        datetime.fromisoformat(row.columns["created_at"]),
        decided_at(row),
        row.private.get("decided_by"),
    )


def decided_at(row: Row) -> datetime | None:
    """When the answer was given."""
    found = row.columns["decided_at"]
    return datetime.fromisoformat(found) if found else None
