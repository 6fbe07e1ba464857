"""The audit log as a table: whether it is whole, and its newest entries."""

from __future__ import annotations

from datetime import datetime

from console.client import Api, ApiProblem, Json
from console.parts.html import note, text

_SHOWN = 50
_SEARCHED = 1000  # newest entries that a search looks through
_PAGE = 100  # the most that the service gives at a time


async def drawn(api: Api, words: str = "") -> str:
    """The log; empty for whoever may not read it.

    Raises:
        ApiProblem: the service failed, or the session has ended.
    """
    try:
        report = await api.get("/v1/audit/verify")
    except ApiProblem as found:
        if found.status == 403:
            return ""
        raise
    total = int(report.get("entries") or 0)
    asked = words.strip().casefold()
    entries = await _newest(api, total, _SEARCHED if asked else _SHOWN)
    kept = [entry for entry in entries if not asked or asked in _haystack(entry)][:_SHOWN]
    return f"{_state(report)}{_table(kept, asked)}"


async def _newest(api: Api, total: int, wanted: int) -> list[Json]:
    at, found = max(0, total - wanted), []
    while at < total:
        page = await api.items("/v1/audit", cursor=str(at), limit=_PAGE)
        if not page:
            break
        found += page
        at = int(page[-1]["seq"])
    return found[::-1]


def _state(report: Json) -> str:
    signed = int(report.get("checkpoints") or 0)
    if report.get("intact"):
        points = f", {signed} signed checkpoints" if signed else ""
        return note(f"{report.get('entries')} entries, none missing or changed{points}.", "good")
    return note(
        f"The log was changed at entry {report.get('first_broken')}. Keep this machine as it is, "
        "and compare it with an exported log or a backup.",
        "bad",
        "alert",
    )


def _table(entries: list[Json], asked: str) -> str:
    if not entries:
        return note("No entry has these words." if asked else "The log is empty.")
    rows = "".join(
        f"<tr><td>{text(entry.get('seq'))}</td><td>{text(_when(entry.get('at')))}</td>"
        f"<td>{text(entry.get('action'))}</td><td>{text(entry.get('object_id'))}</td>"
        f"<td>{text(entry.get('actor'))}</td></tr>"
        for entry in entries
    )
    return (
        "<div class='hm-scroll' tabindex='0'><table class='hm-table'><thead><tr><th>No.</th>"
        "<th>Time (UTC)</th><th>What</th><th>Which</th><th>Who</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _haystack(entry: Json) -> str:
    parts = [str(entry.get(name) or "") for name in ("action", "object_id", "actor")]
    facts = entry.get("facts")
    parts += [f"{name} {value}" for name, value in facts.items()] if isinstance(facts, dict) else []
    return " ".join(parts).casefold()


def _when(value: object) -> str:
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00")).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return str(value or "")
