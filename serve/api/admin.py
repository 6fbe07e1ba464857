"""`/v1/admin`: the workspace's people, its plan and use, the loaded pack; for `admin`.

An admin runs the appliance and sees no likeness: no answer here has a photo, an image, a prompt or
the name of a custom model, and an account that would show them waits until somebody with
`consents:write` confirms it (`serve/callers/people.py`). Keys are in `admin_keys.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Request

from compliance import audit
from identity import models
from serve import about, idempotency
from serve.api import once
from serve.api.access import Key, Visit, allowed, check_may_confirm
from serve.callers import auth, people
from serve.callers.people import Person
from serve.line import rules
from serve.problems import documented
from serve.wire.admin_views import (
    NewPerson,
    PeopleView,
    PersonChange,
    PersonConfirmation,
    PersonView,
    PlanView,
    QueueView,
    UsageView,
    WorkspaceView,
)
from workspace.errors import Conflict
from workspace.types import PersonId, new_id

router = APIRouter(prefix="/v1/admin", tags=["admin"])
Admin = Annotated[Visit, allowed("admin")]
Confirmer = Annotated[Visit, allowed("consents:write")]
_READ = documented(401, 403, 500, 503)
_CHANGE = documented(401, 403, 404, 409, 422, 500, 503, 507)


@router.get("/workspace", summary="Plan, use and queue", responses=_READ)
def workspace(visit: Admin) -> WorkspaceView:
    """Count what the workspace holds and has waiting."""
    store, services = visit.store, visit.services
    keys = auth.list_keys(services.registry, store.workspace.id)
    return WorkspaceView(
        id=store.workspace.id,
        name=store.workspace.name,
        created_at=store.workspace.created_at,
        networks=list(store.workspace.networks),
        plan=PlanView.of(rules.plan_of(services.plans, store.workspace)),
        usage=UsageView(
            models=models.count_held(store),
            products=store.count("products"),
            images=store.count("images"),
            images_today=rules.usage(store, "", None, visit.now(), False).images_today,
        ),
        queue=QueueView(
            queued=store.count("generations", "status = 'queued'"),
            running=store.count("generations", "status = 'running'"),
        ),
        people=sum(p.status != "removed" for p in _people(visit)),
        keys=sum(not key["revoked_at"] for key in keys),
    )


@router.get("/pack", summary="The loaded pack", responses=_READ)
def pack(visit: Admin) -> about.PackView:
    """Show what the loaded pack says of itself."""
    loaded = visit.services.diffusion.describe()
    return about.PackView.of(loaded, rules.offered(loaded))


@router.get("/people", summary="People, oldest first", responses=_READ)
def listing(
    visit: Annotated[Visit, allowed("admin", "consents:write", "audit:read")],
) -> PeopleView:
    """List the accounts of this workspace; those who confirm and who audit may see them, too."""
    return PeopleView(items=[PersonView.of(person) for person in _people(visit)])


@router.post("/people", status_code=201, summary="Add a person", responses=_CHANGE)
def add(body: NewPerson, visit: Admin, request: Request, key: Key = None) -> PersonView:
    """Make an account; one that opens likenesses or images waits to be confirmed."""
    # The password is no part of what makes two requests the same: it is hashed slowly or not at all
    sent = once.of_json(key, request, body.model_copy(update={"password": ""}))
    registry, store, now = visit.services.registry, visit.store, visit.now()

    def make() -> str:
        person_id = PersonId(new_id("per"))
        _note(visit, "person.added", person_id, " ".join(sorted(body.roles)))
        people.add(
            registry,
            store.workspace.id,
            body.name,
            body.roles,
            body.password,
            now,
            visit.caller.principal,
            person_id,
        )
        return person_id

    made = idempotency.once(store, sent, now, make)
    return PersonView.of(people.get(registry, store.workspace.id, made))


@router.patch("/people/{person_id}", summary="Other roles, a new password", responses=_CHANGE)
def change(person_id: str, body: PersonChange, visit: Admin) -> PersonView:
    """Change an account and end its sessions; a new password or more rights wait to be confirmed.

    Nobody changes their own roles, and their own password only at `/v1/account/password`.
    """
    if person_id == visit.caller.principal:
        raise Conflict("Somebody else must change your account.")
    registry, of = visit.services.registry, visit.store.workspace.id

    def act() -> Person:
        made_by = visit.caller.principal
        return people.change(registry, of, person_id, body.roles, body.password, made_by)

    facts = " ".join(sorted(body.model_fields_set))
    return _change(visit, person_id, "person.changed", facts, act)


@router.delete("/people/{person_id}", summary="Remove a person", responses=_CHANGE)
def remove(person_id: str, visit: Admin) -> PersonView:
    """End an account and its sessions at once."""
    registry, of = visit.services.registry, visit.store.workspace.id
    return _change(
        visit,
        person_id,
        "person.removed",
        "",
        lambda: people.remove(registry, of, person_id, visit.now()),
    )


@router.post("/people/{person_id}/confirm", summary="Let an account count", responses=_CHANGE)
def confirm(
    person_id: str,
    body: PersonConfirmation,
    visit: Confirmer,
    request: Request,
    key: Key = None,
) -> PersonView:
    """Confirm an account that an admin made or changed; no admin may."""
    registry, of = visit.services.registry, visit.store.workspace.id

    def act() -> str:
        known = people.get(registry, of, person_id)
        check_may_confirm(visit)
        if known.status == "awaiting_confirmation":
            _note(visit, "person.confirmed", person_id, " ".join(known.roles))
        people.confirm(registry, of, person_id, visit.caller.principal, body.roles)
        return person_id

    idempotency.once(visit.store, once.of_json(key, request, body), visit.now(), act)
    return PersonView.of(people.get(registry, of, person_id))


def _change(
    visit: Visit, person_id: str, action: str, what: str, act: Callable[[], Person]
) -> PersonView:
    people.get(visit.services.registry, visit.store.workspace.id, person_id)
    with visit.store.transaction():  # what can't be audited does not happen
        _note(visit, action, person_id, what)
        done = act()
    return PersonView.of(done)


def _note(visit: Visit, action: str, person_id: str, what: str) -> None:
    audit.append(visit.store, action, person_id, visit.caller.actor, visit.now(), what=what)


def _people(visit: Visit) -> list[Person]:
    return people.people(visit.services.registry, visit.store.workspace.id)
