"""What is installed is named by hash, and has a licence that is allowed."""

from __future__ import annotations

import re

import pytest

from tests.supply import licences
from tests.supply.lock import LOCKS, ROOT, installable, locked, pins

KNOWN = licences.rules()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock):
    text = (ROOT / lock).read_text()
    behind = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(behind) == len(pins(text)) > 0
    assert not [each.split()[0] for each in behind if "--hash=sha256:" not in each]


@pytest.mark.parametrize(
    ("expression", "is_allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MPL-2.0 AND (GPL-2.0-only OR MIT)", True),
        ("(MIT AND GPL-2.0-only) OR AGPL-3.0-only", False),
        ("GPL-2.0-only", False),
        ("", False),
    ],
)
def test_an_expression_is_allowed_when_each_part_has_an_allowed_side(expression, is_allowed):
    assert licences.allowed(expression, KNOWN) is is_allowed


def test_every_installed_distribution_has_an_allowed_licence():
    wrong = [row for row in licences.table(KNOWN) if not licences.allowed(row[2], KNOWN)]
    assert not wrong


def test_locking_replaces_old_hashes_and_keeps_comments():
    text = "# why\na==1 \\\n    --hash=sha256:00\n"
    assert locked(text, {"a": ["11", "22"]}) == (
        "# why\na==1 \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n"
    )


@pytest.mark.parametrize(
    ("file", "fits"),
    [
        ("numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl", True),
        ("numpy-2.4.6-cp314-cp314-manylinux_2_28_x86_64.whl", False),
        ("numpy-2.4.6-cp311-cp311-win_amd64.whl", False),
        ("ruff-0.17.6-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("cryptography-50.0.2-cp311-abi3-manylinux_2_34_aarch64.whl", True),
        ("anyio-4.16.0-py3-none-any.whl", True),
        ("anyio-4.16.0.tar.gz", True),
    ],
)
def test_only_files_of_supported_machines_are_locked(file, fits):
    assert installable(file) is fits
