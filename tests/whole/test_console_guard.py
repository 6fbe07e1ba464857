"""The door in front of Gradio: what is let in, and that nothing comes from elsewhere."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from console.app import in_process, mount_console
from tests.console_api import SESSION, FakeService

PAGES = ("", "editorial", "refine", "enrol", "flatlay", "background-swap", "models")


@pytest.fixture(scope="module")
def site():
    fake = FakeService()
    return mount_console(fake.app, in_process(fake.app))


@pytest.fixture
def browser(site):
    client = TestClient(site, follow_redirects=False)
    client.cookies.set("hm_session", SESSION)
    return client


def test_a_stranger_is_sent_to_sign_in(site):
    stranger = TestClient(site, follow_redirects=False)
    for page in PAGES:
        answer = stranger.get(f"/console/{page}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert stranger.post("/console/gradio_api/queue/join", json={}).status_code == 401
    assert stranger.get("/console/config").status_code == 401


@pytest.mark.parametrize("page", PAGES)
def test_every_page_answers_and_names_no_other_origin(browser, page):
    answer = browser.get(f"/console/{page}")
    assert answer.status_code == 200
    head = answer.text.partition("</head>")[0].replace("http://www.w3.org/2000/svg", "")
    head = head.partition("window.gradio_config")[0] + head.rpartition("<meta name=")[2]
    loaded = re.findall(r'(?:src|href)="(https?:)?//[^"]*"', answer.text)
    assert loaded == []
    assert "http:" not in head and "https:" not in head
    assert "window.hm" in head and 'rel="icon"' in head
    assert "fonts.googleapis" not in answer.text and "cdnjs" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"


def test_a_slash_too_many_leads_to_the_page(browser):
    answer = browser.get("/console/editorial/")
    assert (answer.status_code, answer.headers["location"]) == (308, "/console/editorial")
    assert browser.get("/console").status_code in (200, 307)


def test_gradio_takes_no_upload_so_no_photo_lies_in_its_temporary_folder(browser):
    answer = browser.post("/console/gradio_api/upload", files={"files": b"photo bytes"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/hostname",
        "gradio_api/runs",
        "gradio_api/run-history/records",
        "gradio_api/deep_link",
        "gradio_api/vibe-code",
        "gradio_api/openapi.json",
        "gradio_api/proxy=http://example.test/",
        "monitoring",
        "login",
    ],
)
def test_what_the_pages_do_not_need_is_not_there(browser, path):
    assert browser.get(f"/console/{path}").status_code == 404
    assert browser.post(f"/console/{path}").status_code == 404


@pytest.mark.parametrize("origin", ["https://elsewhere.test", "null", "http://[x"])
def test_an_event_from_another_site_is_refused(browser, origin):
    headers = {"Origin": origin}
    answer = browser.post("/console/gradio_api/queue/join", json={}, headers=headers)
    assert answer.status_code == 403


def test_the_pages_use_the_fonts_of_the_machine(browser):
    css = browser.get("/console/theme.css").text
    assert "system-ui" in css
    assert "@font-face" not in css and "@import" not in css
    assert set(re.findall(r"url\(\"?([a-z]+:)", css)) <= {"data:"}
