"""Schemathesis over our whole OpenAPI document, in process: every check on, every route asked.

Each operation is asked with a key of the scopes that it needs. About half of the ids are those of
things that exist, so that more is reached than "not found"; what a request destroys is made again,
a few times. A finding is a failed check, unless a schema can't say what was wrong (`beliefs.py`).
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis import engine, openapi
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events

from serve.callers import auth
from serve.services import utc_now
from tests.fuzz.beliefs import may_refuse
from tests.fuzz.objects import Objects
from tests.role_table import TABLE
from tests.service import EVERYTHING, Service

CHECKS = 14  # that schemathesis brings and that ask something here; fewer: one was switched off
PHOTOS = ("full_body", "close_up", "photo", "image", "file")
BODY_IDS = {"product_ids": "product_id", "image": "picture_id"}


@dataclass
class Outcome:
    """What a run saw."""

    cases: int = 0
    seconds: float = 0.0
    operations: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)  # "check: operation" -> the first one

    def report(self) -> dict[str, Any]:
        return {
            "cases": self.cases,
            "operations": len(self.operations),
            "statuses": {str(status): n for status, n in sorted(self.statuses.items())},
            "checks": dict(sorted(self.checks.items())),
            "findings": self.findings,
        }


def explore(
    service: Service,
    examples: int,
    seed: int,
    whole: bool = True,
    known: dict[str, str] | None = None,
) -> Outcome:
    """Ask every operation of the document.

    Args:
        examples: Cases that are drawn for each operation.
        whole: Also every value at every limit, and operations one after the other.
        known: Ids of things that exist, by parameter name; made here if not given.
    """
    config = _config(service, examples, seed, whole)
    objects, chance, outcome = Objects(service, known), random.Random(seed), Outcome()
    schema = openapi.from_asgi("/openapi.json", service.app, config=config)

    @schemathesis.hook
    def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
        _make_real(case, objects, chance)

    @schema.hook
    def after_call(context: Any, case: Any, response: Any) -> None:
        objects.destroyed_by(f"{case.method} {case.path}", response.status_code)

    @schema.hook
    def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
        if type(failure).__name__ != "RejectedPositiveData":
            return True
        return not may_refuse(f"{case.method} {case.path}", _code_of(response))

    try:
        for event in engine.from_schema(schema).execute():
            _note(event, outcome)
    finally:
        schemathesis.hooks.unregister(before_call)
    return outcome


def _config(service: Service, examples: int, seed: int, whole: bool) -> SchemathesisConfig:
    admin = frozenset({"admin"})
    operations = [
        {"include-name": line, "headers": _signed(service, admin)}
        for line, who in TABLE.items()
        if who == "admin"
    ]
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "headers": _signed(service, EVERYTHING),
            "continue-on-failure": True,
            "generation": {"max-examples": examples, "no-shrink": True, "database": "none"},
            "operations": operations,
            "phases": {name: {"enabled": whole} for name in ("coverage", "stateful", "examples")},
        }
    )


def _signed(service: Service, scopes: frozenset[str]) -> dict[str, str]:
    _, secret = auth.create_key(service.services.registry, service.workspace.id, scopes, utc_now())
    return {"Authorization": f"Bearer {secret}"}


def _make_real(case: Any, objects: Objects, chance: random.Random) -> None:
    """Put ids of things that exist, and real photos, into half of the cases that fit the schema."""
    for name in case.path_parameters or ():
        case.path_parameters[name] = objects.spared(name, case.path_parameters[name])
    meta = case.meta
    if meta is None or meta.generation.mode.is_negative or chance.random() < 0.5:
        return
    for name in case.path_parameters or ():
        case.path_parameters[name] = objects.one(name, case.path_parameters[name])
    body = case.body
    if not isinstance(body, dict):
        return
    for name in list(body):
        if name in PHOTOS and not isinstance(body[name], str):
            if chance.random() < 0.3:
                body[name] = objects.photo(name)
        elif (body[name] is not None and name.endswith(("_id", "_ids"))) or name == "image":
            known = objects.one(BODY_IDS.get(name, name), body[name])
            body[name] = [known] if name.endswith("_ids") else known


def _code_of(response: Any) -> str:
    try:
        return str(json.loads(response.content)["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def _note(event: Any, outcome: Outcome) -> None:
    if isinstance(event, events.ScenarioFinished):
        recorder = event.recorder
        outcome.cases += len(recorder.interactions)
        for interaction in recorder.interactions.values():
            outcome.statuses[interaction.response.status_code if interaction.response else 0] += 1
        for case_id, checks in recorder.checks.items():
            case = recorder.cases[case_id].value
            outcome.operations.add(f"{case.operation.method.upper()} {case.path}")
            for check in checks:
                outcome.checks[check.name] += 1
                if check.failure_info is not None:
                    failed = check.failure_info
                    words = (
                        f"{failed.failure.title}: {failed.failure.message}\n{failed.code_sample}"
                    )
                    name = f"{check.name}: {case.method} {case.path}"
                    outcome.findings.setdefault(name, words[:3000])
    elif isinstance(event, events.NonFatalError | events.FatalError):
        name = f"error: {getattr(event, 'label', '')}"
        value = getattr(event, "value", None) or getattr(event, "exception", event)
        outcome.findings.setdefault(name, str(value)[:3000])
    elif isinstance(event, events.EngineFinished):
        outcome.seconds = event.running_time
