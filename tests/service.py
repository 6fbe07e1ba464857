"""One whole service in a temporary home, and a client that speaks HTTP to it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient

from identity.limits import load_limits
from serve.callers import auth
from serve.services import Services, make_services
from serve.settings import PROJECT
from serve.showcase.samples import SamplePerson, SampleProduct, people, products
from serve.web import build_app
from tests.homes import ROOT_KEY, guidelines, plans
from tests.simulated import SimulatedDiffusion, SimulatedSafety
from workspace.ports import FaceEncoder
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import Workspace

EVERYTHING = auth.SCOPES - {"admin"}


@dataclass
class Service:
    services: Services
    app: FastAPI
    diffusion: SimulatedDiffusion
    workspace: Workspace
    client: TestClient  # of `workspace`, with every scope but admin
    models: dict[str, str] = field(default_factory=dict)  # sample person -> model id

    @property
    def store(self) -> WorkspaceStore:
        return self.services.registry.store(self.workspace.id)

    def client_of(
        self, workspace: Workspace | None = None, scopes: frozenset[str] = EVERYTHING
    ) -> TestClient:
        """A client with a new key."""
        target = workspace or self.workspace
        now = datetime.now(UTC)
        _, secret = auth.create_key(self.services.registry, target.id, scopes, now)
        return new_client(self.app, {"Authorization": f"Bearer {secret}"})

    def other(self, name: str, plan: str = "pro") -> Workspace:
        """Make another workspace."""
        return self.services.registry.create(name, plan, datetime.now(UTC))

    def model(self, person: str = "amara") -> str:
        """The id of an enrolled sample person; enrolled on first use."""
        if person not in self.models:
            answer = self.client.post("/v1/models", **enrolment(self.client, sample(person)))
            assert answer.status_code == 202, answer.text
            self.models[person] = answer.json()["id"]
            done = wait(self.client, f"/v1/models/{self.models[person]}", "building")
            assert done["status"] == "ready", done
        return self.models[person]

    def product(self, name: str = "red-tee") -> str:
        """The id of a new product."""
        answer = self.client.post("/v1/products", **garment(name))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def settle(self) -> None:
        """Wait until no workspace has anything queued or running."""
        deadline = time.monotonic() + 20
        busy = "status IN ('queued', 'running')"
        for workspace in self.services.registry.list():
            store = self.services.registry.store(workspace.id)
            while store.count("generations", busy):
                assert time.monotonic() < deadline, "the queue does not become empty"
                time.sleep(0.01)

    def generate(self, **request: Any) -> Any:
        """Ask for a generation, wait for its end, return it."""
        answer = self.client.post("/v1/generations", json=request)
        assert answer.status_code == 202, answer.text
        return wait(self.client, answer.json()["status_url"], "queued", "running")


@contextmanager
def open_service(
    home: Path, encoder: FaceEncoder, start: bool = True, diffusion: Any = None, safety: Any = None
) -> Iterator[Service]:
    """Wire a service over a home folder; its workspace `atelier` is made if it is not there.

    Args:
        diffusion: Another one than the simulated.
        safety: Another classifier than the simulated, which finds nothing.
    """
    registry, diffusion = Registry(home, ROOT_KEY), diffusion or SimulatedDiffusion()
    services = make_services(
        registry,
        plans(),
        guidelines(),
        load_limits(PROJECT / "configs" / "quality.toml"),
        diffusion,
        encoder,
        safety or SimulatedSafety(),
        max_upload_mib=8,
    )
    found = registry.list()
    workspace = found[0] if found else registry.create("atelier", "pro", datetime.now(UTC))
    app = build_app(services)
    service = Service(services, app, diffusion, workspace, new_client(app, {}))
    service.client = service.client_of()
    if start:
        services.dispatcher.start()
    try:
        yield service
    finally:
        services.dispatcher.stop()
        registry.close()


def new_client(app: FastAPI, headers: dict[str, str]) -> TestClient:
    """A client that fails when an answer has a status that OpenAPI does not name."""
    client = TestClient(app, headers=headers, follow_redirects=False)
    client.event_hooks["response"].append(lambda response: check_documented(app, response))
    return client


def check_documented(app: FastAPI, response: Any) -> None:
    request = response.request
    for template, pattern, operations in _documented(app):
        operation = operations.get(request.method.lower())
        if operation and pattern.fullmatch(request.url.path):
            named = operation["responses"]
            assert str(response.status_code) in named, (
                f"{request.method} {template} answered {response.status_code}, not documented"
            )


_DOCUMENT: list[tuple[str, re.Pattern[str], dict[str, Any]]] = []


def _documented(app: FastAPI) -> list[tuple[str, re.Pattern[str], dict[str, Any]]]:
    """The paths of the document, made once: it is the same for every service, and takes long."""
    if not _DOCUMENT:
        for template, operations in app.openapi()["paths"].items():
            pattern = re.compile(re.sub(r"\{[a-z_]+\}", "[^/]+", template))
            _DOCUMENT.append((template, pattern, operations))
    return _DOCUMENT


def sample(name: str) -> SamplePerson:
    return next(person for person in people() if person.name == name)


def sample_product(name: str) -> SampleProduct:
    return next(product for product in products() if product.name == name)


def boxes(client: httpx.Client | TestClient) -> list[dict[str, str]]:
    """Every attestation ticked."""
    shown = client.get("/v1/capabilities").json()["attestations"]
    return [{"id": box["id"], "sha256": box["sha256"]} for box in shown]


def enrolment(client: Any, person: SamplePerson, **changes: Any) -> dict[str, Any]:
    """The multipart body that enrols a sample person; `changes` replace fields and files."""
    data: dict[str, Any] = {
        "name": person.name.title(),
        "gender": person.gender,
        "attestations": json.dumps(boxes(client)),
    }
    files = {
        "full_body": ("full_body.jpg", person.full_body.read_bytes(), "image/jpeg"),
        "close_up": ("close_up.jpg", person.close_up.read_bytes(), "image/jpeg"),
    }
    for name, value in changes.items():
        if name in files:
            files[name] = (name, value, "application/octet-stream")
        else:
            data[name] = value
    return {"data": data, "files": files}


def garment(name: str, **changes: Any) -> dict[str, Any]:
    """The multipart body that adds a sample product."""
    product = sample_product(name)
    photo = ("product.jpg", product.photo.read_bytes(), "image/jpeg")
    return {
        "data": {"name": name, "category": product.category, **changes},
        "files": {"photo": photo},
    }


def wait(client: Any, url: str, *while_in: str, seconds: float = 20.0) -> Any:
    """Poll until the status is another one."""
    deadline = time.monotonic() + seconds
    while True:
        found = client.get(url).json()
        if found["status"] not in while_in:
            return found
        assert time.monotonic() < deadline, f"still {found['status']}"
        time.sleep(0.01)
