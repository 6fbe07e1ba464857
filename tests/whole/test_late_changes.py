"""Every clause of a consent, changed late: after the claim, and while it is drawn.

Never is anything rendered or, in the second case, published; always there is an audit entry and
an answer in plain words. Changes while it waits are in `tests/test_every_clause.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from serve import pipeline
from serve.line.stages import Drawn
from tests.clauses import Clause, clause_service, each, submitted
from tests.consenting import ask, person, worker
from tests.generating import until
from tests.service import Service
from workspace.errors import HousemodelError


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with clause_service(tmp_path_factory.mktemp("clauses") / "home") as opened:
        yield opened


@each
def test_a_change_after_the_claim_renders_nothing(service: Service, clause: Clause) -> None:
    case = submitted(service, clause)
    held = case.claim()
    clause.change(service, case.model)
    with pytest.raises(HousemodelError) as refused:
        pipeline.prepare(worker(service, case.now)._parts, held)
    assert refused.value.code == clause.code
    case.end(held, refused.value)
    assert service.diffusion.batches == []
    case.check(clause)


@each
def test_a_change_while_it_is_drawn_publishes_nothing(service: Service, clause: Clause) -> None:
    case = submitted(service, clause)
    held, parts = case.claim(), service.services.parts
    drawn: Drawn = pipeline.render(parts, [pipeline.prepare(parts, held)], lambda *at: None)[0]
    clause.change(service, case.model)
    with pytest.raises(HousemodelError) as refused:
        pipeline.release(worker(service, case.now)._parts, drawn)
    case.end(held, refused.value)
    case.check(clause)


@each
def test_the_next_request_is_refused_in_the_same_words(service: Service, clause: Clause) -> None:
    if clause.later:
        pytest.skip("the service's clock is the real one")
    case = submitted(service, clause)
    clause.change(service, case.model)
    body = {"tool": "editorial", "prompt": "$model", "model_id": case.model} | clause.asks
    answer = service.client.post("/v1/generations", json=body)
    assert answer.status_code in (403, 410, 422) and answer.json()["code"] == clause.code
    assert answer.json()["detail"] and answer.json()["remedy"]


@pytest.mark.parametrize(
    ("action", "code", "status"),
    [
        ("suspend", "consent_suspended", "refused"),
        ("revoke", "model_revoked", "cancelled"),
    ],
)
def test_drawing_stops_at_its_next_step(
    service: Service, action: str, code: str, status: str
) -> None:
    asked = ask(service, person(service))
    model = service.client.get(f"/v1/generations/{asked}").json()["model_id"]
    service.diffusion.batches.clear()
    service.diffusion.gate = threading.Event()
    thread = threading.Thread(target=service.services.dispatcher.run_once)
    thread.start()
    try:
        until(lambda: bool(service.diffusion.batches))
        assert service.client.post(f"/v1/models/{model}/{action}").status_code == 200
    finally:
        service.diffusion.gate.set()
        thread.join(10)
        service.diffusion.gate = None
    shown = service.client.get(f"/v1/generations/{asked}").json()
    assert (shown["status"], shown["error"]["code"]) == (status, code)
    job = service.diffusion.batches[0][0].job_id
    assert job in service.diffusion.stopped and shown["images"] == []
