"""Times in words that need no second look. Pure."""

from __future__ import annotations

from datetime import datetime


def moment(value: object) -> str:
    """An RFC 3339 time as day and minute in UTC; anything else as it came."""
    try:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        return found.strftime("%-d %b %Y %H:%M")
    except ValueError:
        return str(value or "")
