"""The audit log as a table: whether it is whole, and its entries, newest first."""

from __future__ import annotations

from collections.abc import Mapping

from console.client import Api, ApiProblem, Json
from console.parts.html import note, text
from console.parts.times import moment

PAGE = 50


async def state(api: Api) -> str:
    """Whether the log is whole; empty for whoever may not read it.

    Raises:
        ApiProblem: the service failed, or the session has ended.
    """
    try:
        report = await api.get("/v1/audit/verify")
    except ApiProblem as found:
        if found.status == 403:
            return ""
        raise
    return _state(report)


async def drawn(
    api: Api, words: str = "", older_than: str = "", names: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """A page of entries, and where the next older one begins ("" where there is none).

    Args:
        api: The service.
        words: Only entries in which all of them occur.
        older_than: What this function answered for the page before.
        names: Person id -> name, to show beside who did it.

    Raises:
        ApiProblem: the service failed, or the session has ended.
    """
    query: dict[str, str | int] = {"limit": PAGE, "words": words.strip()}
    if older_than:
        query["cursor"] = older_than
    try:
        page = await api.get("/v1/audit/search", **query)
    except ApiProblem as found:
        if found.status == 403:
            return "", ""
        raise
    entries = [entry for entry in page.get("items") or () if isinstance(entry, dict)]
    return _table(entries, words.strip(), names or {}), str(page.get("next_cursor") or "")


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


def _table(entries: list[Json], asked: str, names: Mapping[str, str]) -> str:
    if not entries:
        return note("No entry has these words." if asked else "The log is empty.")
    rows = "".join(
        f"<tr><td>{text(entry.get('seq'))}</td><td>{text(moment(entry.get('at')))}</td>"
        f"<td>{text(entry.get('action'))}</td><td>{text(entry.get('object_id'))}</td>"
        f"<td>{_who(str(entry.get('actor') or ''), names)}</td>"
        f"<td>{_facts(entry.get('facts'))}</td></tr>"
        for entry in entries
    )
    return (
        "<div class='hm-scroll' tabindex='0' role='region' aria-label='Audit log'>"
        "<table class='hm-table'><thead><tr><th scope='col'>No.</th><th scope='col'>Time (UTC)</th>"
        "<th scope='col'>What</th><th scope='col'>Which</th><th scope='col'>Who</th>"
        f"<th scope='col'>More</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _who(actor: str, names: Mapping[str, str]) -> str:
    name = names.get(actor.partition(".")[0])
    if name:
        return f"{text(name)}<br><small class='hm-muted'>{text(actor)}</small>"
    return text(actor)


def _facts(facts: object) -> str:
    """One fact as it is, several behind a word that opens them."""
    given = facts if isinstance(facts, dict) else {}
    lines = [f"{name}: {value}" for name, value in given.items() if value is not None]
    if len(lines) < 2:
        return text(", ".join(lines))
    listed = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f"<details><summary>{len(lines)} facts</summary><ul>{listed}</ul></details>"
