"""A gateway that dies and starts again: accepted work goes on, nothing is published twice."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from identity.encoder import InsightFaceEncoder
from serve.idempotency import Once
from serve.pipeline import submit
from tests.generating import ACTOR, ask, product_of, settled
from tests.service import Service, enrolment, open_service, sample, wait
from workspace.types import GenerationStatus


def test_a_new_process_finishes_what_the_old_one_ran_and_the_old_one_publishes_nothing(
    home: Path, encoder: InsightFaceEncoder
) -> None:
    with open_service(home, encoder) as old:
        product = product_of(old)
        old.diffusion.gate = threading.Event()
        once = Once(None, "POST /test", "")
        parts = old.services.parts
        generation_id = submit(parts, old.workspace.id, ask(product, n=2), ACTOR, once)
        old.services.dispatcher.wake()
        deadline = time.monotonic() + 10
        while old.store.get("generations", generation_id).columns["step"] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        # The old process is stuck; a new one takes the home over, as after a kill -9.
        with open_service(home, encoder) as new:
            assert settled(new, generation_id) is GenerationStatus.COMPLETED
            before = images(new)
            old.diffusion.gate.set()
            time.sleep(0.3)
            assert images(new) == before and len(before) == 2
            assert new.store.count("assets", "kind = 'image'") == 2
            kept = new.store.get("generations", generation_id).columns
            assert (kept["attempts"], kept["status"]) == (2, "completed")
            assert new.client.get("/v1/audit/verify").json()["intact"]


def test_a_model_that_was_being_built_is_built_by_the_next_start(
    home: Path, encoder: InsightFaceEncoder
) -> None:
    with open_service(home, encoder, start=False) as old:
        body = enrolment(old.client, sample("kenji"))
        answer = old.client.post("/v1/models", **body)
        assert answer.json()["status"] == "building"
    with open_service(home, encoder) as new:
        done = wait(new.client, f"/v1/models/{answer.json()['id']}", "building")
        assert done["status"] == "ready" and done["name"] == "Kenji"


def images(service: Service) -> list[str]:
    return sorted(row["id"] for row in service.store.db.query("SELECT id FROM images"))
