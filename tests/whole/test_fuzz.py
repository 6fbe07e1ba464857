"""Short forms of `make fuzz`: our own OpenAPI document, damaged pictures, ids of others."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest

from serve.api import sign_in
from tests import role_objects
from tests import test_role_matrix as matrix
from tests.fuzz import beliefs, isolation, pictures, routes
from tests.role_table import LINK, PUBLIC, TABLE
from tests.service import Service, open_service
from tests.simulated import Swapping
from workspace import sealing
from workspace.ports import FaceEncoder

STREAM = "GET /v1/generations/{generation_id}/events"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, encoder: FaceEncoder) -> Iterator[Service]:
    """A service of these tests' own, whose passwords are cheap."""
    home = tmp_path_factory.mktemp("fuzz") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "PASSWORD_MEMORY_KIB", 64)
        patch.setattr(sign_in, "REFUSAL_SECONDS", 0.0)
        with open_service(home, encoder, diffusion=Swapping()) as service:
            yield service


@pytest.fixture(scope="module")
def theirs(target: Service) -> dict[str, str]:
    """One thing of each kind in the first workspace."""
    return role_objects.every_kind(target)


def test_no_id_of_another_workspace_is_found_wherever_it_is_put(
    target: Service, theirs: dict[str, str]
) -> None:
    asker, own = isolation.stranger(target, "stranger")
    asked = list(isolation.questions(target.app.openapi(), theirs, own))
    assert not isolation.strangers(target, asker, asked, theirs)
    in_paths = {question.line for question in asked if question.place.startswith("path")}
    closed = {line for line, who in TABLE.items() if who not in (LINK, PUBLIC)}
    assert in_paths == {line for line in closed if matrix.names_an_id(line)}
    assert {"body model_id", "query model_id"} <= {question.place for question in asked}


def test_the_questions_find_what_is_ones_own(target: Service, theirs: dict[str, str]) -> None:
    """Or the test above would be content with a service that finds nothing at all."""
    own = matrix.by_key(target, target.workspace.id, frozenset(sorted(matrix.SCOPES)), "own")
    question = isolation.Question(STREAM, "path", theirs)
    assert isolation.strangers(target, own, [question], theirs)


def test_a_key_used_elsewhere_brings_nothing_of_there(
    target: Service, theirs: dict[str, str]
) -> None:
    """Idempotency keys and pictures that were asked for before are kept for each workspace."""
    other = target.client_of(target.other("key-house"))
    headers = {"Idempotency-Key": "the same"}
    body = {"tool": "editorial", "prompt": "a hat"}
    ids = [
        client.post("/v1/generations", json=body, headers=headers).json()["id"]
        for client in (target.client, target.client, other)
    ]
    assert ids[0] == ids[1] != ids[2]
    assert other.get(f"/v1/generations/{ids[0]}").status_code == 404
    url = f"/v1/images/{theirs['image_id']}"
    mine = target.client.get(url)
    again = {"If-None-Match": mine.headers.get("etag", "*"), "Range": "bytes=0-10"}
    assert mine.status_code == 200 and other.get(url, headers=again).status_code == 404


def test_the_stream_of_a_running_generation_opens_for_nobody_else(target: Service) -> None:
    target.diffusion.pause_seconds = 0.2
    try:
        made = target.client.post("/v1/generations", json={"tool": "editorial", "prompt": "a hat"})
        asker, _ = isolation.stranger(target, "listener")
        ids = {"generation_id": made.json()["id"]}
        answer = asyncio.run(matrix.answer_to(target, asker, STREAM, None, ids))
        assert answer.status == 404
    finally:
        target.diffusion.pause_seconds = 0.0
        target.settle()


def test_a_404_takes_as_long_whether_or_not_the_id_exists_elsewhere(
    target: Service, theirs: dict[str, str]
) -> None:
    """Coarse, as the machine may be busy; `make fuzz` measures in microseconds."""
    asker, _ = isolation.stranger(target, "timer")
    seen = isolation.timing(target, asker, theirs, rounds=4, seed=1)["all"].report()
    assert abs(seen["t"]) < 6 or abs(seen["difference_us"]) < 200, seen


def test_no_route_answers_what_the_document_does_not_say(
    target: Service, theirs: dict[str, str]
) -> None:
    outcome = routes.explore(target, examples=1, seed=7, whole=False, known=theirs)
    assert not outcome.findings, "\n\n".join(f"{k}\n{v}" for k, v in outcome.findings.items())
    assert outcome.operations == set(matrix.routes(target))
    assert set(beliefs.BECAUSE) <= outcome.operations, "there is no such route any more"
    assert len(outcome.checks) == routes.CHECKS and outcome.statuses[200] > 30


def test_no_damaged_picture_ends_the_decoder_or_holds_it_up() -> None:
    outcome = pictures.explore(seed=11, count=60)
    assert not outcome.findings and outcome.files == 60
    assert outcome.results["read"] > 10 and outcome.results["unsupported_image"] > 10


def test_a_child_that_hangs_or_dies_is_a_finding_and_the_next_goes_on() -> None:
    dying = (
        "import json, os, sys; number = int(sys.argv[2])\n"
        "print(json.dumps({'number': number}), flush=True)\n"
        "os.kill(os.getpid(), 27 if number else 11)"
    )
    outcome = pictures.explore(1, 2, (sys.executable, "-c", dying))
    assert outcome.findings[0].startswith("ended with signal 11") and outcome.files == 2
    assert outcome.findings[1].startswith("ended with more than its processor time")
