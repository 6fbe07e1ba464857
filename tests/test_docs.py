"""Documentation that drifts fails the build. `python -m tests.test_docs` writes docs/cli.md."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from serve.__main__ import build_parser

ROOT = Path(__file__).resolve().parents[1]
CLI = ROOT / "docs" / "cli.md"


def commands(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Every parser below this one that does something, depth first."""
    nested = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not nested:
        return [parser]
    return [leaf for action in nested for p in action.choices.values() for leaf in commands(p)]


def rendered() -> str:
    os.environ["COLUMNS"] = "96"
    os.environ["NO_COLOR"] = "1"
    parts = ["# The command line\n\nWritten by `python -m tests.test_docs`; a test compares it.\n"]
    parts += [
        f"## {p.prog}\n\n```\n{p.format_help().strip()}\n```\n" for p in commands(build_parser())
    ]
    return "\n".join(parts)


def test_the_command_line_page_matches_help():
    assert CLI.read_text() == rendered(), "run: python -m tests.test_docs"


def test_every_command_has_an_example():
    missing = [p.prog for p in commands(build_parser()) if "example:" not in (p.epilog or "")]
    assert not missing


def test_every_make_target_that_a_page_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        named = set(re.findall(r"`make ([a-z-]+)", page.read_text()))
        assert named <= targets, f"{page.name} names {sorted(named - targets)}"


if __name__ == "__main__":
    CLI.write_text(rendered())
