"""The power goes in the middle of the work: the next start finds all sound and goes on."""

from __future__ import annotations

from pathlib import Path

from identity.encoder import InsightFaceEncoder
from tests.power_loss import hold_to_promises, moments


def test_a_home_copied_at_any_moment_opens_and_ends_what_was_accepted(
    tmp_path: Path, encoder: InsightFaceEncoder
) -> None:
    found, remembered = moments(tmp_path, encoder, every=30)
    assert len(found) >= 5
    assert any(not m.model for m in found) and any(m.generation for m in found)
    for moment in found:
        hold_to_promises(moment, remembered)
