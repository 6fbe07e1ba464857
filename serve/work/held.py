"""By which time things are destroyed: the calendar's, less whatever it leapt ahead in the last day.

What is destroyed by its date is gone for good, and a clock that leapt looks the same whether it is
wrong or the machine was paused meanwhile. So a leap counts only when it has held for a day of the
machine's own seconds, in which somebody can set the clock right; until then time goes on from where
it was before. Where a machine is paused every night things are destroyed late, but they are.

The difference between the two clocks is all that is kept: its lowest value of the last day decides.
It stays in `control.db`, because a gateway that is started again must not trust what the one before
did not.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from workspace.database import transaction
from workspace.errors import HousemodelError, SealBroken
from workspace.registry import Registry

_DAY = 86_400.0
_HOUR = 3600.0  # of lead that nobody minds
_SAME = 60.0  # differences that are drift or how long a look takes, not a leap
_FAR = 3650 * _DAY
_ROW = "clock"  # of control.db's table meta
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_log = logging.getLogger("housemodel.workers")


def seconds_up() -> float:
    """Seconds since the machine started, asleep or not; nobody can set this clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def this_boot() -> str:
    """Name the present run of the machine, whose seconds can be compared; empty if unknown."""
    with suppress(OSError):
        return _BOOT.read_text().strip()
    return ""


@dataclass(frozen=True, slots=True)
class Step:
    """The calendar was so many seconds before the machine's count, at least until then."""

    offset: float
    until: float  # on the machine's own clock


def look(steps: Sequence[Step], at: float, up: float) -> tuple[Step, ...]:
    """Note what both clocks say; pure. The first step of the answer is the one that counts.

    Args:
        steps: What was noted before, each offset higher than the one before it.
        at: Seconds of the calendar.
        up: Seconds of the machine.
    """
    offset = at - up
    kept = [*steps[:-1], *(Step(one.offset, up) for one in steps[-1:])]  # nobody saw when it leapt
    while kept and kept[-1].offset > offset + _SAME:  # it was set back: those leads are gone
        kept.pop()
    if kept and offset <= kept[-1].offset + _SAME:
        kept[-1] = Step(kept[-1].offset, up)
    else:
        kept.append(Step(offset, up))
    while len(kept) > 1 and kept[0].until <= up - _DAY:
        kept.pop(0)
    return tuple(kept)


def carry_over(
    steps: Sequence[Step], before: tuple[float, float], at: float, up: float
) -> tuple[Step, ...]:
    """Bring steps of another run of the machine to this one: each lead keeps its size and age.

    Args:
        steps: At least one.
        before: Seconds of calendar and machine when they were written.
        at: Seconds of the calendar now.
        up: Seconds of the machine now.
    """
    shift = max(at, before[0]) - up - steps[-1].offset  # time did not go back meanwhile
    return tuple(Step(one.offset + shift, up - before[1] + one.until) for one in steps)


class HeldClock:
    """Remembers the steps of a home's clock, also from one start of the gateway to the next."""

    def __init__(
        self, up: Callable[[], float] = seconds_up, boot: Callable[[], str] = this_boot
    ) -> None:
        self._up = up
        self._boot = boot
        self._steps: tuple[Step, ...] = ()
        self._written: tuple[tuple[float, ...], float] | None = None  # offsets, and when
        self._was_late = False

    def now(self, registry: Registry, now: datetime) -> datetime:
        """Give the time by which things may be destroyed: at most the present one.

        Raises:
            HousemodelError: what was kept can't be read now.
        """
        up, at = self._up(), now.timestamp()
        steps = look(self._steps or self._read(registry, at, up), at, up)
        self._steps = steps
        # NOTE: a full disk must not keep anything from being destroyed; it is written next time.
        with suppress(HousemodelError):
            self._write(registry, at, up)
        lead = at - up - steps[0].offset
        late = lead > _HOUR
        if late and not self._was_late:
            _log.error("the clock leapt ahead; that destroys nothing until it has held for a day")
        self._was_late = late
        return now - timedelta(seconds=lead) if late else now

    def _read(self, registry: Registry, at: float, up: float) -> tuple[Step, ...]:
        for row in registry.control.query("SELECT value FROM meta WHERE key = ?", [_ROW]):
            try:
                kept = registry.open("meta", _ROW, row["value"])
            except SealBroken:
                _log.error("what was kept of the clock is damaged; nothing is destroyed for a day")
                return (Step(at - up - _FAR, up),)
            steps = tuple(Step(*one) for one in kept["steps"])
            if kept["boot"] and kept["boot"] == self._boot() and kept["up"] <= up:
                return steps
            return carry_over(steps, (kept["at"], kept["up"]), at, up)
        return ()

    def _write(self, registry: Registry, at: float, up: float) -> None:
        offsets = tuple(one.offset for one in self._steps)
        written, since = self._written or (None, up)
        # How old a lead is must outlive a restart, too; where there is none, nothing changes.
        if written == offsets and (len(offsets) == 1 or up < since + _HOUR):
            return
        steps = [[one.offset, one.until] for one in self._steps]
        with transaction(registry.control):
            kept = {"boot": self._boot(), "at": at, "up": up, "steps": steps}
            sealed = registry.seal("meta", _ROW, kept)
            registry.control.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [_ROW, sealed])
        self._written = offsets, up
