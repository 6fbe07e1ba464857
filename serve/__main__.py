"""The `housemodel` command: parse, run one verb, turn errors into exit codes.

Exit status: 0 done, 1 refused or failed (the message says what to do next), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys

from serve.cli import (
    audit,
    backup,
    demo,
    doctor,
    erasure,
    key,
    keys,
    pack,
    restore,
    unlock,
    up,
    user,
    workspace,
)
from serve.cli.common import close_homes
from workspace.disk import no_core_dumps
from workspace.errors import HousemodelError


def build_parser() -> argparse.ArgumentParser:
    """Make the whole command line; the documentation test walks it."""
    parser = argparse.ArgumentParser(
        prog="housemodel",
        description="One consenting person's face and look, locked across a brand's pictures.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    groups = (up, unlock, demo, workspace, key, user, pack, audit, erasure, keys, backup, restore)
    for group in (*groups, doctor):
        group.add_parser(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    args = build_parser().parse_args(argv)
    no_core_dumps()
    try:
        status: int = args.run(args)
    except HousemodelError as error:
        detail = error.detail or error.title
        sys.stderr.write(f"{error.title}. {detail}\n{error.remedy}\n")
        return 1
    except OSError as error:
        if error.filename is None:
            raise  # not about a folder that somebody named
        sys.stderr.write(
            f"A file or folder can't be used: {error.strerror}: {error.filename}\n"
            "Name another one, or change its rights.\n"
        )
        return 1
    except KeyboardInterrupt:
        return 1
    finally:
        close_homes()
    return status


if __name__ == "__main__":
    sys.exit(main())
