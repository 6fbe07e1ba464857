"""Where the sign-in page leads afterwards: to pages of the console, and nowhere else."""

from __future__ import annotations

import pytest

from serve.api.sign_in import CONSOLE, form_page
from serve.callers.ways_in import WaysIn

WITHIN = ("/console/refine", "/console/models?model=mdl_1&n=2", "/console/a?x=a%20b%2Fc")
OUTSIDE = (
    "/console/%2e%2e/sign-in?code=of_somebody_else",
    "/console/%2E%2E/sign-in",
    "/console/.%2e/v1/models",
    "/console/..%2fsign-in",
    "/console/a%2f..%2f..",
    "/console/../sign-in",
    "//elsewhere.example/console/",
    "https://elsewhere.example/console/",
    "/console/" + "a" * 501,
)


def shown(there: str) -> str:
    return bytes(form_page(WaysIn(), None, there).body).decode()


@pytest.mark.parametrize("there", WITHIN)
def test_a_page_of_the_console_is_come_back_to(there: str) -> None:
    assert f'name="next" type="hidden" value="{there.replace("&", "&amp;")}"' in shown(there)


@pytest.mark.parametrize("there", OUTSIDE)
def test_nothing_else_is(there: str) -> None:
    assert 'name="next"' not in shown(there) and shown(there) == shown(CONSOLE)
