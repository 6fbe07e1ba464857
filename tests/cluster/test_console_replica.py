"""The console while a replica dies under a picture: a real Ray, and Chromium to look at it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.browser.watch import CHROMIUM, FLAGS, Visitor
from tests.cluster.started import Started
from tests.line import free_port

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
AGAIN_MS = 180_000  # Ray starts a replica anew, which loads the pack


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    made = Started(tmp_path / "home", free_port(), tmp_path / "printed.txt", ("--empty",))
    try:
        made.wait_for("Stop:")
        yield made
    finally:
        if made.process.poll() is None:
            made.stop()


@pytest.fixture
def visitor(started: Started) -> Iterator[Visitor]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    link = re.search(r"The console: +(\S+)", started.output.read_text())
    assert link
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        someone = Visitor(browser.new_page(), started.base_url)
        someone.page.goto(link[1])
        someone.page.get_by_role("button", name="Sign in").click()
        someone.page.wait_for_url("**/console/")
        someone.watch()
        yield someone
        browser.close()


def replica_of(started: Started) -> psutil.Process:
    """The process that draws; a started appliance has one."""
    (found,) = (p for p in started.family() if "diffusion-0" in " ".join(words_of(p)))
    return found


def words_of(process: psutil.Process) -> list[str]:
    try:
        return [process.name(), *process.cmdline()]
    except psutil.Error:
        return []


def test_a_picture_comes_although_its_replica_is_killed_while_rendering(
    started: Started, visitor: Visitor
) -> None:
    page = visitor.page
    visitor.open("editorial")
    visitor.settle()
    page.get_by_label("Model prompt").fill("a plain studio background")
    ahead = {"tool": "editorial", "prompt": "a plain studio background", "n": 4}
    for _ in range(3):  # so that the replica is surely drawing when it dies
        ours = {"X-Housemodel-Console": "1"}
        asked = page.context.request.post(
            f"{started.base_url}/v1/generations", data=ahead, headers=ours
        )
        assert asked.status == 202
    page.click("#generate")
    visitor.see("#progress .hm-progress", slow=True)
    replica_of(started).send_signal(signal.SIGKILL)
    ended = page.locator("#pictures figure, #progress .hm-is-failed").first
    ended.wait_for(timeout=AGAIN_MS)
    assert page.locator("#progress .hm-is-failed").count() == 0, page.inner_text("#progress")
    assert page.locator("#notice [role=alert]").count() == 0
    assert visitor.loaded("#pictures figure img")
    assert visitor.foreign == [] and visitor.errors == []
