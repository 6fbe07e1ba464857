"""Step 8: stored rows -> what a caller sees. Links are paths on this service.

It opens sealed rows of the caller's own store only, and never image bytes.
"""

from __future__ import annotations

from datetime import datetime

from compliance import approvals
from compliance.consent import Consent, current
from compliance.marks import sentences
from identity import enrolment
from serve import queue
from serve.line import gallery
from serve.line.asked import Asked
from serve.wire import views
from serve.work import expected
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import Approval, ConsentStatus, GenerationStatus, ModelId, ModelStatus

BASE = "/v1"


def generation(store: WorkspaceStore, row: Row, now: datetime) -> views.GenerationView:
    """Show a generation with its images, or why it has none."""
    asked, columns = Asked.from_json(row.private["asked"]), row.columns
    status = GenerationStatus(columns["status"])
    done = status is GenerationStatus.COMPLETED
    images = gallery.of_generation(store, row.id) if done else []
    states = approvals.states_of(store, {one.id: one.facts.approval_asked for one in images})
    error = row.private.get("error")
    url = f"{BASE}/generations/{row.id}"
    return views.GenerationView(
        id=row.id,
        status=status,
        tool=asked.tool,
        prompt=asked.prompt,
        model_id=asked.model_id,
        product_ids=list(asked.product_ids),
        n=asked.n,
        aspect_ratio=asked.aspect_ratio,
        seed=asked.seed,
        purpose=asked.purpose,
        channel=asked.channel,
        territories=list(asked.territories),
        campaign=asked.campaign,
        label=asked.label,
        label_reason=asked.label_reason,
        metadata=dict(asked.metadata),
        picture_id=asked.picture_id,
        refined_from=asked.refined_from,
        created_at=columns["created_at"],
        finished_at=columns["finished_at"],
        position=queue.position(store, columns, row.id),
        progress=views.ProgressView(
            step=columns["step"],
            steps=columns["steps"],
            eta_seconds=expected.seconds_left(store, row, now),
        ),
        images=[image(one, states[one.id]) for one in images],
        error=views.ErrorView(**error) if error else None,
        status_url=url,
        cancel_url=f"{url}/cancel",
        events_url=f"{url}/events",
    )


def accepted(store: WorkspaceStore, row: Row, now: datetime) -> views.GenerationAccepted:
    """Answer a submit: where the generation stands and where to look for it."""
    whole = generation(store, row, now)
    return views.GenerationAccepted(
        **{name: getattr(whole, name) for name in views.GenerationAccepted.model_fields}
    )


def image(one: gallery.Image, approval: Approval) -> views.ImageView:
    """Show what is known of a finished image."""
    facts = one.facts
    return views.ImageView(
        id=one.id,
        url=f"{BASE}/images/{one.id}",
        width=facts.width,
        height=facts.height,
        seed=one.seed,
        identity_score=facts.identity_score,
        product_score=facts.product_score,
        model_version=facts.model_version,
        consent_id=facts.consent_id,
        approval=approval.value,
        pack=facts.pack,
        weights_digest=facts.weights_digest,
        engine=facts.engine,
        pack_licences=[views.PackLicenceView(**one) for one in facts.pack_licences],
        licence_acknowledged=facts.licence_acknowledged,
        c2pa=views.MarksView(
            state="signed" if facts.certificate else "missing", certificate=facts.certificate
        ),
        watermark_id=facts.watermark_id,
        label_applied=facts.label_applied,
        deepfake=facts.shows == "real_person",
        edited=facts.edited,
        synthetic_performer=facts.shows == "synthetic",
        caption=sentences.caption(facts.shows, facts.edited),
        alt_text=sentences.alt_text(facts.shows, facts.edited),
        timings=views.Timings(
            queued=facts.queued_seconds, render=facts.render_seconds, total=facts.total_seconds
        ),
    )


def model(store: WorkspaceStore, model_id: ModelId, now: datetime) -> views.ModelView:
    """Show a custom model; one whose consent has ended shows as expired.

    Raises:
        NotFound: this workspace has no such model.
    """
    shown, given = enrolment.describe(store, model_id), current(store, model_id)
    status = shown.status
    if status is ModelStatus.READY and given is not None and given.terms.expires_at <= now:
        status = ModelStatus.EXPIRED
    return views.ModelView(
        id=shown.id,
        name=shown.name,
        gender=shown.gender,
        status=status,
        checks=[views.CheckView.of(check) for check in shown.checks],
        version=shown.version,
        synthetic=shown.synthetic,
        tools=list(shown.tools),
        consent_id=given.id if given else None,
        consent_status=consent_status(given, now) if given else None,
        # Nobody consented to a fictional person, so nothing ends.
        consent_expires_at=given.terms.expires_at if given and not shown.synthetic else None,
        created_at=shown.created_at,
    )


def consent_status(version: Consent, now: datetime) -> ConsentStatus:
    """The status at this moment: a consent ends by its date, whether or not anybody noted it."""
    ended = version.status is ConsentStatus.ACTIVE and version.terms.expires_at <= now
    return ConsentStatus.EXPIRED if ended else version.status


def consent(version: Consent, now: datetime) -> views.ConsentView:
    """Show one version of a consent; one whose end has come shows as expired."""
    return views.ConsentView(
        id=version.id,
        model_id=version.model_id,
        version=version.version,
        kind=version.kind,
        status=consent_status(version, now),
        terms=version.terms.as_json(),
        attestations=[
            {"id": box.id, "sha256": box.sha256, "by": box.by, "at": box.at.isoformat()}
            for box in version.attestations
        ],
        guidelines_version=version.guidelines_version,
        policy_url=version.policy_url,
        policy_version=version.policy_version,
        recorded_by=version.recorded_by,
        recorded_at=version.recorded_at,
    )
