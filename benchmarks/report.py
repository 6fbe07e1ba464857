"""JSON, table and plot of one run, with the machine named."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured quantity; `samples` in `unit`, `goal` in the same unit (None: no goal)."""

    name: str
    unit: str
    samples: list[float]
    goal: float | None = None
    note: str = ""

    @property
    def p50(self) -> float:
        return statistics.median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        return min(self.samples), max(self.samples)

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.p50 <= self.goal


def machine() -> dict[str, object]:
    """What it ran on: processor, cores, memory, system, commit."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "load_before": round(os.getloadavg()[0], 2),
        "commit": commit,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def table(figures: list[Figure]) -> str:
    """A Markdown table: median, spread, goal."""
    rows = ["| what | p50 | min to max | n | goal |", "|---|---|---|---|---|"]
    for f in figures:
        low, high = f.spread
        goal = "" if f.goal is None else f"<= {f.goal:g} {f.unit}: {'met' if f.met else 'missed'}"
        rows.append(
            f"| {f.name} | {f.p50:.3g} {f.unit} | {low:.3g} to {high:.3g} "
            f"| {len(f.samples)} | {goal} |"
        )
    return "\n".join(rows)


def write(name: str, figures: list[Figure], facts: dict[str, object]) -> Path:
    """Write `<name>.json`, `<name>.md` and `<name>.png` into `benchmarks/results/`."""
    RESULTS.mkdir(exist_ok=True)
    found = machine()
    content = {
        "machine": found,
        "facts": facts,
        "figures": [{**asdict(f), "p50": f.p50, "met": f.met} for f in figures],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    head = ", ".join(f"{k} {v}" for k, v in found.items())
    (RESULTS / f"{name}.md").write_text(f"# {name}\n\n{head}\n\n{table(figures)}\n")
    if any(figure.unit == "s" for figure in figures):
        _plot(RESULTS / f"{name}.png", name, figures)
    return RESULTS / f"{name}.md"


def _plot(path: Path, title: str, figures: list[Figure]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    timed = [f for f in figures if f.unit == "s"]
    chart, axis = plt.subplots(figsize=(8, 0.7 * len(timed) + 1.4))
    axis.boxplot([f.samples for f in timed], orientation="horizontal", widths=0.6)
    axis.set_yticks(range(1, len(timed) + 1), [f.name for f in timed])
    for place, figure in enumerate(timed, start=1):
        if figure.goal is not None:
            axis.plot([figure.goal] * 2, [place - 0.4, place + 0.4], "r--")
    axis.set_xlabel("seconds (red: goal)")
    axis.set_xlim(left=0)
    axis.set_title(title)
    chart.tight_layout()
    chart.savefig(path, dpi=110)
    plt.close(chart)
