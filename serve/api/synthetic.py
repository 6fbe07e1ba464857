"""`/v1/models/synthetic`: a fictional person from attributes: candidates, close-up, custom model.

What the loaded pack can do decides the way: one that draws people from words makes new ones through
the queue, one with a cast picks from those who come with it. A candidate is its maker's alone:
everybody else gets 404.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response

from identity import candidates, cast, enrolment, synthetic
from identity.candidates import Candidate
from serve import idempotency, pipeline
from serve.api import once
from serve.api.access import Key, Visit, allowed
from serve.callers import scopes
from serve.idempotency import Once
from serve.line import casting, rules
from serve.line.asked import SEEDS, Asked
from serve.problems import documented
from serve.wire import synthetic_views as views
from serve.wire.views import CheckView, ErrorView
from workspace.errors import Conflict, InvalidRequest, NotReady
from workspace.types import Gender, ModelId, PhotoKind

router = APIRouter(prefix="/v1/models/synthetic", tags=["synthetic"])
Writer = Annotated[Visit, allowed("models:write")]
_MADE = documented(401, 403, 404, 409, 422, 429, 500, 503, 507)
BASE = "/v1/models/synthetic/candidates"
_JOINED = ","


@router.get("", summary="What can be made from scratch", responses=documented(401, 403, 500, 503))
def offer(visit: Writer) -> views.OfferView:
    """Say which way the loaded pack goes, what can be chosen, and which boxes are ticked."""
    texts, people = visit.services.scratch, _cast(visit)
    return views.OfferView(
        way=_way(visit),
        cast_size=len(people.people) if people else None,
        cast_left=len(people.people) - len(_taken(visit, people)) if people else None,
        version=texts.version,
        title=texts.title,
        intro=texts.intro,
        genders=[
            gender
            for gender in Gender
            if people is None or any(one.gender is gender for one in people.people)
        ],
        attributes=[
            views.AttributeView(
                id=one.id,
                label=one.label,
                several=one.several,
                values=[
                    views.ValueView(id=value.id, label=value.label)
                    for value in one.values
                    if people is None or people.has(one.id, value.id)
                ],
            )
            for one in texts.attributes
        ],
        attestations=[
            views.BoxView(id=box.id, text=box.text, sha256=box.sha256) for box in texts.attestations
        ],
        keep_hours=round(texts.keep.total_seconds() / 3600),
        most_open=texts.most_open,
    )


@router.post("", status_code=202, summary="Make candidates", responses=_MADE)
def create(
    body: views.Wanted, visit: Writer, request: Request, key: Key = None
) -> views.CandidatesView:
    """Make candidates for a description: drawn as full bodies, or picked from the cast."""
    visit.still()
    store, texts = visit.store, visit.services.scratch
    wanted = texts.checked(body.chosen())
    seed = secrets.randbelow(SEEDS) if body.seed is None else body.seed
    first = candidates.new(visit.caller, body.gender, wanted, seed, visit.now(), texts.keep)
    pick = {"cast": _pick, "words": _draw}.get(_way(visit))
    if pick is None:
        raise _not_offered()

    def make() -> str:
        made = pick(visit, first, body.n)
        candidates.put(store, made, texts.most_open, visit.caller, visit.now())
        return _JOINED.join(one.id for one in made)

    ids = idempotency.once(store, once.of_json(key, request, body), visit.now(), make)
    visit.services.dispatcher.wake()
    wanted_ids = ids.split(_JOINED)
    known = {one.id: one for one in candidates.owned(store, visit.caller, visit.now())}
    return views.CandidatesView(
        items=[_view(visit, known[one]) for one in wanted_ids if one in known]
    )


@router.get(
    "/candidates", summary="Your candidates, newest first", responses=documented(401, 403, 500, 503)
)
def listing(visit: Writer) -> views.CandidatesView:
    """List the caller's own open candidates."""
    found = candidates.owned(visit.store, visit.caller, visit.now())
    return views.CandidatesView(items=[_view(visit, one) for one in found])


@router.get(
    "/candidates/{candidate_id}",
    summary="One candidate",
    responses=documented(401, 403, 404, 500, 503),
)
def one(candidate_id: str, visit: Writer) -> views.CandidateView:
    """Show a candidate of the caller's own."""
    return _view(visit, _own(visit, candidate_id))


