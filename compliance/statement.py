"""The statement of pay: what a person is owed for a period, by the pay of each consent. Pure.

Rules, in exact decimal arithmetic, rounded half up to the currency's smallest unit at the end:
- `per_image` per image: every image made in the period, by the version that it was made under.
- `per_image` per published image: every image whose first publication is in the period, once, by
  the version that was in force when it went out.
- `flat`: once, when a version begins to hold. A version that repeats the pay of the one that is
  paid already and ends no later (a narrowing, a correction) is the same agreement.
- `period`: the amount is for the whole time from start to end of the version, pro rata for the
  time that it held; rounded so that statements of consecutive periods add up. A pause changes
  nothing, a withdrawal ends it.
- Pay that was agreed in free words can't be computed; the line says so.
It reckons by the record; it is no invoice and knows no taxes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal

from compliance.consent import Consent
from compliance.ledger import Ledger

# Currencies whose smallest unit is not a hundredth (ISO 4217).
_WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Line:
    """What one version of the consent adds. `amount` is decimal text; None: not computable."""

    consent_id: str
    consent_version: int | None
    basis: str
    per: str
    unit_amount: str
    currency: str
    quantity: int | None  # images; None where pay is not by the image
    amount: str | None
    says: str


@dataclass(frozen=True, slots=True)
class Statement:
    """All lines of a period, oldest version first, and the sum of each currency."""

    lines: tuple[Line, ...]
    totals: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Span:
    """The time in which one version was the one that held."""

    consent: Consent
    begins: datetime
    ends: datetime


def statement(
    consents: Sequence[Consent],
    ledger: Ledger,
    ended: Mapping[str, datetime],
    since: datetime | None,
    until: datetime,
) -> Statement:
    """Reckon what is owed from `since` up to, but without, `until`.

    Args:
        consents: Every version of one custom model's consent, in any order.
        ledger: What was made and published from the beginning up to `until`.
        ended: When a version was revoked or closed, by its id; absent if it was not.
        since: Start of the period in UTC; None for the beginning.
        until: End of the period in UTC, not after the present.
    """
    start = since or datetime.min.replace(tzinfo=UTC)
    made = Counter(use.consent_id for use in ledger.uses if start <= use.made_at < until)
    published = _first_publications(ledger, start, until)
    spans = list(_spans(consents, ended))
    lines = [
        line
        for span, is_new in _agreements(spans)
        for line in _lines(span, is_new, made, published, start, until)
    ]
    known = {span.consent.id for span in spans}
    lost = Counter({key: n for key, n in (made + published).items() if key not in known})
    lines += [_unreadable(key, number) for key, number in sorted(lost.items())]
    return Statement(tuple(lines), _totals(lines))


def _first_publications(ledger: Ledger, start: datetime, until: datetime) -> Counter[str]:
    """Count images by the version under which they first went out, if that is in the period."""
    first: dict[str, tuple[datetime, str]] = {}
    for one in ledger.publications:
        known = first.get(one.image_id)
        if known is None or one.published_at < known[0]:
            first[one.image_id] = (one.published_at, one.consent_id or "")
    return Counter(key for at, key in first.values() if key and start <= at < until)


def _spans(consents: Sequence[Consent], ended: Mapping[str, datetime]) -> Iterator[_Span]:
    """When each version held: the newest holds from the moment that it is recorded."""
    ordered = sorted(consents, key=lambda one: one.version)
    for index, given in enumerate(ordered):
        begins, ends = given.terms.starts_at, given.terms.expires_at
        if index:
            begins = max(begins, given.recorded_at)
        if index + 1 < len(ordered):
            ends = min(ends, ordered[index + 1].recorded_at)
        ends = min(ends, ended.get(given.id, ends))
        yield _Span(given, begins, max(begins, ends))


def _agreements(spans: Sequence[_Span]) -> Iterator[tuple[_Span, bool]]:
    """Tell of each version whether it is an agreement of its own, for pay that is due once."""
    paid: Consent | None = None
    for span in spans:
        held, terms = span.ends > span.begins, span.consent.terms
        same = paid is not None and (
            terms.compensation == paid.terms.compensation
            and terms.expires_at <= paid.terms.expires_at
        )
        if held and not same:
            paid = span.consent
        yield span, held and not same


def _lines(
    span: _Span,
    is_new: bool,
    made: Counter[str],
    published: Counter[str],
    start: datetime,
    until: datetime,
) -> Iterator[Line]:
    pay, consent_id = span.consent.terms.compensation, span.consent.id
    if pay.basis == "per_image":
        kind, count = "image", made[consent_id]
        if pay.per == "published_image":
            kind, count = "published image", published[consent_id]
        if count:
            plural = "" if count == 1 else "s"
            amount = _EXACT.multiply(pay.value, Decimal(count))
            says = f"{count} {kind}{plural} at {pay.amount} {pay.currency} each"
            yield _line(span, count, amount, says)
    elif pay.basis == "flat":
        if is_new and start <= span.begins < until:
            day = f"{span.begins:%Y-%m-%d}"
            yield _line(span, None, pay.value, f"once, for the agreement that began on {day}")
    elif pay.basis == "period":
        earned = _earned(span, until) - _earned(span, start)
        if earned:
            begins, ends = max(span.begins, start), min(span.ends, until)
            says = f"pro rata from {begins:%Y-%m-%d} to {ends:%Y-%m-%d} of {pay.amount}"
            yield _line(span, None, earned, f"{says} {pay.currency} for the whole term")
    elif pay.words and span.begins < until and span.ends > start:
        yield _line(span, None, None, "Agreed in words; read the consent, nothing is computed.")


def _earned(span: _Span, at: datetime) -> Decimal:
    """What a period's pay has come to at a moment, rounded."""
    terms = span.consent.terms
    held = max(timedelta(), min(at, span.ends) - span.begins) // _TICK
    whole = (terms.expires_at - terms.starts_at) // _TICK
    share = _EXACT.divide(_EXACT.multiply(terms.compensation.value, Decimal(held)), Decimal(whole))
    return _rounded(share, terms.compensation.currency)


def _line(span: _Span, quantity: int | None, amount: Decimal | None, says: str) -> Line:
    pay = span.consent.terms.compensation
    return Line(
        consent_id=span.consent.id,
        consent_version=span.consent.version,
        basis=pay.basis,
        per=pay.per,
        unit_amount=pay.amount,
        currency=pay.currency,
        quantity=quantity,
        amount=None if amount is None else f"{_rounded(amount, pay.currency):f}",
        says=says,
    )


def _unreadable(consent_id: str, number: int) -> Line:
    says = "The record of this consent no longer opens; nothing is computed."
    return Line(consent_id, None, "unknown", "", "", "", number, None, says)


def _totals(lines: Sequence[Line]) -> dict[str, str]:
    sums: dict[str, Decimal] = {}
    for line in lines:
        if line.amount is not None:
            before = sums.get(line.currency, Decimal(0))
            sums[line.currency] = _EXACT.add(before, Decimal(line.amount))
    return {currency: f"{total:f}" for currency, total in sorted(sums.items())}


def _rounded(amount: Decimal, currency: str) -> Decimal:
    digits = 0 if currency in _WHOLE.split() else 3 if currency in _THOUSANDTHS.split() else 2
    return amount.quantize(Decimal(1).scaleb(-digits), context=_EXACT)
