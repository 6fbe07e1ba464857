"""What a person is paid for the use of their likeness, in words that can be computed with. Pure.

Amounts are decimal text, never floats: the statement of pay multiplies them exactly. Agreements
that were written down in free words are kept as `words`; nothing is computed from those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from workspace.errors import InvalidRequest

BASES = ("per_image", "flat", "period", "none")
PER = ("published_image", "image", "period")
MAX_WORDS = 2000  # characters
_FIELDS = ("basis", "amount", "currency", "per")
_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,4})?")
# Active codes of ISO 4217 for money that people are paid in; no funds, metals or test codes.
_CURRENCY = re.compile(
    "AED|AFN|ALL|AMD|AOA|ARS|AUD|AWG|AZN|BAM|BBD|BDT|BHD|BIF|BMD|BND|BOB|BRL|BSD|BTN|BWP|"
    "BYN|BZD|CAD|CDF|CHF|CLP|CNY|COP|CRC|CUP|CVE|CZK|DJF|DKK|DOP|DZD|EGP|ERN|ETB|EUR|FJD|"
    "FKP|GBP|GEL|GHS|GIP|GMD|GNF|GTQ|GYD|HKD|HNL|HTG|HUF|IDR|ILS|INR|IQD|IRR|ISK|JMD|JOD|"
    "JPY|KES|KGS|KHR|KMF|KPW|KRW|KWD|KYD|KZT|LAK|LBP|LKR|LRD|LSL|LYD|MAD|MDL|MGA|MKD|MMK|"
    "MNT|MOP|MRU|MUR|MVR|MWK|MXN|MYR|MZN|NAD|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PEN|PGK|PHP|PKR|"
    "PLN|PYG|QAR|RON|RSD|RUB|RWF|SAR|SBD|SCR|SDG|SEK|SGD|SHP|SLE|SOS|SRD|SSP|STN|SVC|SYP|"
    "SZL|THB|TJS|TMT|TND|TOP|TRY|TTD|TWD|TZS|UAH|UGX|USD|UYU|UZS|VED|VES|VND|VUV|WST|XAF|"
    "XCD|XOF|XPF|YER|ZAR|ZMW|ZWG"
)


@dataclass(frozen=True, slots=True)
class Compensation:
    """What is paid, and for what.

    `per_image`: `amount` for every image made (`per` = image) or published (published_image).
    `flat`: `amount` once. `period`: `amount` for the whole time of the consent, pro rata.
    `none`: nothing is computed; `words` may say what was agreed elsewhere.
    """

    basis: str = "none"
    amount: str = ""  # decimal text, in units of the currency
    currency: str = ""  # ISO 4217
    per: str = ""
    words: str = ""

    @property
    def value(self) -> Decimal:
        """The amount as an exact number; 0 where there is none."""
        return Decimal(self.amount or "0")

    def as_json(self) -> dict[str, Any]:
        """Show it as plain JSON."""
        return asdict(self)

    def without_words(self) -> Compensation:
        """The same pay, without the free words, which may name the person."""
        return Compensation(self.basis, self.amount, self.currency, self.per)


def compensation_from_json(stored: str | Mapping[str, Any]) -> Compensation:
    """Read what `as_json` wrote, or the one text that consents before it kept."""
    return Compensation(words=stored) if isinstance(stored, str) else Compensation(**stored)


def parse_compensation(raw: Any, pointer: str) -> Compensation:
    """Read the pay that a caller sent: an object, one text in free words, or nothing.

    Raises:
        InvalidRequest: a field is unknown, missing or makes no sense; its pointer says which.
    """
    if raw is None:
        return Compensation()
    if isinstance(raw, str):
        if len(raw) > MAX_WORDS or not is_text(raw):
            raise _wrong(f"This is a text of at most {MAX_WORDS} characters.", pointer)
        return Compensation(words=raw.strip())
    if not isinstance(raw, Mapping):
        raise _wrong("Compensation has basis, amount, currency and per; or it is a text.", pointer)
    for name in raw:
        if name not in _FIELDS:
            detail = "Compensation has basis, amount, currency and per."
            raise _wrong(detail, f"{pointer}/{step(name)}")
    basis = raw.get("basis")
    if basis not in BASES:
        raise _wrong(f"A basis is one of {', '.join(BASES)}.", f"{pointer}/basis")
    if basis == "none":
        return _nothing(raw, pointer)
    return Compensation(basis, _amount(raw, pointer), _currency(raw, pointer), _per(raw, pointer))


def _nothing(raw: Mapping[str, Any], pointer: str) -> Compensation:
    for name in ("amount", "currency", "per"):
        if raw.get(name) is not None:
            raise _wrong("Nothing is paid on the basis `none`.", f"{pointer}/{name}")
    return Compensation()


def _amount(raw: Mapping[str, Any], pointer: str) -> str:
    value = raw.get("amount")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong('This is a decimal number as text, such as "25.00".', f"{pointer}/amount")
    if not _AMOUNT.fullmatch(str(value)):
        detail = "An amount has at most 9 digits, and 4 after the point."
        raise _wrong(detail, f"{pointer}/amount")
    return str(value)


def _currency(raw: Mapping[str, Any], pointer: str) -> str:
    value = raw.get("currency")
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value.upper()):
        raise _wrong("This is a currency of ISO 4217, such as EUR.", f"{pointer}/currency")
    return value.upper()


def _per(raw: Mapping[str, Any], pointer: str) -> str:
    usual = {"per_image": "published_image", "flat": "", "period": "period"}
    fitting = {"per_image": ("published_image", "image"), "flat": (), "period": ("period",)}
    basis, value = str(raw["basis"]), raw.get("per")
    if value is None:
        return usual[basis]
    if value not in fitting[basis]:
        known = " or ".join(fitting[basis])
        detail = f"On this basis, `per` is {known}." if known else "Flat pay has no `per`."
        raise _wrong(detail, f"{pointer}/per")
    return str(value)


def is_text(value: str) -> bool:
    """Half a surrogate pair is a Python string, but no text: it can't be written as UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def step(name: object) -> str:
    """Write a field's name as one step of a JSON pointer (RFC 6901), cut to what helps."""
    shown = str(name)[:64].encode(errors="replace").decode()
    return shown.replace("~", "~0").replace("/", "~1")


def _wrong(detail: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(detail, (), None, pointer)
