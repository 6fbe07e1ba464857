"""The long forms, and what they found: `benchmarks/results/hostile.md` and `.json`.

    python -m tests.fuzz                       # make fuzz: all three, some minutes
    python -m tests.fuzz pictures --files 500  # one of them; the others keep their last figures

Ends with status 1 when anything was found.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS, machine

NAME = "hostile"
SUSPECT = 4.5  # |t| of one of fifty routes; chance alone gives it once in 3,000 runs
SUSPECT_OF_ALL = 3.0


def _service(act: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """Do something with a whole service in a folder that goes away."""
    from identity.encoder import InsightFaceEncoder
    from serve.api import sign_in
    from serve.settings import load_settings
    from tests.service import open_service
    from tests.simulated import Swapping
    from workspace import sealing

    # Slow on purpose, and not what is looked for here.
    sealing.PASSWORD_MEMORY_KIB, sign_in.REFUSAL_SECONDS = 64, 0.0
    encoder = InsightFaceEncoder(load_settings().face_pack_folder)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_service(Path(folder) / "home", encoder, diffusion=Swapping()) as service,
    ):
        return act(service)


def routes(given: argparse.Namespace) -> dict[str, Any]:
    """Schemathesis over the whole document."""
    from tests.fuzz import routes as fuzzed

    return _service(lambda service: fuzzed.explore(service, given.examples, given.seed).report())


def pictures(given: argparse.Namespace) -> dict[str, Any]:
    """Damaged pictures through the decoder."""
    from tests.fuzz import pictures as fuzzed

    return fuzzed.explore(given.seed, given.files).report()


def isolation(given: argparse.Namespace) -> dict[str, Any]:
    """Every route with every id of another workspace; the time of a 404."""
    from tests import role_objects
    from tests.fuzz import isolation as asked

    def act(service: Any) -> dict[str, Any]:
        theirs = role_objects.every_kind(service)
        stranger, own = asked.stranger(service, "stranger")
        questions = list(asked.questions(service.app.openapi(), theirs, own))
        wrong = asked.strangers(service, stranger, questions, theirs)
        service.settle()
        timed = asked.timing(service, stranger, theirs, given.rounds, given.seed)
        times = {line: one.report() for line, one in timed.items()}
        suspects = {
            f"time of {line}": f"t = {one['t']}, {one['difference_us']} us"
            for line, one in times.items()
            if abs(one["t"]) > (SUSPECT_OF_ALL if line == "all" else SUSPECT)
        }
        return {
            "questions": len(questions),
            "routes": len({question.line for question in questions}),
            "findings": {**dict.fromkeys(wrong, "is answered otherwise"), **suspects},
            "times": times,
        }

    return _service(act)


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "routes": routes,
    "pictures": pictures,
    "isolation": isolation,
}


def table(parts: dict[str, dict[str, Any]]) -> str:
    """The report as Markdown."""
    lines = ["| part | what | found |", "|---|---|---|"]
    for name, part in parts.items():
        found = len(part["findings"]) or "nothing"
        lines.append(f"| {name} | {_in_words(name, part)} | {found} |")
    if "isolation" in parts:
        lines += ["", *_times(parts["isolation"]["times"])]
    for name, part in parts.items():
        for what, how in part["findings"].items():
            lines += ["", f"**{name}, {what}**", "", "```", how, "```"]
    return "\n".join(lines)


def _in_words(name: str, part: dict[str, Any]) -> str:
    ran = f"{part['seconds']} s, seed {part['seed']}"
    if name == "routes":
        checks = f"{len(part['checks'])} checks on each of {part['operations']} operations"
        return f"{part['cases']:,} cases, {checks}; statuses {part['statuses']}; {ran}"
    if name == "pictures":
        slowest, peak = part["slowest_cpu_seconds"], part["peak_resident_mib"]
        return (
            f"{part['files']:,} files: {part['results']}; slowest {slowest} s of processor time, "
            f"at most {peak} MiB resident; {ran}"
        )
    return f"{part['questions']:,} questions to {part['routes']} routes; {ran}"


def _times(times: dict[str, dict[str, float]]) -> list[str]:
    """The routes that differ most, and all together."""
    names = sorted(times, key=lambda line: (line != "all", -abs(times[line]["t"])))[:7]
    lines = [
        "Time of a 404 for an id that exists in another workspace, less that for one that exists "
        "nowhere (in process, Welch's t-test, the faster half of each; all routes together, "
        f"and the six of {len(times) - 1} that differ most):",
        "",
        "| route | samples each | a 404 takes | difference | 95 % | t | p |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in names:
        one = times[name]
        takes = "" if name == "all" else f"{one['mean_us']} us"
        lines.append(
            f"| {name} | {one['samples']:,} | {takes} | {one['difference_us']} us "
            f"| ± {one['within_us']} us | {one['t']} | {one['p']} |"
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Hostile input: routes, pictures, ids.")
    parser.add_argument("part", nargs="*", choices=[[], *PARTS], default=[])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=14, help="drawn cases of each operation")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=300, help="samples of each kind per route")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    done: dict[str, dict[str, Any]] = {}
    found = 0
    for name in given.part or PARTS:
        started = time.monotonic()
        part = PARTS[name](given)
        at = machine()
        own = {"commit": at["commit"], "load": at["load_before"]}
        seconds = round(time.monotonic() - started)
        done[name] = {"seed": given.seed, "seconds": seconds, **own, **part}
        found += len(part["findings"])
        print(f"{name}: {_in_words(name, done[name])}; {len(part['findings'])} findings")
    kept = RESULTS / f"{NAME}.json"
    before = json.loads(kept.read_text())["parts"] if kept.is_file() else {}
    parts = {name: {**before, **done}[name] for name in PARTS if name in before or name in done}
    kept.write_text(json.dumps({"machine": machine(), "parts": parts}, indent=1) + "\n")
    head = "Written by `make fuzz`. " + ", ".join(f"{k} {v}" for k, v in machine().items())
    report = f"# {NAME}\n\n{head}\n\n{table(parts)}\n"
    (RESULTS / f"{NAME}.md").write_text(report)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
