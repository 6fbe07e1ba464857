"""Clients at a real appliance: the short forms of `make load` and `python -m benchmarks.rotating`.

What is asserted does not depend on how busy the machine is: how long answers take, and how memory
grows in ten minutes, are for the long forms to say.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPConnection

import psutil
import pytest

from benchmarks import appliance, load, rotating

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def running() -> Iterator[appliance.Running]:
    with appliance.running() as running:
        yield running


def test_clients_get_no_error_and_pictures_meanwhile(running) -> None:
    figures, facts = load.measure(running, clients=32, seconds=10.0, think=0.5)
    assert facts["failures"] == [] and figures[0].met
    assert facts["ready_after"] == 200
    assert {"watcher", "canceller"} <= facts["rounds"].keys()
    assert facts["requests"] > 32 and facts["memory_mib"]


def test_a_connection_outlives_what_clients_keep_it_for(running) -> None:
    url = running.client.base_url
    connection = HTTPConnection(str(url.host), url.port, timeout=30)
    connection.connect()
    connection.auto_open = 0  # it must be the same one
    for wait in (0.0, 6.0):  # httpx drops a connection after 5 s without a request
        time.sleep(wait)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok"
    connection.close()


def test_replicas_stand_back_for_the_gateway(running) -> None:
    found: dict[str, int] = {}
    for process in psutil.Process(running.process.pid).children(recursive=True):
        title = " ".join(process.cmdline())
        for part in ("gateway", "identity", "diffusion"):
            if f"ServeReplica:housemodel:{part}" in title:
                found[part] = process.nice()
    assert found["gateway"] < found["identity"] == found["diffusion"]


def test_new_keys_while_clients_work_fail_no_request(running) -> None:
    figures, facts = rotating.measure(running, objects=600, seconds=15.0)
    assert facts["failures"] == [] and facts["keys"] >= 600
    assert [figure.met for figure in figures[:3]] == [True] * 3
