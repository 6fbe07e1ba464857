"""How quick the console is: `python -m benchmarks.console`.

A page is interactive when its heading stands and its first answer is drawn. A click has answered
when anything on the page changed after it, or its button says that it is busy. Both are counted in
the browser, from the navigation or the click; every page was opened once before.
"""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks import report
from benchmarks.browsing import ANSWERED, Desk, desk, settled
from benchmarks.report import Figure
from console.app import PAGES

WIDTH = 1440
INTERACTIVE_GOAL = 1.5
CLICK_GOAL = 0.2
CLICKS = (  # page, what is clicked
    ("editorial", "#select-model"),
    ("editorial", "#generate"),
    ("refine", "#past-select-model"),
    ("models", "#models-list label:has(input:not(:checked))"),
    ("enrol", "#next-1"),
)
# From the click (seen first, in the capturing phase) to the frame after the first change.
_ANSWERED = """() => new Promise((resolve) => {
  let began = 0;
  const end = () => requestAnimationFrame(() => resolve((performance.now() - began) / 1000));
  const watch = new MutationObserver(() => { if (began) { watch.disconnect(); end(); } });
  watch.observe(document.documentElement,
    { subtree: true, childList: true, attributes: true, characterData: true });
  document.addEventListener('click', () => { began = performance.now(); },
    { capture: true, once: true });
  window.hmReady = true;
})"""


def main() -> None:
    """Measure, print the table, write JSON, table and plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="samples of each figure")
    args = parser.parse_args()
    with desk() as opened:
        figures = [*pages(opened, args.rounds), *clicks(opened, args.rounds)]
    print(report.write("console", figures, {"width": WIDTH}).read_text())


def pages(opened: Desk, rounds: int) -> list[Figure]:
    """Seconds from the navigation to a page that can be worked with, warm."""
    page = opened.page(WIDTH)
    figures = []
    for address in ["", *(address for address, _, _ in PAGES)]:
        opened.open(page, address)
        samples = []
        for _ in range(rounds):
            page.goto(f"{opened.base_url}/console/{address}", wait_until="commit")
            page.wait_for_selector("h1")
            page.wait_for_function(ANSWERED)
            samples.append(page.evaluate("(window.hmReadyAt || performance.now()) / 1000"))
        figures.append(Figure(f"page {address or 'home'}", "s", samples, INTERACTIVE_GOAL))
    page.context.close()
    return figures


def clicks(opened: Desk, rounds: int) -> list[Figure]:
    """Seconds from a click to the first sign on the page that it was heard."""
    page = opened.page(WIDTH)
    figures = []
    for address, button in CLICKS:
        samples = []
        for _ in range(rounds):
            opened.open(page, address)
            samples.append(answered(page, button))
            settled(page)
        name = f"click {button.split(':')[0]} on {address}"
        figures.append(Figure(name, "s", samples, CLICK_GOAL))
    page.context.close()
    return figures


def answered(page: Any, button: str) -> float:
    """Seconds until the page shows that a click was heard."""
    page.wait_for_selector(f"{button}:not([disabled])")
    page.evaluate(f"() => {{ window.hmAnswer = ({_ANSWERED})(); }}")
    page.click(button)
    return float(page.evaluate("() => window.hmAnswer"))


if __name__ == "__main__":
    main()
