"""What a person sees and does through their own link; the page of it is `person_page.py`.

Rules: only what is theirs. A look is audited (`talent.looked`), and so is every answer, under the
link's id; an answer is an interaction of the person, for retention. A pause that the person made is
lifted by the person only; withdrawing destroys everything of them and gives the signed certificate.
After that, codes of what was made and published are left, so that they can still see what they are
owed. A damaged record takes nothing else of the page away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from compliance import approvals, audit, campaigns, consent, erasure, ledger, retention
from compliance.approvals import DECIDERS, ImageApproval
from compliance.campaigns import Campaign
from compliance.consent import Consent
from compliance.ledger import Publication, UseOfPerson
from compliance.provenance import Marked, Marker
from serve.custody import approving, withdrawal
from serve.line import gallery, marking
from serve.subjects import accounts, talent
from serve.subjects.talent import Link
from serve.wire import present
from serve.wire.ledger_views import StatementView
from workspace.errors import NotFound, SealBroken
from workspace.store import WorkspaceStore
from workspace.types import Approval, Caller, GenerationId, ImageId, ModelStatus

_Read = TypeVar("_Read")
USES_ON_A_PAGE = 50
MOST_WAITING = 24  # pictures that wait for an answer, on one page
_OPEN = (Approval.PENDING, Approval.APPROVED)  # a yes may become a no
_GONE = (ModelStatus.REVOKED, ModelStatus.ERASED)


@dataclass(frozen=True, slots=True)
class Shown:
    """One use with where it went, and whether its picture can still be looked at."""

    use: UseOfPerson
    publications: tuple[Publication, ...]
    approval: Approval
    answered_by_person: bool  # through a link of their own; else somebody answered for them
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Everything that the page shows."""

    workspace: str
    name: str | None
    status: ModelStatus | None  # None: damaged; the person can withdraw all the same
    given: Consent | None  # the newest version; None where none opens
    expires_at: datetime  # of the link
    paused_by_person: bool
    waiting: tuple[tuple[ImageId, UseOfPerson | None], ...]  # oldest first
    waiting_in_all: int
    campaigns: tuple[Campaign, ...]  # that wait for an answer, or have a yes
    uses: tuple[Shown, ...]  # newest first, one page
    uses_in_all: int
    page: int
    pages: int
    pay: StatementView
    has_certificate: bool

    @property
    def is_gone(self) -> bool:
        """Whether everything of the person was destroyed."""
        return self.status in _GONE