@router.get(
    "/candidates/{candidate_id}/photos/{kind}",
    summary="A picture of a candidate",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "The picture; marked if drawn here."},
        **documented(401, 403, 404, 422, 500, 503),
    },
)
def photo(candidate_id: str, kind: PhotoKind, visit: Writer) -> Response:
    """Open one of the two pictures of a candidate."""
    content = _file(visit, _own(visit, candidate_id), kind)
    return Response(content, media_type="image/jpeg")


@router.post(
    "/candidates/{candidate_id}/close-up",
    status_code=202,
    summary="Draw the close-up",
    responses=_MADE,
)
def close_up(
    candidate_id: str,
    visit: Writer,
    request: Request,
    body: views.CloseUpWanted | None = None,
    key: Key = None,
) -> views.CandidateView:
    """Draw the close-up of the same face, with the full body as reference; again with a new seed.

    A person of a cast has one already: then this changes nothing.
    """
    given = body or views.CloseUpWanted()
    sent, store = once.of_json(key, request, given), visit.store
    found = _own(visit, candidate_id)
    if found.person is None and idempotency.find(store, sent, visit.now()) is None:
        scopes.require(visit.caller, "generate")
        if casting.standing(store, found).state == "drawing_close_up":
            raise NotReady("The close-up is being drawn already.", (), 2)
        found = casting.find_face(store, found, visit.services.encoder)
        seed = secrets.randbelow(SEEDS) if given.seed is None else given.seed
        asked = casting.close_up_asked(visit.services.scratch, found, seed)

        def draw() -> str:
            # Asked again inside the transaction: somebody may draw it, or may have ended it.
            if casting.standing(store, _own(visit, candidate_id)).state == "drawing_close_up":
                raise NotReady("The close-up is being drawn already.", (), 2)
            drawn = _submit(visit, asked)
            candidates.note_close_up(store, found, drawn)
            return candidate_id

        idempotency.once(store, sent, visit.now(), draw)
        visit.services.dispatcher.wake()
    return _view(visit, _own(visit, candidate_id))


@router.post(
    "/candidates/{candidate_id}/promote",
    status_code=201,
    summary="Make a custom model of a candidate",
    responses=_MADE,
)
def promote(
    candidate_id: str,
    body: views.Promotion,
    visit: Writer,
    request: Request,
    response: Response,
    key: Key = None,
) -> views.PromotedView:
    """Make a custom model flagged `synthetic`; refused if it looks like an enrolled person."""
    visit.still()
    sent, store, now = once.of_json(key, request, body), visit.store, visit.now()
    with idempotency.one_at_a_time(store, sent):
        known = idempotency.find(store, sent, now)
        model_id = ModelId(known) if known else _promote(visit, candidate_id, body, sent)
    response.headers["Location"] = f"/v1/models/{model_id}"
    shown = enrolment.describe(store, model_id)
    checks = [CheckView.of(check) for check in shown.checks]
    return views.PromotedView(id=model_id, status=shown.status, checks=checks)


@router.delete(
    "/candidates/{candidate_id}",
    status_code=204,
    summary="Discard a candidate",
    responses=documented(401, 403, 404, 500, 503, 507),
)
def discard(candidate_id: str, visit: Writer) -> None:
    """Destroy a candidate now; images that were drawn stay among the past results."""
    candidates.destroy(visit.store, _own(visit, candidate_id), visit.caller, visit.now())


def _promote(visit: Visit, candidate_id: str, body: views.Promotion, sent: Once) -> ModelId:
    services, store, now = visit.services, visit.store, visit.now()
    found = _own(visit, candidate_id)
    if casting.standing(store, found).state != "complete":
        raise Conflict("This candidate has no close-up yet; draw it first.")
    pack = services.diffusion.describe()
    gates = services.limits.gates
    fiction = synthetic.Fiction(
        full_body=_file(visit, found, "full_body"),
        close_up=_file(visit, found, "close_up"),
        name=body.name,
        gender=found.gender,
        attestations=body.attestations,
        # What was drawn is judged by the pack's own gates, where they are lower.
        least_alike=min(gates.same_person, pack.identity_warn),
        person=found.person,
    )

    def finish(model_id: ModelId) -> None:
        if not candidates.destroy(store, found, visit.caller, now):
            raise Conflict("This candidate ended meanwhile: it was promoted or discarded.")
        idempotency.remember(store, sent, model_id, now)

    plan = rules.plan_of(services.plans, store.workspace)
    return synthetic.promote(
        store,
        plan,
        services.scratch,
        services.encoder,
        services.parts.safety,
        gates,
        fiction,
        visit.caller,
        now,
        finish,
    )


