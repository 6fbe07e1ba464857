"""The door in front of Gradio: what is let in, and that nothing comes from elsewhere."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from console.app import in_process, mount_console
from tests.console_api import SESSION, FakeService

PAGES = ("", "editorial", "refine", "enrol", "flatlay", "background-swap", "models")


@pytest.fixture(scope="module")
def fake():
    return FakeService()


@pytest.fixture(scope="module")
def site(fake):
    return mount_console(fake.app, in_process(fake.app))


@pytest.fixture
def browser(site, fake, monkeypatch):
    monkeypatch.setattr(fake, "scopes", ["generate", "models:read", "models:write", "images:read"])
    client = TestClient(site, follow_redirects=False)
    client.cookies.set("hm_session", SESSION)
    return client


@pytest.mark.parametrize("session", ["", "ended"])
def test_a_stranger_is_sent_to_sign_in_and_would_come_back(site, session):
    stranger = TestClient(site, follow_redirects=False)
    if session:
        stranger.cookies.set("hm_session", session)
    for page in PAGES:
        answer = stranger.get(f"/console/{page}?model=mdl_1&n=2")
        there = f"/sign-in?next=/console/{page}%3Fmodel%3Dmdl_1%26n%3D2"
        assert (answer.status_code, answer.headers["location"]) == (303, there)
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
    assert 'rel="icon"' in head
    assert "fonts.googleapis" not in answer.text and "cdnjs" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"


def test_what_never_changes_is_kept_by_the_browser_and_pages_are_not(browser):
    page = browser.get("/console/editorial")
    address = re.search(r"/console/hm-\w{16}\.js", page.text).group()
    ours = browser.get(address)
    assert "window.hm" in ours.text and ours.headers["content-type"].startswith("text/javascript")
    theirs = re.search(r"\./assets/[\w-]+\.js", page.text).group().lstrip(".")
    for answer in (ours, browser.get(f"/console{theirs}")):
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert page.headers["content-encoding"] == "gzip"
    missing = browser.get("/console/assets/gone-01234567.js")
    assert missing.status_code == 404 and "immutable" not in str(missing.headers)


def test_the_bar_has_only_the_pages_of_whoever_looks(browser, fake):
    shown = browser.get("/console/editorial").text
    assert "hm-bar:" not in shown and "Cleo \\u0026lt;b\\u0026gt;" in shown
    for page, there in (("models", True), ("compliance", False), ("admin", False)):
        assert (f'href=\\"/console/{page}\\"' in shown) is there


@pytest.mark.parametrize(
    ("scopes", "page", "answered"),
    [
        (["admin"], "", (303, "/console/admin")),
        (["audit:read"], "", (303, "/console/compliance")),
        (["review", "images:read"], "", (303, "/console/review")),
        (["admin"], "admin-keys", (200, None)),
        (["admin"], "editorial", (403, None)),
        (["generate"], "admin-keys", (403, None)),
        (["audit:read"], "verify", (200, None)),
    ],
)
def test_a_page_of_others_says_for_whom_it_is(browser, fake, scopes, page, answered):
    fake.scopes = scopes
    answer = browser.get(f"/console/{page}")
    assert (answer.status_code, answer.headers.get("location")) == answered
    if answer.status_code == 403:
        assert "is not among your pages" in answer.text and "To your pages" in answer.text


def test_a_service_that_cannot_answer_is_a_page_with_a_way_on(browser, fake, monkeypatch):
    told = {
        "title": "The workspace is locked",
        "detail": "",
        "remedy": "Unlock it.",
        "code": "locked",
    }
    monkeypatch.setitem(fake.refuse, "account", (503, told))
    answer = browser.get("/console/editorial")
    assert answer.status_code == 503
    assert "Unlock it." in answer.text and 'href="/console/editorial"' in answer.text


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


OUTWARD = "http://127.0.0.1:9/x.png"  # nobody listens there


@pytest.mark.parametrize(
    "path",
    [
        f"gradio_api/file={OUTWARD}",
        f"gradio_api/proxy={OUTWARD}",
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "file=/etc/passwd",
        "assets/..%2f..%2f..%2fetc%2fpasswd",
        "static/..%2f..%2f..%2fetc%2fpasswd",
        "custom_component/a/b/c/..%2f..%2fetc%2fpasswd",
        "theme.css%2f..%2f..%2fetc%2fpasswd",
    ],
)
def test_no_path_of_the_console_leads_out_or_elsewhere(browser, path):
    answer = browser.get(f"/console/{path}")
    assert answer.status_code in (403, 404) and b"root:" not in answer.content
    assert "location" not in answer.headers


def test_no_event_of_the_console_takes_a_file(browser):
    """Gradio fetches an address that stands where a file belongs: none of our events has one."""
    shown = browser.get("/console/config").json()
    kinds = {part["id"]: part["type"] for part in shown["components"]}
    taken = {kinds[part] for event in shown["dependencies"] for part in event["inputs"]}
    plain = {"checkbox", "checkboxgroup", "datetime", "dropdown", "number", "radio", "slider"}
    assert taken <= plain | {"state", "textbox"} and taken
