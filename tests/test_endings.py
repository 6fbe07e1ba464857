"""How a claimed generation ends: what waits for room on the disk waits longer each time."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from serve import queue
from serve.line.asked import Asked
from serve.scheduler import LONGEST_WAIT
from serve.work import endings, leases
from tests.homes import NOW
from workspace.errors import StorageFull
from workspace.store import WorkspaceStore
from workspace.types import GenerationId, Tool

ASKED = Asked(Tool.EDITORIAL, "words", None, (), 1, "3:4", 7, "lookbook", "web", ("EU",), {})


def test_a_full_disk_is_tried_less_and_less_often_and_uses_no_attempt(
    store: WorkspaceStore,
) -> None:
    registry: Any = SimpleNamespace(store=lambda _: store)
    parts: Any = SimpleNamespace(registry=registry, clock=lambda: NOW)
    made = GenerationId("gen_1")
    queue.submit(store, made, ASKED, "key_1", NOW, 1)
    waits = []
    for owner in ["boot_a"] * 4 + ["boot_b"] * 5:  # a restart does not begin anew
        claim = leases.claim(store, made, owner, NOW, 60)
        assert claim is not None and claim.attempts == 1
        endings.end(parts, claim, StorageFull(), max_attempts=3)
        row = store.get("generations", made).columns
        waits.append(datetime.fromisoformat(str(row["not_before"])) - NOW)
    assert [wait // timedelta(seconds=1) for wait in waits[:4]] == [15, 30, 60, 120]
    assert waits == sorted(waits) and waits[-1] == waits[-2] == LONGEST_WAIT
