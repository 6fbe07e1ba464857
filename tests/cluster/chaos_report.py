"""What a crash test counted, which of it must be zero, and its report as JSON and as a table."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Outcome:
    """What was counted; `faults` is empty when every promise held."""

    seed: int = 0
    generations: int = 0
    accepted: int = 0
    completed: int = 0
    failed: dict[str, int] = field(default_factory=dict)  # error code -> how many
    lost: int = 0  # accepted, and never ended, or ended without a picture
    keys_with_two_generations: int = 0
    published_twice: int = 0  # by the API's answers
    images_too_many: int = 0  # by the store
    unreadable_images: int = 0
    files_with_clear_bytes: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)  # what `verify` can't open
    broke_off: int = 0  # generations that a kill hit, so that they were begun again
    needles: int = 0  # canaries that were searched for
    pixel_canaries: int = 0  # pictures whose bytes and pixels are among them
    answers: dict[str, int] = field(default_factory=dict)  # HTTP status -> how often
    kills: list[dict[str, Any]] = field(default_factory=list)
    raylet_seconds: float = 0.0  # until nothing was left running after Ray's own process was killed
    seconds: float = 0.0

    @property
    def faults(self) -> dict[str, int]:
        """The counts that must be zero and are not."""
        must = {
            "accepted generations lost": self.lost,
            "accepted generations failed": sum(self.failed.values()),
            "not accepted": self.generations - self.accepted,
            "keys with two generations": self.keys_with_two_generations,
            "images published twice": self.published_twice + self.images_too_many,
            "unreadable images": self.unreadable_images,
            "files with clear bytes": len(self.files_with_clear_bytes),
            "damaged rows or files": len(self.damaged),
            "kills that met no process": sum(not kill["processes"] for kill in self.kills),
        }
        return {what: count for what, count in must.items() if count}


def write(outcome: Outcome, path: Path) -> None:
    """Write PATH.json and PATH.md."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, no GPU asked for"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"machine": machine, **asdict(outcome), "faults": outcome.faults}
    path.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n")
    counts = {
        "accepted": outcome.accepted,
        "completed": outcome.completed,
        "ended with an error": sum(outcome.failed.values()),
        "**lost**": outcome.lost,
        "**published twice**": outcome.published_twice + outcome.images_too_many,
        "**unreadable images**": outcome.unreadable_images,
        "**files with clear bytes**": len(outcome.files_with_clear_bytes),
        "damaged rows or files": len(outcome.damaged),
        "begun again after a kill": outcome.broke_off,
        "canaries searched for": outcome.needles,
        "seconds to a clean end after Ray was killed": outcome.raylet_seconds,
        "HTTP answers by status": ", ".join(f"{k}: {n}" for k, n in outcome.answers.items()),
    }
    rows = "".join(f"| {what} | {count} |\n" for what, count in counts.items())
    kills = "".join(
        f"| {k} | {kill['victim']} | {kill['after']} | {kill['seconds']} |\n"
        for k, kill in enumerate(outcome.kills, 1)
    )
    path.with_suffix(".md").write_text(
        f"# Crash test\n\n`make chaos ARGS='--seed {outcome.seed}'` on {machine}: "
        f"{outcome.generations} generations, {len(outcome.kills)} kills, "
        f"{outcome.seconds:.0f} s.\n\n| count | |\n|---|---|\n{rows}\n"
        f"| kill | of | after so many had ended | seconds until ready again |\n"
        f"|---|---|---|---|\n{kills}"
    )
