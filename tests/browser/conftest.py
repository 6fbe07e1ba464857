"""A whole site in this process, without Ray, and Debian's Chromium to look at it.

Nothing is simulated: the mannequin pack draws, and the face networks, the stores, the routes and
the console are the appliance's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from serve import local
from serve.callers import auth
from serve.services import Services
from serve.settings import load_settings
from tests.browser.watch import CHROMIUM, FLAGS, Visitor
from tests.line import free_port
from workspace.keys import load_root_key
from workspace.registry import Registry


@dataclass(frozen=True)
class Site:
    base_url: str
    services: Services

    def sign_in_link(self) -> str:
        """A fresh one-time link into the workspace `demo`."""
        registry, now = self.services.registry, datetime.now(UTC)
        workspace, scopes = registry.by_name("demo"), auth.SCOPES - {"admin"}
        code = auth.create_sign_in(registry, workspace.id, scopes, now, minutes=5)
        return f"{self.base_url}/sign-in?code={code}"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, face_pack: Path) -> Iterator[Site]:
    settings = load_settings(home=tmp_path_factory.mktemp("browser") / "home")
    settings.home.mkdir(mode=0o700)
    registry = Registry(settings.home, load_root_key(settings.root_key_file, create=True))
    registry.create("demo", "enterprise", datetime.now(UTC))
    registry.close()
    port = free_port()
    with local.services(settings) as services, local.serving(services, port):
        yield Site(f"http://127.0.0.1:{port}", services)


@pytest.fixture(scope="session")
def api(site: Site) -> Iterator[httpx.Client]:
    """What somebody else does meanwhile in the workspace `demo`, over HTTP."""
    registry = site.services.registry
    place, scopes = registry.by_name("demo").id, auth.SCOPES - {"admin"}
    _, key = auth.create_key(registry, place, scopes, datetime.now(UTC))
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=site.base_url, headers=headers, timeout=120) as client:
        yield client


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium, site: Site) -> Iterator[Visitor]:
    """Somebody who signed in by a one-time link; at the end nothing odd may have happened."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    someone = Visitor(context.new_page(), site.base_url)
    someone.page.goto(site.sign_in_link())
    someone.page.get_by_role("button", name="Sign in").click()
    someone.page.wait_for_url("**/console/")
    someone.watch()
    yield someone
    context.close()
    assert someone.foreign == [], "a request left the appliance"
    assert someone.errors == [], "the browser's console has errors"
