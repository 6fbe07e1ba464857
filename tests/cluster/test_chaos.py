"""The short form of `make chaos`: one kill of each kind, nothing lost, nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.chaos import crash_test

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_three_kills_lose_nothing_and_publish_nothing_twice(tmp_path: Path) -> None:
    outcome = crash_test(tmp_path, generations=12, kills=3, seed=7)
    assert outcome.accepted == outcome.completed == 12
    assert sorted(kill["victim"] for kill in outcome.kills) == ["both", "gateway", "replica"]
    assert outcome.needles >= 12
    assert outcome.faults == {}
