"""Every clause of a consent, for tests: what is allowed at submit, and what changes then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from compliance import audit
from serve.work import endings, leases
from tests.consenting import Unseeing, ask, person
from tests.service import Service, boxes, open_service
from workspace.errors import HousemodelError
from workspace.types import GenerationId, ModelId

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
LATER = timedelta(days=2)
Change = Callable[[Service, ModelId], None]


@contextmanager
def clause_service(home: Path) -> Iterator[Service]:
    """A service of its own, without workers; its audit log is whole at the end."""
    with open_service(home, Unseeing(), start=False) as opened:
        yield opened
        assert audit.verify(opened.store).intact


def post(service: Service, path: str, body: Any = None, code: int = 200) -> Any:
    answer = service.client.post(path, json=body or {})
    assert answer.status_code == code, answer.text
    return answer.json()


def agreed(**terms: Any) -> Change:
    """The person signs a new version."""

    def change(service: Service, model: ModelId) -> None:
        body = {"consent": terms, "attestations": boxes(service.client)}
        post(service, f"/v1/models/{model}/consents", body, 201)

    return change


def call(action: str) -> Change:
    return lambda service, model: post(service, f"/v1/models/{model}/{action}") and None


def only_flatlay(service: Service, model: ModelId) -> None:
    body = {"tools": ["flatlay_to_catalog"]}
    assert service.client.patch(f"/v1/models/{model}", json=body).status_code == 200


def decline_campaign(service: Service, model: ModelId) -> None:
    campaigns = service.client.get(f"/v1/models/{model}/campaigns").json()["items"]
    post(service, f"/v1/campaigns/{campaigns[0]['id']}/decline")


def nothing(service: Service, model: ModelId) -> None:
    """Only time passes."""


@dataclass(frozen=True)
class Clause:
    change: Change
    code: str
    says: str  # a part of the plain words
    terms: dict[str, Any] = field(default_factory=dict)  # at submit
    asks: dict[str, Any] = field(default_factory=dict)
    later: timedelta = timedelta()
    status: str = "refused"


CLAUSES = {
    "scope: tool": Clause(
        agreed(tools=["flatlay_to_catalog"]), "consent_out_of_scope", "editorial is not among"
    ),
    "scope: the model's own tools": Clause(
        only_flatlay, "tool_not_allowed_for_model", "not allowed on this tool"
    ),
    "purpose": Clause(
        agreed(purposes=["press"]),
        "consent_out_of_scope",
        "lookbook is not among",
        asks={"purpose": "lookbook"},
    ),
    "channel": Clause(
        agreed(channels=["print"]), "consent_out_of_scope", "The consent covers print; web"
    ),
    "territory": Clause(
        agreed(territories=["EU"]),
        "consent_out_of_scope",
        "US-NY is not among",
        asks={"territories": ["US-NY"]},
    ),
    "scope: forbidden uses": Clause(
        agreed(forbidden=["gambling"]),
        "content_refused",
        "gambling",
        asks={"prompt": "$model at a roulette table in a casino"},
    ),
    "scope: alterations": Clause(
        agreed(alterations=["pose", "garment", "background"]),
        "content_refused",
        "other hair",
        terms={"alterations": ["pose", "garment", "background", "hair"]},
        asks={"prompt": "$model with blue hair"},
    ),
    "dates: it ends": Clause(
        nothing, "consent_expired", "ended", terms={"expires_at": TOMORROW}, later=LATER
    ),
    "dates: a new one starts later": Clause(
        agreed(starts_at=TOMORROW), "consent_out_of_scope", "starts on"
    ),
    "maximum": Clause(
        agreed(max_images=1), "consent_out_of_scope", "covers 1 images in all", asks={"n": 2}
    ),
    "approval: asked for now": Clause(
        agreed(approval="per_campaign"), "approval_missing", "approves each campaign"
    ),
    "approval: declined": Clause(
        decline_campaign,
        "approval_missing",
        "declined this campaign",
        terms={"approval": "per_campaign"},
        asks={"campaign": "spring"},
    ),
    "suspension": Clause(call("suspend"), "consent_suspended", "is suspended"),
    "revocation": Clause(call("revoke"), "model_revoked", "withdrew", status="cancelled"),
    "erasure": Clause(
        lambda service, model: service.client.delete(f"/v1/models/{model}") and None,
        "model_revoked",
        "withdrew",
        status="cancelled",
    ),
}
each = pytest.mark.parametrize("clause", CLAUSES.values(), ids=CLAUSES)


@dataclass
class Case:
    service: Service
    model: ModelId
    id: GenerationId
    later: timedelta
    before: int  # number of the last audit entry

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    def claim(self) -> leases.Claim:
        held = leases.claim(self.service.store, self.id, "boot_test", self.now, 600)
        assert held is not None
        return held

    def end(self, held: leases.Claim, error: Exception) -> None:
        assert isinstance(error, HousemodelError)
        endings.end(self.service.services.parts, held, error, 3)

    def check(self, clause: Clause) -> None:
        """Nothing to see; audited with the code; said in plain words."""
        store = self.service.store
        shown = self.service.client.get(f"/v1/generations/{self.id}").json()
        assert (shown["status"], shown["error"]["code"]) == (clause.status, clause.code)
        assert clause.says in shown["error"]["detail"]
        assert shown["images"] == [] and shown["finished_at"]
        assert store.count("images", "generation_id = ?", (self.id,)) == 0
        assert store.count("uses", "model_id = ?", (self.model,)) == 0
        told = [one for one in audit.entries(store, self.before) if one.object_id == self.id]
        ended = [one for one in told if one.action == f"generation.{clause.status}"]
        assert ended and all(one.facts["code"] == clause.code for one in ended)
        assert "generation.completed" not in [one.action for one in told]


def submitted(service: Service, clause: Clause) -> Case:
    """A generation that is allowed and waits, and nothing drawn so far."""
    model = person(service, **clause.terms)
    if "campaign" in clause.asks:
        name = {"name": clause.asks["campaign"]}
        made = post(service, f"/v1/models/{model}/campaigns", name, 201)
        post(service, f"/v1/campaigns/{made['id']}/approve")
    service.diffusion.batches.clear()
    before = int(service.store.db.execute("SELECT COALESCE(MAX(seq), 0) FROM audit").fetchone()[0])
    generation_id = ask(service, model, **clause.asks)
    return Case(service, model, generation_id, clause.later, before)
