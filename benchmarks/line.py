"""`make bench`: the figures of the whole line on this machine.

A real appliance is started on a fresh home. Measured, one after the other on an otherwise idle
appliance: warm enrolment, one image and four images over HTTP, the bare render call of the same
job in this process, the same line without HTTP, and the memory of the idle appliance.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from benchmarks import appliance, bare, report
from benchmarks.report import Figure
from serve.showcase import demo_workspace, samples, walk

IDLE_SECONDS = 5.0


def main() -> None:
    """Measure, print the table, write JSON, table and plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="samples of each figure")
    args = parser.parse_args()
    figures, facts = measure(args.rounds)
    where = report.write("line", figures, facts)
    print(where.read_text())
    print(json.dumps(facts, indent=1))


def measure(rounds: int) -> tuple[list[Figure], dict[str, Any]]:
    """All figures of one run."""
    with appliance.running() as running:
        time.sleep(IDLE_SECONDS)
        memory = running.pss_mib()
        client = running.client
        model = walk.checked(client.get("/v1/models"))["items"][0]["id"]
        product = walk.checked(client.get("/v1/products"))["items"][0]["id"]
        request = demo_workspace.editorial(model, product)
        enrolment = [enrol_seconds(client, i) for i in range(rounds + 1)][1:]
        one = [generation_seconds(client, request, 1, i) for i in range(rounds + 1)][1:]
        four = [generation_seconds(client, request, 4, i) for i in range(rounds + 1)][1:]
        start = running.start_seconds
    rendered, line = bare.seconds(rounds)
    overhead = [http - inside for http, inside in zip(sorted(one), sorted(line), strict=True)]
    figures = [
        Figure("warm enrolment", "s", enrolment, 3.0),
        Figure("1 image over HTTP", "s", one, 2.0),
        Figure("4 images over HTTP", "s", four, 6.0),
        Figure("bare render call, 1 image", "s", rendered),
        Figure("the line without HTTP and Ray, 1 image", "s", line),
        Figure("HTTP and Ray over the line in process", "s", overhead, 0.06),
        Figure("idle memory (PSS)", "GiB", [sum(memory.values()) / 1024], 3.0),
        Figure("first start with demo workspace", "s", [start]),
    ]
    return figures, {"pss_mib": {k: round(v) for k, v in sorted(memory.items())}}


def enrol_seconds(client: Any, index: int) -> float:
    """From the first byte of the two photos to `ready`; the model is erased afterwards."""
    started = time.monotonic()
    model = walk.enrol(client, samples.people()[2], f"bench-{index}-{started}", duplicate=True)
    taken = time.monotonic() - started
    client.delete(f"/v1/models/{model}").raise_for_status()
    return taken


def generation_seconds(client: Any, request: dict[str, Any], n: int, index: int) -> float:
    """From the POST to the `done` event of the generation's event stream."""
    started = time.monotonic()
    asked = walk.checked(
        client.post("/v1/generations", json={**request, "n": n, "seed": 100 * index})
    )
    with client.stream("GET", asked["events_url"]) as events:
        for line in events.iter_lines():
            if line.startswith("event: done"):
                break
    taken = time.monotonic() - started
    done = walk.checked(client.get(asked["status_url"]))
    if done["status"] != "completed":
        raise RuntimeError(f"a generation ended as {done['status']}")
    return taken


if __name__ == "__main__":
    main()
