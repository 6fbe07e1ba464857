"""Holds the licences of everything that the lock files install to the allow-list.

    python -m tests.supply.licences [--write]

Reads the metadata that each installed distribution carries; `licences.toml` says what is allowed,
and names the licence where the metadata does not. `--write` writes `docs/dependencies.md`.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name

from tests.supply.lock import ROOT, pins

PAGE = ROOT / "docs" / "dependencies.md"
INSTALLED = ("requirements.lock", "requirements-torch.lock")


@dataclass(frozen=True, slots=True)
class Rules:
    """What `licences.toml` says: what is allowed, and the names that metadata leaves out."""

    allowed: frozenset[str]
    named: dict[str, str]
    said: dict[str, str]


def rules() -> Rules:
    """Read `licences.toml`."""
    found = tomllib.loads(Path(__file__).with_name("licences.toml").read_text())
    return Rules(frozenset(found["allowed"]), found["named"], found["said"])


def licence_of(name: str, about: metadata.PackageMetadata, known: Rules) -> str:
    """The SPDX expression of one distribution; empty where nothing usable names it."""
    if written := known.named.get(canonicalize_name(name)):
        return written
    words = [about.get("License-Expression"), about.get("License")]
    words += [
        each.split(" :: ")[-1] for each in about.get_all("Classifier") or [] if "License" in each
    ]
    for word in filter(None, words):
        try:
            return canonicalize_license_expression(known.said.get(word, word))
        except InvalidLicenseExpression:
            continue
    return ""


def allowed(expression: str, known: Rules) -> bool:
    """Whether each AND part of an SPDX expression has an OR side that is on the list."""
    if not expression:
        return False
    if expression in known.allowed:
        return True
    for joint, ask in ((" AND ", all), (" OR ", any)):
        parts = _split(expression, joint)
        if len(parts) > 1:
            return ask(allowed(part, known) for part in parts)
    inner = expression.strip()
    return inner.startswith("(") and inner.endswith(")") and allowed(inner[1:-1].strip(), known)


def _split(expression: str, joint: str) -> list[str]:
    """Split at `joint` where no bracket is open."""
    parts, depth, start, at = [], 0, 0, 0
    while at < len(expression):
        depth += {"(": 1, ")": -1}.get(expression[at], 0)
        if depth == 0 and expression.startswith(joint, at):
            parts.append(expression[start:at])
            at = start = at + len(joint)
            continue
        at += 1
    return [*parts, expression[start:]]


def table(known: Rules) -> list[tuple[str, str, str]]:
    """Name, version and licence of every pin, in the order of the lock files."""
    rows = []
    for lock in INSTALLED:
        for name, version in pins((ROOT / lock).read_text()):
            rows.append((name, version, licence_of(name, metadata.metadata(name), known)))
    return rows


def page(rows: list[tuple[str, str, str]]) -> str:
    """`docs/dependencies.md`."""
    head = (
        "# What housemodel installs\n\n"
        "Written by `make licences`; `make check` holds it to `tests/supply/licences.toml`.\n"
        "Why each direct dependency is there is in `pyproject.toml`; weights and their licences\n"
        "are in each pack's card.\n\n"
        "| distribution | version | licence |\n|---|---|---|\n"
    )
    return head + "".join(
        f"| {name} | {version} | {licence} |\n" for name, version, licence in rows
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write docs/dependencies.md")
    write, known = parser.parse_args().write, rules()
    rows = table(known)
    wrong = [f"{name} {version}: {licence or 'no licence named'}" for name, version, licence in rows
             if not allowed(licence, known)]  # fmt: skip
    if wrong:
        sys.exit("Not on the list of allowed licences:\n  " + "\n  ".join(wrong))
    if write:
        PAGE.write_text(page(rows))
    elif PAGE.read_text() != page(rows):
        sys.exit("docs/dependencies.md is not what is installed. Run: make licences")


if __name__ == "__main__":
    main()
