"""`housemodel demo`: the whole line without a server."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from serve.cli.common import add_home, add_json, command, show
from serve.settings import load_settings
from serve.showcase import demo


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "demo",
        "no server needed: enrol a sample person, draw four pictures, write them as PNG",
        "housemodel demo --out pictures --json",
    )
    add_home(parser)
    add_json(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where the PNGs go"
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    report = demo.run(
        load_settings(home=args.home), args.out, lambda line: print(f"... {line}", file=sys.stderr)
    )
    lines = [
        f"Enrolled {report.model_id} in {report.enrolment_seconds} s; "
        f"{len(report.images)} images in {report.generation_seconds} s with pack {report.pack}.",
        *(
            f"{args.out / i.file}  seed {i.seed}  identity {_score(i.identity_score)}  "
            f"product {_score(i.product_score)}"
            for i in report.images
        ),
    ]
    show(args, demo.as_facts(report), lines)
    return 0


def _score(value: float | None) -> str:
    return "no face found" if value is None else f"{value:.2f}"
