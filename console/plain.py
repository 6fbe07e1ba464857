"""Pages that the door answers with itself: not yours, or the service can't answer now. Pure."""

from __future__ import annotations

from html import escape

from console.client import ApiProblem
from console.places import for_whom, place_of

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title} – housemodel</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<style>
:root {{ --ink: #1f1d1b; --paper: #faf9f7; --soft: #5f5a55; --line: #b9b3ac }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #ece9e5; --paper: #161514; --soft: #b0a9a2; --line: #57514c }} }}
body {{ font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; margin: 14vh auto;
  max-width: 30rem; padding: 0 1.25rem; color: var(--ink); background: var(--paper) }}
h1 {{ font-size: 1.5rem; letter-spacing: -.01em }} p {{ color: var(--soft) }}
a, button {{ display: inline-block; font: inherit; font-weight: 600; color: inherit;
  cursor: pointer; border: 1px solid var(--line); border-radius: 8px; padding: .55rem 1rem;
  background: none; text-decoration: none; margin-right: .5rem }}
a:focus-visible, button:focus-visible {{ outline: 3px solid #678a80; outline-offset: 2px }}
form {{ display: inline }}
</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"""


def not_yours(address: str, home: str) -> str:
    """The page of somebody else's work: whose it is, and the way on."""
    place = place_of(address)
    name = place.name if place else "This page"
    return _PAGE.format(
        title=f"{escape(name)} is not among your pages",
        body=f"<p>It is for {escape(for_whom(address))}. If it should be yours, an admin of your "
        f'workspace can give you the role.</p><p><a href="{escape(home)}">To your pages</a></p>'
        '<form method="post" action="/sign-out"><button>Sign in as somebody else</button></form>',
    )


def unavailable(problem: ApiProblem, here: str) -> str:
    """The page while the service itself can't answer."""
    title, *rest = problem.parts
    return _PAGE.format(
        title=escape(title.rstrip(".")),
        body=f'<p>{escape(" ".join(rest))}</p><p><a href="{escape(here)}">Try again</a></p>',
    )
