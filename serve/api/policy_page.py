"""`/policy`: the appliance's own retention and destruction policy, for everybody to read.

A plain page without sign-in, scripts or outside files; the words are in
`compliance/retention_page.py`. It names no workspace. 404 where the operator turned it off, because
every workspace publishes a policy of its own.
"""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from compliance import consent, retention_page
from compliance.retention import RetentionRules
from serve.api.access import services_of
from serve.problems import documented
from workspace.errors import NotFound

router = APIRouter(tags=["policy"])

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 17px/1.6 system-ui, sans-serif; margin: 6vh auto; max-width: 42rem; padding: 0 1rem;
  color: #222; background: #fafafa }}
h1 {{ font-size: 1.6rem; line-height: 1.25 }} h2 {{ font-size: 1.15rem; margin-top: 2rem }}
footer {{ margin-top: 3rem; color: #595959; font-size: .9rem; overflow-wrap: anywhere }}
</style></head><body><main><h1>{title}</h1>{body}</main><footer>{footer}</footer></body></html>"""


@router.get(
    consent.OWN_POLICY_PAGE,
    summary="Retention and destruction policy",
    response_class=HTMLResponse,
    responses=documented(404),
)
def page(request: Request) -> HTMLResponse:
    """Show the policy in plain words with the numbers in force."""
    rules = services_of(request).retention
    if not rules.own_page:
        raise NotFound("Each workspace publishes its own retention policy.")
    footer = f"Version {escape(rules.version)} · SHA-256 {retention_page.digest(rules)}"
    title = escape(retention_page.TITLE)
    return HTMLResponse(_PAGE.format(title=title, body=_body(rules), footer=footer))


def _body(rules: RetentionRules) -> str:
    parts = []
    for section in retention_page.sections(rules):
        parts.append(f"<h2>{escape(section.title)}</h2>")
        inside = False
        for text in section.paragraphs:
            item = text.startswith("- ")
            if item != inside:
                parts.append("<ul>" if item else "</ul>")
                inside = item
            words = escape(text.removeprefix("- "))
            parts.append(f"<li>{words}</li>" if item else f"<p>{words}</p>")
        parts.append("</ul>" if inside else "")
    return "".join(parts)
