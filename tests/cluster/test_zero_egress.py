"""The appliance works in a network namespace that has loopback only, and never tries to leave."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.started import ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
ALONE = ("unshare", "--user", "--map-root-user", "--net")


def test_it_starts_enrols_generates_and_ends_without_one_attempt_to_leave(tmp_path: Path) -> None:
    try:
        allowed = subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip("this machine lets nobody make network namespaces")
    run = subprocess.run(
        [*ALONE, sys.executable, "-m", "tests.cluster.without_network", str(tmp_path / "home")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(run.stdout.splitlines()[-1])
    if not told["counter_counts"]:
        pytest.skip("this kernel does not count what finds no route")
    assert told["pack"].startswith("mannequin ") and told["page"] == 200 and told["exit"] == 0
    assert any("completed" in line for line in told["generations"]), told
    assert told["attempts"] == {"v4": 0, "v6": 0, "names": 0}
