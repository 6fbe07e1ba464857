"""Where a picture may be used: `*` (worldwide), `EU`, a country `US`, or a part of one `US-NY`.

Pure. A wider territory covers a narrower one: `*` all, `EU` its member states, a country its parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

WORLDWIDE = "*"
EU = "EU"
_EU_MEMBER = re.compile(
    "AT|BE|BG|CY|CZ|DE|DK|EE|ES|FI|FR|GR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK"
)
_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_ALIASES = {"UK": "GB", "EL": "GR"}


def normalize(territory: str) -> str | None:
    """Write a territory the one way; None when it is none (ISO 3166 codes by their form)."""
    text = territory.strip().upper()
    if text == WORLDWIDE or _COUNTRY.fullmatch(text):
        country, dash, part = text.partition("-")
        return f"{_ALIASES.get(country, country)}{dash}{part}"
    return None


def covers(granted: Iterable[str], asked: str) -> bool:
    """Tell whether the granted territories hold all of the one that is asked for."""
    wanted = normalize(asked)
    if wanted is None:
        return False
    country = wanted.partition("-")[0]
    wide_enough = {wanted, country, WORLDWIDE} | ({EU} if _EU_MEMBER.fullmatch(country) else set())
    return not wide_enough.isdisjoint(granted)
