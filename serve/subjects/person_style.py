"""The look of a person's own page: one style sheet, inline, allowed by its hash alone."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root { color-scheme: light dark; --paper: #faf9f7; --card: #fff; --ink: #1f1d1b; --soft: #5f5a55;
  --line: #dcd8d3; --green: #2b5a4e; --on-green: #fff; --red: #9c2418; --on-red: #fff;
  --tint: #edf3f0; --warn: #fbf1dc; }
@media (prefers-color-scheme: dark) { :root { --paper: #161514; --card: #1e1c1b; --ink: #ece9e5;
  --soft: #b0a9a2; --line: #3a3633; --green: #7fb3a4; --on-green: #10201c; --red: #f0a297;
  --on-red: #2b0c08; --tint: #20302b; --warn: #382d17; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 58rem; margin: 0 auto; padding: 1.25rem 1rem 4rem; }
.brand { font-weight: 700; letter-spacing: -.02em; margin: 0; color: var(--soft); }
h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -.015em; margin: 1rem 0 .5rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0 0 .5rem; }
p { margin: 0 0 .75rem; max-width: 65ch; }
.soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1.1rem; margin: 1rem 0; }
section > :last-child { margin-bottom: 0; }
.state { border-left: 6px solid var(--green); }
.rests { border-left-color: #b7791f; }
.ended { border-left-color: var(--red); }
.notice { background: var(--tint); border-radius: 12px; padding: .8rem 1.1rem; margin: 1rem 0; }
.problem { background: var(--warn); }
a { color: var(--green); }
button, .button { font: inherit; font-weight: 600; min-height: 44px; padding: .6rem 1.1rem;
  border-radius: 8px; border: 1px solid var(--green); background: var(--green);
  color: var(--on-green); cursor: pointer; text-decoration: none; display: inline-block; }
button.quiet { background: transparent; color: var(--ink); border-color: var(--soft); }
button.final { background: var(--red); border-color: var(--red); color: var(--on-red); }
:focus-visible { outline: 3px solid var(--green); outline-offset: 2px; }
form { margin: 0; }
.answers { display: flex; flex-wrap: wrap; gap: .6rem; }
label { display: block; font-weight: 600; margin: 0 0 .3rem; }
input[type=text] { font: inherit; width: 100%; max-width: 20rem; min-height: 44px;
  padding: .5rem .7rem;
  border: 1px solid var(--soft); border-radius: 8px; background: var(--paper); color: var(--ink);
  margin: 0 0 .8rem; }
ul.pictures { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
ul.pictures li { border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
ul.pictures img { display: block; width: 100%; height: auto; background: var(--tint); }
ul.pictures li > div { padding: .8rem; }
dl { margin: 0; display: grid; grid-template-columns: minmax(8rem, 12rem) 1fr; }
dt, dd { margin: 0; padding: .5rem 0; border-top: 1px solid var(--line); }
dt { font-weight: 600; padding-right: 1rem; }
dl > :nth-child(-n+2) { border-top: 0; }
dd { overflow-wrap: anywhere; }
.sum { font-size: 1.5rem; font-weight: 650; margin: 0 0 .25rem; }
table { width: 100%; border-collapse: collapse; }
table { table-layout: fixed; }
th, td { text-align: left; vertical-align: top; padding: .55rem .8rem .55rem 0;
  border-top: 1px solid var(--line); overflow-wrap: break-word; }
th:nth-child(1) { width: 20%; }
th:nth-child(2) { width: 27%; }
th:nth-child(4) { width: 21%; }
td form { margin-top: .4rem; }
td button { padding: .4rem .7rem; }
thead th { border-top: 0; color: var(--soft); font-size: .9rem; }
td ul { margin: 0; padding-left: 1.1rem; }
footer { color: var(--soft); font-size: .9rem; margin-top: 2rem; }
.alone { max-width: 32rem; padding-top: 12vh; }
@media (max-width: 640px) {
  h1 { font-size: 1.5rem; }
  dl { display: block; }
  dl dt { padding-bottom: 0; }
  dl dd { border-top: 0; padding-top: .1rem; }
  dl > :nth-child(1) { border-top: 0; padding-top: 0; }
  thead { position: absolute; left: -999rem; }
  tr { display: block; border-top: 1px solid var(--line); padding: .6rem 0; }
  tbody tr:first-child { border-top: 0; padding-top: 0; }
  td { display: block; border: 0; padding: .1rem 0; }
  td[data-is]::before { content: attr(data-is) ": "; color: var(--soft); }
  .answers button { flex: 1 1 auto; }
}
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
