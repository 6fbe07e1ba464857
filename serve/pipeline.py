"""One generation, top to bottom. Read this file to follow a request.

    0 accept   what was asked fits the loaded pack           -> Accepted
    1 resolve  `$model wearing $product` becomes a prompt    -> Resolved
    2 admit    consent, plan and quota allow it              -> Admitted
    3 record   the decision is in the audit log              -> Recorded
    4 open     likeness and products, for this one only      -> Opened
    5 render   a batch of compatible generations is drawn    -> Drawn
    6 review   a look, scores, marks; unmarked nothing leaves -> Reviewed
    7 publish  sealed images + state + audit, all or nothing -> Published
    8 result   ids, scores, links: `present.py`; bytes leave only through the image route

`submit` runs 0 to 2 and commits before the 202. `prepare`, `render` and `release` run the whole
line later, in the dispatcher: 0 to 2 are asked anew, so what changed in between (a consent that
ended, a product that was deleted) counts; 2 once more in 7, for what changed while it was drawn.

Every step takes what only the step before returns, so a skipped step does not type-check. Nothing
here catches an error: a step refuses or fails by raising, and the dispatcher ends the generation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from compliance import approvals, audit, ledger, licences
from identity.likeness import open_likeness
from serve import idempotency, queue
from serve.custody import pictures, standing
from serve.idempotency import Once
from serve.line import (
    casting,
    conditioning,
    gallery,
    marking,
    products,
    rendering,
    rules,
    scoring,
    swaps,
    templates,
)
from serve.line.asked import Asked
from serve.line.stages import (
    Accepted,
    Admitted,
    Drawn,
    Opened,
    Parts,
    Published,
    Recorded,
    Resolved,
    Reviewed,
)
from serve.work import leases
from serve.work.leases import Claim
from workspace.types import GenerationId, GenerationStatus, WorkspaceId, new_id

OnStep = Callable[[int, int], None]  # step, steps; of the whole batch


def submit(
    parts: Parts, workspace_id: WorkspaceId, asked: Asked, actor: str, request: Once
) -> GenerationId:
    """Check a request by steps 0 to 2 and queue it; durable when this returns.

    Raises:
        HousemodelError: refused, invalid, the queue is full, or the pack is still loading.
    """
    rules.tool_takes_no_model(asked)  # before anything else: this answer depends on nothing
    store, now = parts.registry.store(workspace_id), parts.clock()
    known = idempotency.find(store, request, now)
    if known is not None:
        return GenerationId(known)
    generation_id = GenerationId(new_id("gen"))
    resolved = resolve(parts, accept(parts, workspace_id, generation_id, asked, actor))

    def enqueue() -> GenerationId:  # in one transaction: two requests can't share a last place
        fitted = admit(parts, resolved, at_submit=True).resolved.accepted.asked
        queue.submit(store, generation_id, fitted, actor, now, parts.max_waiting)
        facts = fitted.for_audit()
        audit.append(store, "generation.accepted", generation_id, actor, now, **facts)
        return generation_id

    return GenerationId(idempotency.once(store, request, now, enqueue))


def prepare(parts: Parts, claim: Claim) -> Opened:
    """Run steps 0 to 4 for a claimed generation.

    Raises:
        HousemodelError: it is refused now, or something that it needs is gone.
    """
    accepted = accept(parts, claim.workspace_id, claim.id, claim.asked, claim.actor)
    return open_(record(parts, admit(parts, resolve(parts, accepted)), claim))


def release(parts: Parts, drawn: Drawn) -> Published | None:
    """Run steps 6 and 7; None if the generation was cancelled.

    Raises:
        HousemodelError: a score, the marks or the store failed; nothing was published.
    """
    reviewed = review(parts, place(parts, drawn))
    return publish(parts, reviewed) if reviewed else None


def accept(
    parts: Parts,
    workspace_id: WorkspaceId,
    generation_id: GenerationId,
    asked: Asked,
    actor: str,
) -> Accepted:
    """0. Check the request against tools, pack and workspace; fill in defaults."""
    rules.tool_takes_no_model(asked)
    store = parts.registry.store(workspace_id)
    plan = rules.plan_of(parts.plans, store.workspace)
    pack = parts.diffusion.describe()
    licences.require(parts.registry, pack)
    rules.tool_offered(asked, pack)
    asked = rules.fit(swaps.fitted(store, asked, pack, parts.clock()), pack)
    rules.products_exist(store, asked)
    asked = rules.with_campaign(store, asked)
    return Accepted(store, plan, pack, generation_id, asked, actor)


def resolve(parts: Parts, accepted: Accepted) -> Resolved:
    """1. Replace the placeholders; one that is unknown or stands for nothing is named."""
    asked = accepted.asked
    has_model = asked.model_id is not None
    return Resolved(
        accepted, templates.resolve(asked.prompt, has_model, len(asked.product_ids), parts.words)
    )


def admit(parts: Parts, resolved: Resolved, at_submit: bool = False) -> Admitted:
    """2. Ask compliance: consent, scope, dates, plan, quota, words. Refused with the clause."""
    accepted = resolved.accepted
    store, asked = accepted.store, accepted.asked
    verdict = standing.verdict(
        store,
        accepted.plan,
        asked,
        resolved.prompt.text,
        accepted.id,
        parts.clock(),
        at_submit,
        parts.content,
    )
    return Admitted(resolved, verdict)


def record(parts: Parts, admitted: Admitted, claim: Claim) -> Recorded:
    """3. Write the decision first; if it can't be written, the generation fails here."""
    accepted, verdict = admitted.resolved.accepted, admitted.verdict
    facts = accepted.asked.for_audit() | {
        "consent_id": verdict.consent_id,
        "consent_version": verdict.consent_version,
        "pack": accepted.pack.name,
        "weights_digest": accepted.pack.digest,
    }
    now = parts.clock()
    audit.append(accepted.store, "generation.admitted", claim.id, claim.actor, now, **facts)
    return Recorded(admitted, claim)


