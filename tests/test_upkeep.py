"""What grows old is swept while the gateway runs; what a first start does is never in the way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from serve import idempotency
from serve.__main__ import main
from serve.callers import auth
from serve.cli import up
from serve.dispatcher import Dispatcher
from serve.idempotency import Once
from serve.settings import load_settings
from serve.showcase import demo_workspace, samples
from serve.unsealing import open_source
from tests.service import Service, enrolment
from workspace.keys import load_root_key
from workspace.registry import Registry


def test_old_keys_and_sessions_are_swept_while_the_gateway_runs(fresh_service: Service) -> None:
    service, registry = fresh_service, fresh_service.services.registry
    clock = [datetime.now(UTC)]
    dispatcher = Dispatcher(replace(service.services.parts, clock=lambda: clock[0]))
    dispatcher.run_once()
    idempotency.remember(service.store, Once("k", "POST /test", ""), "gen_1", clock[0])
    _, secret = auth.create_key(registry, service.workspace.id, {"generate"}, clock[0])
    auth.sign_in(registry, secret, clock[0], hours=1)

    def left() -> tuple[int, int]:
        sessions = registry.control.execute("SELECT COUNT(*) FROM sessions").fetchone()[0]
        keys = service.store.db.execute("SELECT COUNT(*) FROM idempotency").fetchone()[0]
        return sessions, keys

    clock[0] += timedelta(hours=25)
    dispatcher.run_once()
    assert left() == (0, 1)
    clock[0] += timedelta(hours=idempotency.KEPT_HOURS)
    dispatcher.run_once()
    assert left() == (0, 0)


def test_a_workspace_that_refuses_the_demo_fill_does_not_end_the_start(service: Service) -> None:
    workspace = service.other("by hand", "enterprise")
    client: Any = service.client_of(workspace)
    for person in samples.people()[:1]:
        made = client.post("/v1/models", **enrolment(client, person, name="By Hand"))
        assert made.status_code == 202
    said: list[str] = []
    demo_workspace.fill(client, said.append)
    assert "stays as it is" in said[-1]


def test_a_damaged_workspace_does_not_keep_the_appliance_from_starting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(home=tmp_path / "home")
    source = open_source(settings, create=True, may_wait=False)
    found = up._first_workspace(settings, source)
    assert found is not None and up._first_workspace(settings, source) == found
    registry = Registry(settings.home, load_root_key(settings.root_key_file, create=False))
    other = registry.create("other", "pro", datetime.now(UTC))
    registry.control.execute("UPDATE workspaces SET plan = 'pro' WHERE id = ?", [found])
    registry.close()
    assert up._first_workspace(settings, source) is None
    assert main(["workspace", "list", "--home", str(settings.home), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed[0] == {"id": found, "error": "seal_broken"}
    assert (listed[1]["id"], listed[1]["name"]) == (other.id, "other")
