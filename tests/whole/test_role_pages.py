"""The console as each role sees it: an admin's pages show nobody, and no role breaks a page."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from console.app import build_console, in_process
from serve.callers.roles import ROLE_SCOPES
from tests.console_pages import everybody, loads_of, run

NAME = "Quirina Canary"
PROMPT = "$model on a zebra crossing at quarter past nine"


@pytest.fixture(scope="module")
def desks(service):
    """The console with one person of each role, over a workspace with a model and a picture."""
    requests = everybody(service, "pages")
    model_id = service.model()
    service.client.patch(f"/v1/models/{model_id}", json={"name": NAME})
    made = service.generate(tool="editorial", prompt=PROMPT, model_id=model_id)
    assert made["status"] == "completed"
    hidden = (NAME, PROMPT.removeprefix("$model"), model_id, made["id"], made["images"][0]["id"])
    loads = loads_of(build_console(in_process(service.app)))
    yield SimpleNamespace(loads=loads, requests=requests, hidden=hidden)
    service.client.patch(f"/v1/models/{model_id}", json={"name": "Amara"})


@pytest.mark.parametrize("role", ROLE_SCOPES)
def test_every_page_answers_every_role(desks, role) -> None:
    for page, event in desks.loads.items():
        values = run(event, desks.requests[role])
        assert len(values) == len(event.outputs), page


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_no_page_shows_an_admin_or_an_auditor_anybody(desks, role) -> None:
    shown = {page: str(run(e, desks.requests[role])) for page, e in desks.loads.items()}
    for page, values in shown.items():
        if role == "auditor" and page == "compliance":
            continue  # the audit log names ids of models, which an auditor may read
        found = [hidden for hidden in desks.hidden if hidden in values]
        assert not found and "data:image/jpeg" not in values, page
        assert NAME not in values and "data:image" not in values.replace("data:image/svg", ""), page


def test_the_search_finds_what_a_creator_may_see(desks) -> None:
    shown = str([run(event, desks.requests["creator"]) for event in desks.loads.values()])
    assert NAME in shown and desks.hidden[2] in shown