def open_(recorded: Recorded) -> Opened:
    """4. Open likeness and products for this generation and crop them as the pack expects."""
    accepted = recorded.admitted.resolved.accepted
    store, asked = accepted.store, accepted.asked
    likeness = open_likeness(store, asked.model_id) if asked.model_id else None
    photos = tuple(products.read_isolated(store, product_id) for product_id in asked.product_ids)
    close_up = (likeness.close_up, likeness.face) if likeness else None
    full_body = (likeness.full_body, likeness.full_body_face) if likeness else None
    if asked.candidate_id:  # the close-up of somebody who does not exist, from the full body
        full_body = casting.reference(store, asked.candidate_id)
    references = conditioning.references(accepted.pack, close_up, full_body, photos)
    now = recorded.claim.claimed_at
    own = pictures.open_(store, asked.picture_id, now) if asked.picture_id else None
    return Opened(recorded, likeness, photos, references, own)


def render(parts: Parts, batch: Sequence[Opened], on_step: OnStep) -> tuple[Drawn, ...]:
    """5. Draw every image of compatible generations; image k uses seed + k, alone or batched.

    What broke off before is drawn in smaller batches, half as large each time, because the engine
    may have had too little memory; pictures don't depend on what shares their batch.

    Raises:
        EngineFailed: none of the batch is finished.
    """
    orders = [rendering.order(opened) for opened in batch]
    pack = batch[0].recorded.admitted.resolved.accepted.pack
    broke_off = max(opened.recorded.claim.attempts for opened in batch) - 1
    size = max(1, pack.max_batch >> max(0, broke_off))
    done = rendering.draw(parts.diffusion, orders, size, on_step)
    return tuple(Drawn(opened, *done[k]) for k, opened in enumerate(batch))


def place(parts: Parts, drawn: Drawn) -> Drawn:
    """5. Where the caller brought a photo, what was drawn is the scene behind its figure.

    Raises:
        EngineFailed: somebody is in the scene who is not in the photo.
    """
    photo, asked = drawn.opened.photo, drawn.opened.recorded.admitted.resolved.accepted.asked
    if photo is None or drawn.pictures is None:
        return drawn
    placed = tuple(
        swaps.composed(photo, scene, parts.encoder, asked.seed_of(k))
        for k, scene in enumerate(drawn.pictures)
    )
    return replace(drawn, pictures=placed)


