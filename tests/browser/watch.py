"""A visitor of the console: a page, what it did wrong, and the steps that several tests take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.browsing import ANSWERED
from serve.showcase.samples import SamplePerson

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What Gradio's client says of its own requests when a page is left before they are answered.
LEFT_EARLY = ("AbortError: signal is aborted", "Connection errored out")
SLOW_MS = 60_000  # making a model or a picture on a busy machine


class Visitor:
    """One browser page; `foreign` and `errors` fill while it is watched."""

    def __init__(self, page: Any, base_url: str) -> None:
        self.page = page
        self.base_url = base_url
        self.foreign: list[str] = []
        self.errors: list[str] = []
        page.set_default_timeout(20_000)

    def watch(self) -> None:
        """Note every request to another origin and every error in the browser's console."""
        ours = (self.base_url, "data:", "blob:")
        page = self.page
        page.on("request", lambda r: r.url.startswith(ours) or self.foreign.append(r.url))
        page.on("console", lambda m: m.type == "error" and self.note(m.text))
        page.on("pageerror", lambda error: self.note(str(error)))

    def note(self, error: str) -> None:
        """Keep an error that a person could have caused or seen."""
        if not any(words in error for words in LEFT_EARLY):
            self.errors.append(error)

    def open(self, address: str = "") -> None:
        """Go to a page of the console."""
        self.page.goto(f"{self.base_url}/console/{address}")
        self.page.wait_for_selector("h1")

    def settle(self) -> None:
        """Wait until the page has its answers; a page that asks nothing has them from the start."""
        self.page.wait_for_function(ANSWERED, timeout=SLOW_MS)

    def see(self, selector: str, slow: bool = False) -> Any:
        """Wait until something can be seen."""
        found = self.page.locator(selector).first
        found.wait_for(timeout=SLOW_MS if slow else 20_000)
        return found

    def choose_photo(self, kind: str, photo: Path) -> None:
        """Choose a photo in the wizard and wait for what is said about it."""
        self.page.set_input_files(f"#photo-pair input[name={kind}]", str(photo))
        self.see(f"[data-hm-checks={kind}] b", slow=True)

    def begin(self) -> None:
        """The wizard from its start, up to the photos; a draft of an earlier visit is discarded."""
        self.open("enrol")
        self.settle()  # a draft opens its own step after the guidelines were seen
        if not self.page.locator("#next-1").is_visible():
            self.page.locator("[data-hm-draft] button").click()
            with self.page.expect_navigation():
                self.page.locator("dialog button", has_text="Discard").click()
        self.see("#guidelines h4")
        self.page.click("#next-1")
        self.see("#photo-pair")

    def name_person(self, name: str, gender: str = "Female") -> None:
        """Step 3: name and gender, then Next."""
        self.page.get_by_label("Name").fill(name)
        self.page.locator("#person-gender input").click()
        self.page.get_by_role("option", name=gender, exact=True).click()
        self.page.click("#next-3")

    def tick_every_box(self) -> None:
        """Step 4: the button opens with the last tick and not before."""
        boxes = self.page.locator("#attestations input[type=checkbox]")
        boxes.first.wait_for()
        for box in boxes.all():
            assert self.page.locator("#create-model").is_disabled()
            box.check()
        self.see("#create-model:not([disabled])")

    def enrol(self, person: SamplePerson, name: str) -> None:
        """The whole wizard, from the guidelines to the model that is ready."""
        self.submit(person, name)
        self.see("#use-model", slow=True)

    def submit(self, person: SamplePerson, name: str) -> None:
        """The wizard up to 'Create your model'."""
        self.begin()
        self.choose_photo("full_body", person.full_body)
        self.choose_photo("close_up", person.close_up)
        self.page.click("#next-2")
        self.name_person(name)
        self.tick_every_box()
        self.page.click("#create-model")

    def add_products(self, *photos: Path) -> None:
        """Add product photos; they come chosen."""
        self.page.set_input_files("#product-upload input", [str(photo) for photo in photos])
        self.see("#product-cards input:checked", slow=True)

    def loaded(self, selector: str) -> bool:
        """Whether a picture really came, not only its element."""
        script = "(image) => image.decode().then(() => image.naturalWidth > 0, () => false)"
        return bool(self.see(selector).evaluate(script))
