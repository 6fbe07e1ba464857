"""The use ledger: which pictures of a person were made, and where each one was published.

One row per image of a custom model, written in the transaction that stores the image, and one row
per publication that the workspace reports. Rules: pay and account are owed after the pictures are
gone, so rows outlive images and erasure; what outlives is codes, ids and times (tool, purpose,
channel, territories, consent version). `where` is the only free text, and `forget_words` destroys
it with the person. What is owed is reckoned in `statement.py`; whether a publication is allowed
is asked of admission before it comes here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from compliance import audit
from compliance.admission import Admitted
from compliance.consent import Consent
from workspace.errors import SealBroken
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import Caller, new_id

_Kept = TypeVar("_Kept")
_CAMPAIGN = re.compile(r"cmp_[0-9a-z]{20}")


@dataclass(frozen=True, slots=True)
class UseOfPerson:
    """One image of a person: when it was made, for what, under which version of the consent."""

    image_id: str
    generation_id: str
    model_id: str
    made_at: datetime
    tool: str
    purpose: str
    channel: str
    territories: tuple[str, ...]
    consent_id: str
    consent_version: int
    campaign: str | None = None  # its id, where the person was asked about one


@dataclass(frozen=True, slots=True)
class Publication:
    """One image that went out: when, for what, where. `model_id` is "" where nobody is shown."""

    id: str
    image_id: str
    model_id: str
    published_at: datetime
    purpose: str
    channel: str
    territories: tuple[str, ...]
    where: str  # as the workspace wrote it: an address, an issue, a shop; "" once destroyed
    consent_id: str | None
    consent_version: int | None
    by: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """What happened in a period, oldest first; `damaged` are rows that no longer open."""

    uses: tuple[UseOfPerson, ...]
    publications: tuple[Publication, ...]
    damaged: tuple[str, ...]


def note_uses(
    store: WorkspaceStore,
    image_ids: Sequence[str],
    generation_id: str,
    verdict: Admitted,
    now: datetime,
) -> None:
    """Note each image of a person; part of the caller's transaction. Nothing if nobody is shown.

    Args:
        store: Whose images.
        image_ids: The images that are stored now.
        generation_id: What made them.
        verdict: The admission that allowed them, of this moment.
        now: The present time in UTC.
    """
    use = verdict.use
    if use.model_id is None:
        return
    for image_id in image_ids:
        store.put(
            "uses",
            image_id,
            {
                "tool": str(use.tool),
                "purpose": use.purpose,
                "channel": use.channel,
                "territories": list(use.territories),
                "consent_version": verdict.consent_version,
                "campaign": _campaign_id(use.campaign),
            },
            generation_id=generation_id,
            model_id=use.model_id,
            consent_id=verdict.consent_id,
            made_at=now.isoformat(),
        )


def use_of(store: WorkspaceStore, image_id: str) -> UseOfPerson | None:
    """Find the note of one image; None when it shows nobody.

    Raises:
        SealBroken: it was changed or damaged.
    """
    rows = store.find("uses", "id = ?", (image_id,))
    return _use(rows[0]) if rows else None


def publish(
    store: WorkspaceStore,
    image_id: str,
    model_id: str | None,
    asked: tuple[str, str, tuple[str, ...]],
    where: str,
    covered_by: Consent | None,
    caller: Caller,
    now: datetime,
) -> Publication:
    """Record that an image went out, and audit it (`image.published`), in one transaction.

    Args:
        store: Whose image.
        image_id: Which image.
        model_id: Who is shown; None when nobody is.
        asked: Purpose, channel and territories of the publication.
        where: The workspace's own words; kept sealed, never audited.
        covered_by: The version of the consent that covers it; None when nobody is shown.
        caller: Who reports it.
        now: The present time in UTC.
    """
    purpose, channel, places = asked
    made = Publication(
        id=new_id("pub"),
        image_id=image_id,
        model_id=model_id or "",
        published_at=now,
        purpose=purpose,
        channel=channel,
        territories=places,
        where=where,
        consent_id=covered_by.id if covered_by else None,
        consent_version=covered_by.version if covered_by else None,
        by=caller.actor,
    )
    with store.transaction():
        _write(store, made)
        audit.append(
            store,
            "image.published",
            image_id,
            caller.actor,
            now,
            publication=made.id,
            model_id=model_id,
            purpose=purpose,
            channel=channel,
            territories=",".join(places)[:300],
            consent_id=made.consent_id,
            consent_version=made.consent_version,
        )
    return made


def publication(store: WorkspaceStore, publication_id: str) -> Publication:
    """Read one publication.

    Raises:
        NotFound: there is none under this id.
        SealBroken: it was changed or damaged.
    """
    return _publication(store.get("publications", publication_id))


def publications_of(store: WorkspaceStore, image_id: str) -> Ledger:
    """Read where one image went, oldest first."""
    found, damaged = _opened(store, "publications", "image_id = ?", (image_id,), _publication)
    return Ledger((), tuple(sorted(found, key=lambda one: one.published_at)), tuple(damaged))


def read(
    store: WorkspaceStore,
    model_id: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Ledger:
    """Read what was made of a person and published, from `since` up to, but without, `until`."""
    uses, lost_uses = _opened(store, "uses", *_period(model_id, "made_at", since, until), _use)
    out, lost_out = _opened(
        store, "publications", *_period(model_id, "published_at", since, until), _publication
    )
    return Ledger(
        tuple(sorted(uses, key=lambda one: (one.made_at, one.image_id))),
        tuple(sorted(out, key=lambda one: (one.published_at, one.id))),
        (*lost_uses, *lost_out),
    )


def size(
    store: WorkspaceStore,
    model_id: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Count the rows that `read` would open."""
    return store.count("uses", *_period(model_id, "made_at", since, until)) + store.count(
        "publications", *_period(model_id, "published_at", since, until)
    )