def look(store: WorkspaceStore, link: Link, now: datetime, page: int = 1) -> Person:
    """Gather what the person may see, and audit that somebody looked.

    Raises:
        NotFound: the model is not there any more.
    """
    model_id = link.model_id
    audit.append(store, "talent.looked", model_id, link.id, now)
    shown = _readable(lambda: present.model(store, model_id, now), None)
    found = ledger.read(store, model_id, None, now)
    pages = max(1, -(-len(found.uses) // USES_ON_A_PAGE))
    page = min(max(1, page), pages)
    first = (page - 1) * USES_ON_A_PAGE
    newest = found.uses[::-1][first : first + USES_ON_A_PAGE]
    known = {use.image_id: use for use in found.uses}
    waits: list[ImageApproval] = _readable(lambda: approvals.waiting(store, model_id), [])
    asked: list[Campaign] = _readable(lambda: campaigns.of_model(store, model_id), [])
    return Person(
        workspace=store.workspace.name,
        name=shown.name if shown else None,
        status=shown.status if shown else None,
        given=_readable(lambda: consent.current(store, model_id), None),
        expires_at=link.expires_at,
        paused_by_person=withdrawal.paused_by_person(store, model_id),
        waiting=tuple((one.image_id, known.get(one.image_id)) for one in waits[:MOST_WAITING]),
        waiting_in_all=len(waits),
        campaigns=tuple(one for one in asked if one.status in _OPEN),
        uses=_with_publications(store, newest, found.publications),
        uses_in_all=len(found.uses),
        page=page,
        pages=pages,
        pay=accounts.pay_of(store, model_id, found, None, now),
        has_certificate=bool(erasure.listed(store, model_id)),
    )


def picture(store: WorkspaceStore, marker: Marker, link: Link, image_id: str) -> Marked:
    """Open a marked picture of the person, also one that waits for their answer.

    Raises:
        NotFound: it does not show this person, or is gone.
        MarkingFailed, SealBroken: it may not leave, or can't.
    """
    _own_image(store, link, image_id)
    stored = gallery.release(store, image_id, DECIDERS)  # the person decides, too
    copy = marking.copy(marker, stored, "png")
    gallery.check_release(store, image_id, DECIDERS)
    return copy


def certificate(store: WorkspaceStore, link: Link) -> dict[str, Any]:
    """Give the signed certificate of what was destroyed.

    Raises:
        NotFound: nothing was.
    """
    return erasure.latest(store, link.model_id)


def answer_image(
    store: WorkspaceStore, link: Link, image_id: str, approved: bool, now: datetime
) -> None:
    """Approve a picture, or decline it, which destroys it; a yes may become a no later.

    Raises:
        NotFound: it does not show this person, or nobody asked.
        Conflict: it was declined already.
    """
    with store.transaction():
        _own_image(store, link, image_id)
        approving.decide_image(store, image_id, approved, link.id, now)
        retention.touch(store, link.model_id, now)


def answer_campaign(
    store: WorkspaceStore, link: Link, campaign_id: str, approved: bool, now: datetime
) -> tuple[GenerationId, ...]:
    """Approve a campaign, or decline it; return what was refused for that.

    Raises:
        NotFound: it is not about this person.
        Conflict: it was declined already.
    """
    with store.transaction():
        if campaigns.campaign(store, campaign_id).model_id != link.model_id:
            raise NotFound("There is no such campaign.")
        retention.touch(store, link.model_id, now)
        return approving.decide_campaign(store, campaign_id, approved, link.id, now)[1]


def pause(store: WorkspaceStore, link: Link, now: datetime) -> tuple[GenerationId, ...]:
    """Stop all use until the person allows it again; return what was refused for it.

    Raises:
        Conflict, ModelRevoked, ConsentMissing: there is nothing to pause.
    """
    with store.transaction():
        retention.touch(store, link.model_id, now)
        return withdrawal.suspend(store, link.model_id, _self(link), now)


def resume(store: WorkspaceStore, link: Link, now: datetime) -> tuple[GenerationId, ...]:
    """Allow use again after a pause of the person's own.

    Raises:
        NotFound: the person did not pause.
        Conflict, ModelRevoked, ConsentMissing: there is nothing to allow.
    """
    with store.transaction():
        if not withdrawal.paused_by_person(store, link.model_id):
            raise NotFound("You did not pause this.")
        retention.touch(store, link.model_id, now)
        return withdrawal.resume(store, link.model_id, _self(link), now)


def withdraw(store: WorkspaceStore, link: Link, now: datetime) -> withdrawal.Erasure:
    """Revoke the consent and destroy everything of the person."""
    return withdrawal.revoke(store, link.model_id, _self(link), now)


def _self(link: Link) -> Caller:
    """The person decides about their own consent as `legal` would."""
    return Caller(link.workspace_id, link.id, frozenset({"consents:write"}))


def _own_image(store: WorkspaceStore, link: Link, image_id: str) -> None:
    where = "id = ? AND model_id = ?"
    if not store.count("images", where, (image_id, link.model_id)):
        raise NotFound("There is no such picture.")


def _readable(read: Callable[[], _Read], otherwise: _Read) -> _Read:
    """What is damaged takes nothing else away: the page opens, and withdrawing works."""
    try:
        return read()
    except SealBroken:
        return otherwise


def _with_publications(
    store: WorkspaceStore, uses: tuple[UseOfPerson, ...], publications: tuple[Publication, ...]
) -> tuple[Shown, ...]:
    went: dict[str, list[Publication]] = defaultdict(list)
    for one in publications:
        went[one.image_id].append(one)
    return tuple(_shown(store, use, tuple(went[use.image_id])) for use in uses)


def _shown(store: WorkspaceStore, use: UseOfPerson, publications: tuple[Publication, ...]) -> Shown:
    def answer() -> ImageApproval | None:
        try:
            return approvals.of_image(store, use.image_id)
        except NotFound:
            return None

    given = _readable(answer, None)
    return Shown(
        use,
        publications,
        given.status if given else Approval.NONE,
        given is not None and (given.decided_by or "").startswith(f"{talent.PREFIX}_"),
        gallery.has(store, use.image_id),
    )