def _pick(visit: Visit, first: Candidate, n: int) -> list[Candidate]:
    """Candidates from the cast: the closest of those who are no model here yet."""
    people = _cast(visit)
    if people is None:
        raise _not_offered()
    for name, values in first.wanted.items():
        for value in values:
            if not people.has(name, value):
                detail = "Nobody who comes with this pack looks like that; leave it open."
                raise InvalidRequest(detail, (), None, f"/{name}")
    shown = {one.person for one in candidates.owned(visit.store, visit.caller, visit.now())}
    seen = candidates.in_pack(shown | candidates.used(visit.store), people.pack)
    taken = _taken(visit, people)
    chosen = cast.choose(people.people, first.gender, first.wanted, n, first.seed, taken, seen)
    if not chosen:
        raise Conflict("Everybody who comes with this pack is a model of your workspace already.")
    return [replace(_fresh(visit, first), person=f"{people.pack}/{person.id}") for person in chosen]


def _draw(visit: Visit, first: Candidate, n: int) -> list[Candidate]:
    """Candidates that the pack draws: one generation, a candidate for each of its images."""
    scopes.require(visit.caller, "generate")
    texts = visit.services.scratch
    asked = casting.full_body_asked(texts, first.gender, first.wanted, n, first.seed)
    generation_id = _submit(visit, asked)
    return [
        replace(_fresh(visit, first), generation_id=generation_id, k=k, seed=asked.seed_of(k))
        for k in range(n)
    ]


def _fresh(visit: Visit, like: Candidate) -> Candidate:
    keep = like.expires_at - like.created_at
    return candidates.new(visit.caller, like.gender, like.wanted, like.seed, like.created_at, keep)


def _submit(visit: Visit, asked: Asked) -> str:
    caller = visit.caller
    unkeyed = Once(None, "", "")  # the key is the candidate's, not the generation's
    return pipeline.submit(visit.services.parts, caller.workspace_id, asked, caller.actor, unkeyed)


def _own(visit: Visit, candidate_id: str) -> Candidate:
    return candidates.get(visit.store, candidate_id, visit.caller, visit.now())


def _file(visit: Visit, found: Candidate, kind: PhotoKind) -> bytes:
    services = visit.services
    return casting.file(
        visit.store, services.cast, services.parts.marker, found, kind, visit.caller
    )


def _cast(visit: Visit) -> cast.Cast | None:
    """The cast of the pack that is loaded; none where it draws people itself."""
    pack, people = visit.services.diffusion.describe(), visit.services.cast
    return people if people and pack.people == "cast" and pack.name == people.pack else None


def _way(visit: Visit) -> Literal["words", "cast", "none"]:
    if visit.services.diffusion.describe().people == "words":
        return "words"
    return "cast" if _cast(visit) else "none"


def _taken(visit: Visit, people: cast.Cast) -> frozenset[str]:
    return candidates.in_pack(synthetic.taken(visit.store), people.pack)


def _not_offered() -> Conflict:
    return Conflict("The loaded pack makes nobody from scratch: it has no cast and draws no one.")


def _view(visit: Visit, found: Candidate) -> views.CandidateView:
    at = casting.standing(visit.store, found)
    person = _person(visit, found)
    url = f"{BASE}/{found.id}/photos"
    kinds = ("full_body", "close_up")
    there = kinds if found.person is not None else tuple(at.images)
    return views.CandidateView(
        id=found.id,
        status=at.state,
        gender=found.gender,
        attributes={name: list(values) for name, values in found.wanted.items()},
        shows={name: list(v) for name, v in person.attributes.items()} if person else None,
        differs=list(person.differs(found.wanted)) if person else [],
        seed=found.seed,
        photos={kind: f"{url}/{kind}" if kind in there else None for kind in kinds},
        generation_id=found.generation_id,
        close_up_generation_id=found.close_up_id,
        error=_error(visit, at.waiting_for),
        created_at=found.created_at,
        expires_at=found.expires_at,
    )


def _person(visit: Visit, found: Candidate) -> cast.Fictional | None:
    people = visit.services.cast
    for person in people.people if people else ():
        if people and f"{people.pack}/{person.id}" == found.person:
            return person
    return None


def _error(visit: Visit, generation_id: str | None) -> ErrorView | None:
    """Why a generation that was to draw the candidate ended without a picture."""
    if generation_id is None or not visit.store.count("generations", "id = ?", (generation_id,)):
        return None
    error = visit.store.get("generations", generation_id).private.get("error")
    return ErrorView(**error) if error else None
