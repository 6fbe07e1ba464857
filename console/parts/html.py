"""Small HTML builders. Every value from outside passes through `text`, so nothing is injected."""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import datetime

from console.client import ApiProblem, Json
from console.texts import SIGNED_OUT, STATUS, words

SIGN_IN_PATH = "/sign-in"


def text(value: object) -> str:
    """Escape for element content and for quoted attributes."""
    return html.escape("" if value is None else str(value), quote=True)


def heading(title: str, intro: str = "") -> str:
    """The one `h1` of a page, with a sentence under it."""
    lead = f'<p class="hm-lead">{text(intro)}</p>' if intro else ""
    return f'<div class="hm-heading"><h1 id="main" tabindex="-1">{text(title)}</h1>{lead}</div>'


def note(words_: str, kind: str = "info", role: str = "note") -> str:
    """A quiet box; `kind` is info, warn, bad or good."""
    return f'<div class="hm-note hm-{kind}" role="{role}">{text(words_)}</div>'


def problem(found: ApiProblem, about: str = "") -> str:
    """What went wrong and what to do, with the request id small behind it.

    Args:
        found: What the service answered.
        about: Which of several things it is about.
    """
    if found.status == 401:
        link = f'<a class="hm-link" href="{SIGN_IN_PATH}">Sign in</a>'
        return (
            f'<div class="hm-note hm-warn" role="alert"><strong>{SIGNED_OUT}.</strong> '
            f"{link} to go on; what you entered stays until you leave this page.</div>"
        )
    checks = check_list(found.checks)
    title, *rest = found.parts
    title = f"{about}: {title}" if about else title
    request = (
        f' <small class="hm-request">({text(found.request_id)})</small>' if found.request_id else ""
    )
    return (
        f'<div class="hm-note hm-bad" role="alert"><strong>{text(title)}</strong> '
        f"{text(' '.join(rest))}{request}{checks}</div>"
    )


def check_list(checks: Iterable[Json], only_open: bool = True) -> str:
    """Checks that did not pass, each with what was measured and how to fix it."""
    rows = []
    for check in checks:
        if only_open and check.get("status") == "pass":
            continue
        rows.append(
            f'<li class="hm-check hm-{text(check.get("status"))}"><span>{text(check.get("hint"))}'
            f"</span><small>{text(measured(check))}</small></li>"
        )
    return f'<ul class="hm-checks">{"".join(rows)}</ul>' if rows else ""


def measured(check: Json) -> str:
    """ "Measured 412, threshold 768", as far as the check says."""
    value, limit = check.get("measured"), check.get("threshold")
    if value is None:
        return ""
    return f"Measured {value}" + (f", threshold {limit}" if limit is not None else "")


def badge(status: object) -> str:
    """A state in words, coloured and readable without the colour."""
    return f'<span class="hm-badge hm-is-{text(status)}">{text(words(STATUS, status))}</span>'


def empty(title: str, line: str, href: str = "", label: str = "") -> str:
    """What stands where nothing is yet, with the next step."""
    link = f'<a class="hm-button" href="{text(href)}">{text(label)}</a>' if href else ""
    return (
        f'<div class="hm-empty"><strong>{text(title)}</strong><span>{text(line)}</span>{link}</div>'
    )


def day(value: object) -> str:
    """An RFC 3339 time as a plain date; anything else as it came."""
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00")).strftime("%-d %b %Y")
    except ValueError:
        return str(value or "")


def score(value: object) -> str:
    """A score from 0 to 1 with two digits, or a dash where there is none."""
    return f"{round(value, 2) + 0.0:.2f}" if isinstance(value, int | float) else "–"
