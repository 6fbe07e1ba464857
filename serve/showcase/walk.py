"""The real job, once, through the HTTP API: enrol, add products, generate, wait, fetch.

`housemodel up` fills its demo workspace with it, `housemodel demo` runs it in process, the
benchmarks time it. It knows only an `httpx.Client`, so that it can't do what a caller couldn't.
"""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

from serve.showcase.samples import SamplePerson, SampleProduct
from workspace.errors import EngineFailed, HousemodelError

POLL_SECONDS = 0.1
WAIT_SECONDS = 180.0


class Refusal(HousemodelError):
    """The API answered with a problem; carries its detail and remedy."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title", "")))
        self.problem = problem


def checked(response: httpx.Response) -> Any:
    """The JSON of a good answer.

    Raises:
        Refusal: the answer is a problem document.
    """
    if response.is_success:
        return response.json()
    try:
        problem = response.json()
    except ValueError:
        problem = {"title": f"HTTP {response.status_code}", "detail": "The answer was no JSON."}
    raise Refusal(problem)


def enrol(client: httpx.Client, person: SamplePerson, key: str, duplicate: bool = False) -> str:
    """Enrol one person with every box ticked and wait until the model is ready.

    Args:
        key: Idempotency-Key; the same key again gives the same model.
        duplicate: send `allow_duplicate`.

    Returns:
        The model's id.

    Raises:
        Refusal: the API refused, or the model needs attention.
    """
    boxes = [
        {"id": box["id"], "sha256": box["sha256"]}
        for box in checked(client.get("/v1/capabilities"))["attestations"]
    ]
    model = checked(
        client.post(
            "/v1/models",
            headers={"Idempotency-Key": key},
            data={
                "name": person.name.title(),
                "gender": person.gender,
                "attestations": json.dumps(boxes),
                "allow_duplicate": "true" if duplicate else "false",
            },
            files={
                "full_body": ("full_body.jpg", person.full_body.read_bytes(), "image/jpeg"),
                "close_up": ("close_up.jpg", person.close_up.read_bytes(), "image/jpeg"),
            },
        )
    )
    done = wait(client, f"/v1/models/{model['id']}", {"building", "draft"})
    if done["status"] != "ready":
        hints = [c["hint"] for c in done.get("checks", []) if c["status"] == "fail"]
        raise Refusal({"title": "The model needs attention", "detail": " ".join(hints)})
    return str(model["id"])


def add_product(client: httpx.Client, product: SampleProduct, key: str) -> str:
    """Add one garment photo and return the product's id."""
    made = checked(
        client.post(
            "/v1/products",
            headers={"Idempotency-Key": key},
            data={"name": product.name.replace("-", " ").title(), "category": product.category},
            files={"photo": ("product.jpg", product.photo.read_bytes(), "image/jpeg")},
        )
    )
    return str(made["id"])


def generate(client: httpx.Client, request: dict[str, Any], key: str | None = None) -> Any:
    """Ask for a generation, wait for its end and return it.

    Raises:
        Refusal: the API refused it, or it ended as refused or failed.
    """
    headers = {"Idempotency-Key": key} if key else {}
    asked = checked(client.post("/v1/generations", json=request, headers=headers))
    done = wait(client, f"/v1/generations/{asked['id']}", {"queued", "running"})
    if done["status"] != "completed":
        raise Refusal(done.get("error") or {"title": f"It ended as {done['status']}"})
    return done


def wait(client: httpx.Client, url: str, while_in: set[str]) -> Any:
    """Poll a resource until its status is not in `while_in`; returns its last state.

    Raises:
        EngineFailed: that took longer than WAIT_SECONDS.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := checked(client.get(url)))["status"] in while_in:
        if time.monotonic() > deadline:
            raise EngineFailed(f"It was still {found['status']} after {WAIT_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)
    return found