def ends_of_consents(store: WorkspaceStore, model_id: str) -> dict[str, datetime]:
    """When each version of a model's consent was revoked or closed, from the audit log."""
    rows = store.db.execute(
        "SELECT object_id, MIN(at) FROM audit"
        " WHERE action IN ('consent.revoked', 'consent.expired')"
        " AND object_id IN (SELECT id FROM consents WHERE model_id = ?) GROUP BY object_id",
        [model_id],
    )
    return {row[0]: datetime.fromisoformat(row[1]) for row in rows.fetchall()}


def forget_words(store: WorkspaceStore, model_id: str) -> int:
    """Destroy what callers wrote about publications of a person; codes, ids and times stay.

    Each row is sealed anew under a new key; one that no longer opens is destroyed. May be repeated.

    Returns:
        In how many rows there were words.
    """
    found = 0
    with store.transaction():
        for raw in list(store.raw("publications", "model_id = ?", (model_id,))):
            try:
                known = _publication(store.open("publications", raw))
            except SealBroken:
                store.destroy("publications", raw["id"])
                continue
            if known.where:
                found += 1
                store.destroy("publications", known.id)
                _write(store, known, where="")
    return found


def _period(
    model_id: str, column: str, since: datetime | None, until: datetime | None
) -> tuple[str, tuple[str, ...]]:
    where, params = "model_id = ?", [model_id]
    for bound, sign in ((since, ">="), (until, "<")):
        if bound is not None:
            where += f" AND {column} {sign} ?"
            params.append(bound.isoformat())
    return where, tuple(params)


def _opened(
    store: WorkspaceStore,
    table: str,
    where: str,
    params: Sequence[str],
    read_row: Callable[[Row], _Kept],
) -> tuple[list[_Kept], list[str]]:
    """Open what opens; one damaged row does not take the account away."""
    found, damaged = [], []
    for raw in list(store.raw(table, where, params)):
        try:
            found.append(read_row(store.open(table, raw)))
        except SealBroken:
            damaged.append(str(raw["id"]))
    return found, damaged


def _write(store: WorkspaceStore, one: Publication, where: str | None = None) -> None:
    store.put(
        "publications",
        one.id,
        {
            "purpose": one.purpose,
            "channel": one.channel,
            "territories": list(one.territories),
            "where": one.where if where is None else where,
            "consent_id": one.consent_id,
            "consent_version": one.consent_version,
            "by": one.by,
        },
        image_id=one.image_id,
        model_id=one.model_id,
        published_at=one.published_at.isoformat(),
    )


def _use(row: Row) -> UseOfPerson:
    columns, private = row.columns, row.private
    return UseOfPerson(
        image_id=row.id,
        generation_id=columns["generation_id"],
        model_id=columns["model_id"],
        made_at=datetime.fromisoformat(columns["made_at"]),
        tool=private["tool"],
        purpose=private["purpose"],
        channel=private["channel"],
        territories=tuple(private["territories"]),
        consent_id=columns["consent_id"],
        consent_version=private["consent_version"],
        campaign=private.get("campaign"),
    )


def _campaign_id(word: str | None) -> str | None:
    """A campaign's name is a caller's own words; only an id outlives the person."""
    return word if word is not None and _CAMPAIGN.fullmatch(word) else None


def _publication(row: Row) -> Publication:
    columns, private = row.columns, row.private
    return Publication(
        id=row.id,
        image_id=columns["image_id"],
        model_id=columns["model_id"],
        published_at=datetime.fromisoformat(columns["published_at"]),
        purpose=private["purpose"],
        channel=private["channel"],
        territories=tuple(private["territories"]),
        where=private["where"],
        consent_id=private["consent_id"],
        consent_version=private["consent_version"],
        by=private["by"],
    )
