"""The wire types of `/v1/admin`, `/v1/account` and `/v1/break-glass`: what is sent and what comes.

Nothing here has a place for a likeness, an image, a prompt or the name of a custom model.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from serve.callers.break_glass import MAX_MINUTES, Grant
from serve.callers.people import Person
from serve.wire import schema, views
from serve.wire.schema import Id, Name
from workspace.networks import MOST
from workspace.plans import Plan

Role = Literal["creator", "legal", "reviewer", "auditor", "admin"]
ScopeName = Literal[
    "models:read",
    "models:write",
    "consents:write",
    "generate",
    "images:read",
    "review",
    "audit:read",
    "admin",
]


def _utf8(text: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("must be text that can be written as UTF-8")
    return text


Secret = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_utf8)]
Roles = Annotated[list[Role], Field(min_length=1, max_length=5)]
Scopes = Annotated[list[ScopeName], Field(min_length=1, max_length=8)]
Network = Annotated[str, Field(max_length=64, pattern=r"^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$")]
Networks = Annotated[list[Network], Field(max_length=MOST)]
AccountName = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_utf8)]


class NewPerson(schema.Body):
    name: AccountName = Field(description="What the person signs in with; not a model's name.")
    roles: Roles
    password: Secret = Field(description="A first one; the person changes it.")


class PersonChange(schema.Body):
    """What is to change; the person's sessions end."""

    roles: Roles | None = None
    password: Secret | None = None


class PersonConfirmation(schema.Body):
    roles: Roles = Field(description="What is confirmed; other roles wait: 409.")


class NewKey(schema.Body):
    scopes: Scopes
    label: Annotated[str, Field(max_length=120), AfterValidator(_utf8)] = ""
    days: int | None = Field(None, ge=1, le=3653, description="The key ends after so many days.")
    networks: Networks = Field(default=[], description="Only from these; empty: from anywhere.")
    requests_per_minute: int | None = Field(
        None, ge=1, le=1_000_000, description="Where it is to be less than the plan allows."
    )


class KeyConfirmation(schema.Body):
    scopes: Scopes = Field(description="What is confirmed; other scopes wait: 409.")


class NewGlass(schema.Body):
    model_id: Id
    reason: Name = Field(description="Kept sealed; `legal` and `auditor` read it.")
    minutes: int = Field(15, ge=1, le=MAX_MINUTES)


class NewPassword(schema.Body):
    old: Secret
    new: Secret


class PersonView(BaseModel):
    id: str
    name: str
    roles: list[str]
    status: Literal["active", "awaiting_confirmation", "removed", "damaged"]
    signs_in_by: Literal["password", "provider"]
    created_at: views.Time

    @classmethod
    def of(cls, person: Person) -> PersonView:
        return cls(
            id=person.id,
            name=person.name,
            roles=list(person.roles),
            status=person.status,
            signs_in_by=person.by,
            created_at=person.created_at,  # text; `Time` reads it
        )


class PeopleView(BaseModel):
    items: list[PersonView]


class KeyView(BaseModel):
    id: str
    scopes: list[str]
    label: str
    status: Literal["active", "awaiting_confirmation", "expired", "revoked"]
    created_at: views.Time
    expires_at: views.Time | None
    last_used_at: views.Time | None
    revoked_at: views.Time | None
    networks: list[str] = Field(description="It is taken from these only; empty: from anywhere.")
    requests_per_minute: int | None = Field(description="null: as many as the plan allows.")


class NewKeyView(KeyView):
    key: str | None = Field(description="The secret, only in the first answer and never again.")


class KeysView(BaseModel):
    items: list[KeyView]


class PlanView(BaseModel):
    name: str
    custom_models: bool
    max_models: int
    max_products: int
    max_images_per_day: int
    max_queued: int
    max_requests_per_minute: int
    max_caller_requests_per_minute: int

    @classmethod
    def of(cls, plan: Plan) -> PlanView:
        return cls(**{name: getattr(plan, name) for name in cls.model_fields})


class UsageView(BaseModel):
    """Counts; nothing about what they show."""

    models: int
    products: int
    images: int
    images_today: int = Field(description="Since midnight UTC, with what is queued.")


class QueueView(BaseModel):
    queued: int
    running: int


class WorkspaceView(BaseModel):
    id: str
    name: str
    created_at: views.Time
    networks: list[str] = Field(description="Calls come from these only; empty: from anywhere.")
    plan: PlanView
    usage: UsageView
    queue: QueueView
    people: int
    keys: int


class GlassView(BaseModel):
    id: str
    actor: str
    model_id: str
    reason: str
    open: bool
    created_at: views.Time
    expires_at: views.Time
    ended_by: str | None

    @classmethod
    def of(cls, grant: Grant, is_open: bool) -> GlassView:
        own = {name: getattr(grant, name) for name in cls.model_fields if name != "open"}
        return cls(open=is_open, **own)


class GlassesView(BaseModel):
    items: list[GlassView]


class AccountView(BaseModel):
    """Who the caller is."""

    actor: str
    workspace_id: str
    scopes: list[str]
    name: str | None = Field(description="Of a person who signed in with a name.")
    roles: list[str]
