"""`make screenshots`: every page of the console, on a desk and on a phone, in light and in dark.

A real appliance with its demo workspace is started, and every page of `console/app.py` is opened by
somebody with every scope; below them are the moments in between (a picker, a result, the menu). The
pictures go to `docs/console/` as `<name>-<width>-<scheme>.webp`.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.browsing import Desk, desk, settled
from console.app import PAGES
from serve.showcase import samples

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "console"
WIDTHS = (1440, 390)
SCHEMES = ("light", "dark")
TALLEST = 2000  # pixels; what is below is more of the same
QUALITY = 45
BUDGET_BYTES = 4 << 20


def main() -> None:
    """Take every picture; says what it wrote, and fails when the folder grows too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names that begin like this")
    only = parser.parse_args().only
    FOLDER.mkdir(parents=True, exist_ok=True)
    with desk() as opened:
        for width in WIDTHS:
            for scheme in SCHEMES:
                for name, address, act in views(opened):
                    if name.startswith(only):
                        shoot(opened, name, address, act, width, scheme)
                if "sign-in".startswith(only):
                    sign_in(opened, width, scheme)
    total = sum(file.stat().st_size for file in FOLDER.glob("*.webp"))
    print(f"{FOLDER.name}: {total / 2**20:.1f} MiB")
    if total > BUDGET_BYTES:
        raise SystemExit("docs/console is larger than 4 MiB: lower QUALITY")


View = tuple[str, str, Callable[[Any], None] | None]


def views(opened: Desk) -> list[View]:
    """Every page by its address, then the moments in between."""
    made = opened.running.client.get("/v1/generations").json()["items"]
    model = opened.running.client.get("/v1/models").json()["items"][0]["id"]
    editorial = next(each["id"] for each in made if each["tool"] == "editorial")
    pages: list[View] = [(a or "home", a, None) for a in ["", *(a for a, _, _ in PAGES)]]
    return [
        *pages,
        ("editorial-result", f"editorial?model={model}&generation={editorial}", None),
        ("editorial-picker", "editorial", pick_model),
        ("enrol-photos", "enrol", choose_photos),
        ("menu", "models", open_menu),
        ("signed-out", "editorial", sign_out_elsewhere),
        ("verify-result", "verify", verify_photo),
    ]


def shoot(opened: Desk, name: str, address: str, act: Any, width: int, scheme: str) -> None:
    """Take one picture and write it."""
    page = opened.page(width, scheme)
    wide = name == "menu" and width > 1120  # the pages stand in the bar there
    if wide or (act is not None and scheme == "dark"):  # moments once: their parts are the pages'
        page.context.close()
        return
    if address == "enrol":  # what the view before entered is kept as a draft
        ours = {"X-Housemodel-Console": "1"}
        page.context.request.delete(f"{opened.base_url}/v1/drafts/enrolment", headers=ours)
    opened.open(page, address)
    if act is not None:
        act(page)
        page.wait_for_timeout(400)
        if not page.locator("dialog[open]").count():  # a page behind a dialog waits for its answer
            settled(page)
    page.evaluate("document.activeElement && document.activeElement.blur()")
    write(page, f"{name}-{width}-{scheme}")
    page.context.close()


def sign_in(opened: Desk, width: int, scheme: str) -> None:
    """The door."""
    page = opened.page(width, scheme, signed_in=False)
    page.goto(f"{opened.base_url}/sign-in?next=/console/models")
    write(page, f"sign-in-{width}-{scheme}")
    page.context.close()


def write(page: Any, name: str) -> None:
    """Write what the page shows as one WebP."""
    shown = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    shown = shown.crop((0, 0, shown.width, min(shown.height, TALLEST)))
    file = FOLDER / f"{name}.webp"
    shown.save(file, quality=QUALITY, method=6)
    print(f"{file.name} {file.stat().st_size // 1024} KiB")


def pick_model(page: Any) -> None:
    """The picker, open."""
    page.click("#select-model")
    page.wait_for_selector("#model-cards :is(label, .hm-empty)")


def choose_photos(page: Any) -> None:
    """Both photos of the wizard, with what was found."""
    person = samples.people()[2]
    page.click("#next-1")
    for kind, photo in (("full_body", person.full_body), ("close_up", person.close_up)):
        page.set_input_files(f"#photo-pair input[name={kind}]", str(photo))
        page.wait_for_selector(f"[data-hm-checks={kind}] b")


def open_menu(page: Any) -> None:
    """The pages of a phone."""
    page.click(".hm-menu")


def sign_out_elsewhere(page: Any) -> None:
    """A click after the session has ended."""
    page.context.clear_cookies()
    page.click("#select-model")
    page.wait_for_selector("dialog[open]")


def verify_photo(page: Any) -> None:
    """A picture that nobody made here."""
    page.set_input_files("#verify-picture input", str(samples.people()[0].close_up))
    page.wait_for_selector("[data-hm-verdict] h2")


if __name__ == "__main__":
    main()