def review(parts: Parts, drawn: Drawn) -> Reviewed | None:
    """6. Look at every picture, score it and mark it; None if cancelled.

    Raises:
        ContentRefused: a picture shows nudity, so none is published.
        MarkingFailed: a picture can't be marked, so none is published.
    """
    opened, pictures = drawn.opened, drawn.pictures
    if pictures is None:
        return None
    parts.safety.check_results(pictures)
    face = opened.likeness.embedding if opened.likeness else None
    scores = tuple(
        (
            scoring.identity_score(parts.encoder, face, picture) if face else None,
            scoring.product_score(opened.products, picture),
        )
        for picture in pictures
    )
    accepted = opened.recorded.admitted.resolved.accepted
    asked, store = accepted.asked, accepted.store
    inputs = marking.inputs_of(store, asked.product_ids)
    real = opened.photo is not None
    shown = [
        rules.shows(store, asked.model_id, parts.encoder, picture, real) for picture in pictures
    ]
    origin = opened.photo.origin if opened.photo else None
    marked = tuple(
        marking.mark(
            parts.marker,
            parts.labels,
            picture,
            marking.Wanted(asked.label, asked.territories, shown[k], inputs, origin),
        )
        for k, picture in enumerate(pictures)
    )
    return Reviewed(drawn, marked, scores)


def publish(parts: Parts, reviewed: Reviewed) -> Published:
    """7. Sealed images, state and audit entry in one transaction, under the claim's fence.

    Raises:
        Conflict: cancelled or taken over meanwhile; nothing is published.
        Refused, ModelRevoked: the consent does not allow it any more; nothing is published.
        NotFound: the own photo that it was made of was destroyed; nothing is published.
    """
    recorded = reviewed.drawn.opened.recorded
    claim, accepted = recorded.claim, recorded.admitted.resolved.accepted
    store, asked, now = accepted.store, accepted.asked, parts.clock()
    with store.transaction():
        # A consent may have ended while it was drawn; the newest version is what a use rests on.
        verdict = admit(parts, recorded.admitted.resolved).verdict
        swaps.check_photo(store, asked)
        asks = verdict.approval == "per_image" and asked.model_id is not None
        leases.finish(store, claim, GenerationStatus.COMPLETED, now)
        ids = tuple(
            gallery.put(
                store,
                picture,
                replace(_image_facts(reviewed, k, now), approval_asked=asks),
                claim.id,
                k,
                asked.seed_of(k),
                asked.model_id,
                now,
            )
            for k, picture in enumerate(reviewed.pictures)
        )
        if asks and asked.model_id is not None:
            approvals.await_images(store, ids, asked.model_id, now)
        ledger.note_uses(store, ids, claim.id, verdict, now)
        audit.append(store, "generation.completed", claim.id, claim.actor, now, images=len(ids))
    return Published(claim.id, ids)


def _image_facts(reviewed: Reviewed, k: int, now: datetime) -> gallery.Facts:
    drawn, pictures = reviewed.drawn, reviewed.drawn.pictures or ()
    admitted = drawn.opened.recorded.admitted
    accepted, claim = admitted.resolved.accepted, drawn.opened.recorded.claim
    height, width = pictures[k].shape[:2]
    return gallery.Facts(
        width=width,
        height=height,
        identity_score=reviewed.scores[k][0],
        product_score=reviewed.scores[k][1],
        model_version=rules.model_version(accepted.store, accepted.asked.model_id),
        consent_id=admitted.verdict.consent_id,
        pack=f"{accepted.pack.name} {accepted.pack.version}",
        weights_digest=accepted.pack.digest,
        engine=accepted.pack.engine,
        queued_seconds=round((claim.claimed_at - claim.created_at).total_seconds(), 3),
        render_seconds=round(drawn.seconds, 3),
        total_seconds=round((now - claim.created_at).total_seconds(), 3),
        pack_licences=licences.shown(accepted.pack),
        edited=drawn.opened.photo is not None,
        licence_acknowledged=True if licences.contract_needed(accepted.pack) else None,
    )
