"""The `Fleet` port where all is one process: the demo, tests and benchmarks (`serve/local.py`)."""

from __future__ import annotations

from collections.abc import Callable

from workspace.errors import HousemodelError
from workspace.machine import Running, this_process
from workspace.ports import Diffusion


class InProcess:
    """This one process."""

    def __init__(self, diffusion: Diffusion, drawing: Callable[[], int]) -> None:
        """Take what draws, and who knows how many pictures are in work."""
        self._diffusion, self._drawing = diffusion, drawing

    def running(self) -> tuple[Running, ...]:
        """Look at this process."""
        try:
            engine = self._diffusion.describe().engine
        except HousemodelError:
            return (Running("whole", "appliance", "starting"),)
        return (this_process("whole", "appliance", engine, "cpu", self._drawing()),)
