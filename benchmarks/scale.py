"""A workspace of 10,000 custom models and 100,000 images: its lists, its start, its memory.

`python -m benchmarks.scale` fills a home (`filling.py` says how; minutes), starts `housemodel up`
on it, and reads every list route of the OpenAPI document to its end, page by page, with the filters
of the Refine page, too. Goals: 95 of 100 pages of each list in 100 ms; the gateway answering, and
the whole start, in 20 s. `--home DIR` keeps the filled home and uses it the next time. Writes
benchmarks/results/scale.{json,md}; ends with status 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks import appliance
from benchmarks.filling import Filling, unsynced
from benchmarks.load import percentile
from benchmarks.report import Figure, write
from compliance.guidelines import load_guidelines
from serve.settings import load_settings
from serve.showcase import demo_workspace
from serve.unsealing import open_source
from workspace.registry import Registry

LIST_MS = 100.0
START_SECONDS = 20.0
MOST_PAGES = 600  # of one list; generations have 250 of the largest kind
SOME = 40  # models and products whose own lists are read


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--products", type=int, default=2000)
    parser.add_argument("--home", type=Path, help="keep the filled home here")
    parser.add_argument("--name", default="scale", help="of the files in benchmarks/results")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hm-scale-") as folder:
        home = args.home or Path(folder) / "home"
        began = time.monotonic()
        if not (home / "control.db").exists():
            fill(home, args.models, args.images, args.products)
        filled = time.monotonic() - began
        facts: dict[str, Any] = {"fill_seconds": round(filled), "home_mib": _mib(home)}
        answering = _Answering(home)
        with appliance.running(kept=home) as running:
            figures = [
                Figure("start, until the gateway answers", "s", [answering.seconds], START_SECONDS),
                Figure("start, whole", "s", [running.start_seconds], START_SECONDS),
            ]
            facts["counts"] = running.client.get("/metrics").status_code
            figures += read_lists(running.client)
            facts["memory_mib"] = running.pss_mib()
    print(write(args.name, figures, facts).read_text())
    return 1 if any(figure.met is False for figure in figures) else 0


def fill(home: Path, models: int, images: int, products: int) -> None:
    """Make a home whose workspace `demo` holds so much."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = load_settings(home=home)
    registry = Registry(home, open_source(settings, create=True), settings.tombstones)
    workspace = registry.create(demo_workspace.NAME, demo_workspace.PLAN, datetime.now(UTC))
    store = registry.store(workspace.id)
    filling = Filling(store, load_guidelines(settings.configs_folder / "guidelines"))
    with unsynced(store):
        consents = filling.models(models, _say)
        filling.images(images, consents, filling.products(products), _say)
    registry.close()


def read_lists(client: httpx.Client) -> list[Figure]:
    """Read every list to its end; one figure each: p95 in ms, and all pages."""
    figures = []
    for name, path, params in _lists(client):
        taken = [ms for ms, _ in _pages(client, path, params)]
        note = f"{len(taken)} pages"
        figures.append(Figure(f"p95 of {name}", "ms", [percentile(taken, 95)], LIST_MS, note))
        figures.append(Figure(name, "ms", [round(ms, 1) for ms in sorted(taken)[-100:]]))
    return figures


def _lists(client: httpx.Client) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every GET that takes a cursor, of the OpenAPI document; and the filters of Refine."""
    models = client.get("/v1/models", params={"limit": SOME}).json()["items"]
    old = client.get("/v1/generations", params={"limit": 100}).json()["items"]
    for path, operations in sorted(client.get("/openapi.json").json()["paths"].items()):
        asked = {one["name"] for one in operations.get("get", {}).get("parameters", ())}
        if "cursor" not in asked:
            continue
        for limit in (24, 100):
            if "{model_id}" not in path:
                yield f"{path}, {limit} a page", path, {"limit": limit}
        if "{model_id}" in path:
            some = [re.sub(r"\{model_id\}", one["id"], path) for one in models]
            yield f"{path} of {len(some)} models", " ".join(some), {"limit": 100}
    statuses = ("queued", "running", "completed", "refused", "failed", "cancelled")
    filters: list[dict[str, Any]] = [{"status": status} for status in statuses]
    tools = ("editorial", "flatlay_to_catalog", "background_swap")
    filters += [{"tool": tool} for tool in tools]
    filters += [{"tool": tool, "status": status} for tool in tools for status in statuses[2:4]]
    some_model, some_product = old[50]["model_id"], old[50]["product_ids"][0]
    filters += [{"model_id": some_model}, {"model_id": some_model, "tool": "background_swap"}]
    filters += [{"product_id": some_product}, {"product_id": some_product, "status": "failed"}]
    then = datetime.now(UTC) - timedelta(days=295)
    filters += [{"since": then.isoformat()}, {"before": then.isoformat()}]
    for one in filters:
        said = " and ".join(
            key if key.endswith("_id") else f"{key} {value[:19]}" for key, value in one.items()
        )
        yield f"/v1/generations by {said}", "/v1/generations", {"limit": 24, **one}
    for words in ("generation.completed", "zzz", models[3]["id"]):
        said = "one model's id" if words.startswith("mdl_") else words
        yield f"/v1/audit/search for {said}", "/v1/audit/search", {"limit": 24, "words": words}


def _pages(client: httpx.Client, paths: str, params: dict[str, Any]) -> Iterator[tuple[float, int]]:
    """Milliseconds and items of each page; several paths are one list after the other."""
    for path in paths.split():
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            sent = {**params, "cursor": cursor} if cursor else params
            began = time.perf_counter()
            answer = client.get(path, params=sent)
            ms = (time.perf_counter() - began) * 1000
            answer.raise_for_status()
            shown = answer.json()
            yield ms, len(shown["items"])
            cursor = shown.get("next_cursor")
            if cursor is None:
                break


class _Answering:
    """Notes when the gateway's port, once it is known, gives its first answer."""

    def __init__(self, home: Path) -> None:
        self.seconds = 0.0
        self._began = time.monotonic()
        self._log = home / "logs" / "gateway.log"
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """The first request of a start is the question for `/readyz`; it leaves a line."""
        size = self._log.stat().st_size if self._log.exists() else 0
        while time.monotonic() - self._began < appliance.START_SECONDS:
            if self._log.exists() and b"/readyz" in self._log.read_bytes()[size:]:
                break
            time.sleep(0.05)
        self.seconds = time.monotonic() - self._began


def _mib(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) >> 20


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
