"""The console's client: whose calls they are, and how a problem reads."""

from __future__ import annotations

import asyncio

import pytest

from console.client import Api, ApiProblem, headers_of, in_process, origin_of, problem_of
from console.parts import html
from tests.console_api import SESSION, FakeService
from tests.console_pages import asked_by


def test_a_call_carries_the_session_of_the_browser_and_no_other_cookie():
    assert headers_of(asked_by("secret"))["Cookie"] == "hm_session=secret"
    assert headers_of(asked_by("secret"))["X-Housemodel-Console"] == "1"
    assert "Cookie" not in headers_of(asked_by())


def test_calls_are_answered_by_the_service_in_this_process():
    fake = FakeService()
    fake.add_model("Anna")
    api = Api(in_process(fake.app), asked_by(SESSION))
    models = asyncio.run(api.items("/v1/models"))
    assert [model["name"] for model in models] == ["Anna"]


def test_a_change_is_sent_with_the_console_header_and_its_key():
    fake = FakeService()
    api = Api(in_process(fake.app), asked_by(SESSION))
    made = asyncio.run(api.post("/v1/generations", {"tool": "editorial"}, key="k"))
    assert made["status"] == "queued"
    assert fake.calls == [("POST", "/v1/generations", {"tool": "editorial"})]


def test_without_a_session_the_service_says_so_and_the_page_links_to_sign_in():
    api = Api(in_process(FakeService().app), asked_by())
    with pytest.raises(ApiProblem) as caught:
        asyncio.run(api.get("/v1/capabilities"))
    assert caught.value.status == 401
    assert 'href="/sign-in"' in html.problem(caught.value)


def test_a_problem_reads_title_detail_remedy_request_id():
    found = problem_of(
        {
            **{"title": "The consent has ended", "detail": "It ran until 3 May."},
            **{"remedy": "Record a new one.", "request_id": "req_9", "code": "consent_expired"},
        },
        403,
    )
    assert found.parts == ["The consent has ended.", "It ran until 3 May.", "Record a new one."]
    assert "req_9" in html.problem(found)


def test_a_detail_that_only_repeats_the_title_is_left_out():
    found = problem_of({"title": "Queue full", "detail": "Queue full", "remedy": "Wait."}, 429)
    assert found.parts == ["Queue full.", "Wait."]


@pytest.mark.parametrize("body", [None, [], "<html>", {"checks": ["odd"]}])
def test_an_answer_that_is_no_problem_document_is_still_a_readable_problem(body):
    found = problem_of(body, 502)
    assert found.title and found.remedy and found.checks == ()


def test_a_problem_cannot_inject_html():
    found = problem_of({"title": "<script>x</script>", "detail": "<b>", "remedy": "&"}, 422)
    shown = html.problem(found)
    assert "<script" not in shown and "<b>" not in shown and "&amp;" in shown


def test_a_service_that_cannot_be_reached_is_a_problem_too():
    async def broken(scope, receive, send):
        raise OSError("gone")

    from console.client import over_network

    api = Api(over_network("http://127.0.0.1:1"), asked_by(SESSION))
    with pytest.raises(ApiProblem) as caught:
        asyncio.run(api.get("/v1/capabilities"))
    assert caught.value.status == 503


def test_links_to_copy_name_the_address_that_the_browser_used():
    request = asked_by()
    assert origin_of(request) == "http://studio.test:8000"
    request.headers["x-forwarded-proto"] = "https"
    assert origin_of(request) == "https://studio.test:8000"
