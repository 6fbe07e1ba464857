"""The consent of the wizard as JSON, with the defaults that are shown first. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from console import texts
from console.client import Json

APPROVAL = (
    ("Nothing: the terms are enough", "none"),
    ("Each campaign, before anything is made", "per_campaign"),
    ("Each image, before it goes out", "per_image"),
)
DAYS = 365  # how long a consent runs unless something else is entered
_AMOUNT = re.compile(r"(?P<number>\d{1,9}([.,]\d{1,2})?)\s*(?P<currency>[A-Za-z]{3})")
TERRITORIES_AT_FIRST = ("EU", "US")
TOOLS = tuple((texts.TOOLS[tool], tool) for tool in ("editorial", "flatlay_to_catalog"))
TOOLS_AT_FIRST = tuple(tool for _, tool in TOOLS)
PAY_AT_FIRST = "per_image"
USE_AT_FIRST = "Product pages and lookbooks of this brand"


def attestations(listed: Sequence[Json], ticked: Sequence[str]) -> list[Json]:
    """What was ticked, each with the hash of the very text that was shown."""
    return [
        {"id": box["id"], "sha256": box["sha256"]} for box in listed if box.get("id") in set(ticked)
    ]


def all_ticked(ticked: Sequence[str] | None, listed: Sequence[Json]) -> bool:
    """Whether every box carries a tick; no boxes is not 'every'."""
    wanted = {box.get("id") for box in listed}
    return bool(wanted) and wanted == set(ticked or ())


def last_day(today: date) -> str:
    """The end date that is offered first."""
    return (today + timedelta(days=DAYS)).isoformat()


def consent(
    purposes: Sequence[str],
    channels: Sequence[str],
    territories: Sequence[str],
    until: Any,
    pay: str,
    amount: str,
    use: str,
    approval: str = "none",
    tools: Sequence[str] = (),
) -> Json:
    """The consent terms as `POST /v1/models` takes them; an open field is left to the service."""
    terms: Json = {
        "purposes": list(purposes or ()),
        "channels": list(channels or ()),
        "territories": list(territories or ()),
        "expires_at": end_of(until),
        "compensation": paid(pay, amount),
        "intended_use": (use or "").strip(),
        "approval": "" if approval == "none" else approval,
        "tools": list(tools or ()),
    }
    return {name: value for name, value in terms.items() if value}


def end_of(until: Any) -> str:
    """The last second of the chosen day in UTC, RFC 3339; empty when nothing was entered.

    Raises:
        ValueError: what was entered is no date.
    """
    if not until:
        return ""
    if isinstance(until, int | float):
        day = datetime.fromtimestamp(until, UTC).date()
    elif isinstance(until, datetime):
        day = until.date()
    else:
        day = date.fromisoformat(str(until)[:10])
    return datetime.combine(day, time(23, 59, 59), UTC).isoformat().replace("+00:00", "Z")


def paid(basis: str, amount: str) -> Json | str:
    """Pay as the service computes with it; one line of words where the amount is none.

    "1.000" may be one or a thousand, so that no more than two decimals are taken for a number.
    """
    written = _AMOUNT.fullmatch((amount or "").strip())
    if written and basis in {code for _, code in texts.PAY}:
        number, currency = written["number"].replace(",", "."), written["currency"].upper()
        return {"basis": basis, "amount": number, "currency": currency}
    words = {code: label for label, code in texts.PAY}.get(basis, basis or "")
    given = (amount or "").strip()
    return f"{words}: {given}" if words and given else words or given


def resumed(entered: Json, purposes: Sequence[str], channels: Sequence[str]) -> list[Any]:
    """Values for the fields of the consent, in the order of `consent`: as the draft has them.

    What the draft says nothing of, because nobody came that far, keeps what is offered first.

    Args:
        entered: The draft, as `GET /v1/drafts` has it; empty for none.
        purposes: Every purpose that this installation knows; so for `channels`.
    """

    def chosen(name: str, at_first: Sequence[str]) -> list[str]:
        kept = entered.get(name)
        return list(at_first if kept is None else kept)

    return [
        chosen("purposes", purposes),
        chosen("channels", channels),
        chosen("territories", TERRITORIES_AT_FIRST),
        entered.get("until") or last_day(datetime.now(UTC).date()),
        entered.get("pay") or PAY_AT_FIRST,
        entered.get("amount") or "",
        entered.get("intended_use") or USE_AT_FIRST,
        entered.get("approval") or "none",
        chosen("tools", TOOLS_AT_FIRST),
    ]
