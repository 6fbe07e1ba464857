"""Clocks that leap: by which time things are destroyed, reckoned without a home."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from serve.work.held import Step, carry_over, look

HOUR, DAY, YEAR = 3600.0, 86_400.0, 365 * 86_400.0


def leads(looks: Iterable[tuple[float, float]]) -> list[int]:
    """How far the calendar is ahead of what counts, at each look (seconds up, calendar's lead)."""
    steps: tuple[Step, ...] = ()
    found = []
    for up, lead in looks:
        steps = look(steps, up + lead, up)
        assert [one.offset for one in steps] == sorted(one.offset for one in steps)
        found.append(round(lead - steps[0].offset))
    return found


@pytest.mark.parametrize("running", [1, 8, 12])  # hours of each day; the rest it is paused
def test_however_often_a_machine_is_paused_time_goes_on(running: int) -> None:
    hours = ((day, hour) for day in range(90) for hour in range(running))
    found = leads(
        ((day * running + hour) * HOUR, day * (24 - running) * HOUR) for day, hour in hours
    )
    assert max(found) <= 24 / running * (24 - running) * HOUR  # the pauses of 24 hours of running
    assert min(found[-50:]) > 0  # what is due is destroyed late, but it is


def test_small_leaps_add_up_and_only_what_brings_it_all_back_restores_trust() -> None:
    small = [(minute * 60.0, minute * 59.0 * 60) for minute in range(100)]
    assert leads(small)[-1] == 99 * 59 * 60
    back = [(0, 0), (HOUR, 10 * YEAR), (2 * HOUR, 10 * YEAR - 2 * HOUR), (3 * HOUR, 0)]
    assert leads(back) == [0, 10 * YEAR, 10 * YEAR - 2 * HOUR, 0]


def test_a_leap_counts_when_it_has_held_for_a_day_that_was_seen() -> None:
    unseen = [(0, 0), (30 * HOUR, YEAR), (53 * HOUR, YEAR), (54 * HOUR, YEAR)]
    assert leads(unseen) == [0, YEAR, YEAR, 0]
    drift = [(day * DAY, day * 5.0) for day in range(100)]
    assert max(leads(drift)) < 2 * 60


def test_another_run_of_the_machine_keeps_sizes_and_ages_and_time_does_not_go_back() -> None:
    steps = (Step(0, 20 * HOUR), Step(YEAR, 30 * HOUR))
    kept = carry_over(steps, (YEAR + 30 * HOUR, 30 * HOUR), YEAR + 40 * HOUR, 5.0)
    assert kept[1].offset - kept[0].offset == YEAR and kept[1].offset == YEAR + 40 * HOUR - 5
    assert [one.until - 5 for one in kept] == [-10 * HOUR, 0]
    right = carry_over(steps, (YEAR + 30 * HOUR, 30 * HOUR), 40 * HOUR, 5.0)
    assert len(look(right, 40 * HOUR, 5.0)) == 2  # set right while it was off: a lead of hours
    assert look(right, 40 * HOUR, 5.0)[-1].offset - right[0].offset == pytest.approx(10 * HOUR)
