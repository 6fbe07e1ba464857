"""The `Fleet` port over Ray: every replica is asked how it fares, all at the same time.

One that does not answer in time is being started or started again: it is named all the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from serve.deployments.handles import our_errors
from workspace.errors import HousemodelError
from workspace.machine import Part, Running, this_process

ANSWER_SECONDS = 2.0  # for all replicas together


class RayFleet:
    """The gateway, the identity replica and the diffusion replicas."""

    def __init__(self, identity: Any, diffusion: Sequence[Any]) -> None:
        """Take the handles of the deployments."""
        parts: list[tuple[Part, str, Any]] = [("identity", "identity", identity)]
        parts += [("diffusion", f"diffusion-{k}", handle) for k, handle in enumerate(diffusion)]
        self._parts = tuple(parts)

    def running(self) -> tuple[Running, ...]:
        """Look at every process; one that does not answer in time is `starting`."""
        until = time.monotonic() + ANSWER_SECONDS
        asked = [(part, name, handle.report.remote(name)) for part, name, handle in self._parts]
        found = [self._answer(part, name, answer, until) for part, name, answer in asked]
        return (this_process("gateway", "gateway"), *found)

    @staticmethod
    def _answer(part: Part, name: str, answer: Any, until: float) -> Running:
        try:
            with our_errors(f"The replica {name}", begun=False):
                told = answer.result(timeout_s=max(0.05, until - time.monotonic()))
        except HousemodelError:
            return Running(part, name, "starting")
        return told if isinstance(told, Running) else Running(part, name, "starting")
