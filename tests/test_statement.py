"""What is owed: exact, once, for the right version, and adding up from period to period."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.consent import Consent
from compliance.ledger import Ledger, Publication, UseOfPerson
from compliance.statement import Statement, statement
from compliance.terms import parse_terms
from tests.homes import quick
from workspace.types import ConsentId, ConsentStatus, ModelId

START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = START + timedelta(days=365)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def given_by(pay: Any, version: int = 1, recorded: datetime = START, **terms: Any) -> Consent:
    raw = {"starts_at": START.isoformat(), "expires_at": YEAR.isoformat(), "compensation": pay}
    return Consent(
        id=ConsentId(f"cns_{version}"),
        model_id=ModelId("mdl_1"),
        version=version,
        kind="real_person",
        status=ConsentStatus.ACTIVE,
        terms=parse_terms({**raw, **terms}, recorded),
        attestations=(),
        guidelines_version="1",
        recorded_by="key_1",
        recorded_at=recorded,
    )


def used(image: str, at: datetime, consent: str = "cns_1") -> UseOfPerson:
    return UseOfPerson(
        image, "gen_1", "mdl_1", at, "editorial", "email", "web", ("EU",), consent, 1
    )


def out(image: str, at: datetime, consent: str = "cns_1") -> Publication:
    made = Publication(
        "pub_1", image, "mdl_1", at, "email", "web", ("EU",), "", consent, 1, "key_1"
    )
    return replace(made, id=f"pub_{image}_{at:%j%H}")


def reckon(
    consents: list[Consent],
    uses: tuple[UseOfPerson, ...] = (),
    publications: tuple[Publication, ...] = (),
    since: datetime | None = None,
    until: datetime = YEAR,
    **ended: datetime,
) -> Statement:
    return statement(consents, Ledger(uses, publications, ()), ended, since, until)


PER_IMAGE = {"basis": "per_image", "amount": "12.35", "currency": "EUR", "per": "image"}
PER_PUBLISHED = {**PER_IMAGE, "per": "published_image"}
FLAT = {"basis": "flat", "amount": "900", "currency": "USD"}
PERIOD = {"basis": "period", "amount": "1000", "currency": "EUR"}


def test_each_image_of_the_period_is_paid_to_the_cent() -> None:
    uses = (used("img_1", day(1)), used("img_2", day(31)), used("img_3", day(40)))
    paid = reckon([given_by(PER_IMAGE)], uses, since=day(31), until=day(59))
    assert paid.totals == {"EUR": "24.70"}
    assert (paid.lines[0].quantity, paid.lines[0].says) == (2, "2 images at 12.35 EUR each")


def test_a_published_image_is_paid_once_when_it_first_goes_out() -> None:
    uses = (used("img_1", day(1)), used("img_2", day(1)))
    first, again = out("img_1", day(5)), out("img_1", day(70))
    consents = [given_by(PER_PUBLISHED)]
    assert reckon(consents, uses, (again, first), until=day(31)).totals == {"EUR": "12.35"}
    assert reckon(consents, uses, (again, first), since=day(31)).totals == {}
    assert reckon(consents, uses).totals == {}  # made, and never published


def test_publications_are_paid_by_the_version_that_was_in_force() -> None:
    better = {**PER_PUBLISHED, "amount": "20"}
    consents = [given_by(PER_PUBLISHED), given_by(better, 2, day(100))]
    paid = reckon(consents, (), (out("img_1", day(5)), out("img_2", day(101), "cns_2")))
    assert [line.amount for line in paid.lines] == ["12.35", "20.00"]
    assert paid.totals == {"EUR": "32.35"}


def test_a_flat_fee_is_due_once_and_a_narrowed_version_owes_it_no_second_time() -> None:
    narrowed = given_by(FLAT, 2, day(50), channels=["web"])
    renewed = given_by(FLAT, 3, day(360), expires_at=(YEAR + timedelta(days=365)).isoformat())
    assert reckon([given_by(FLAT), narrowed]).totals == {"USD": "900.00"}
    assert reckon([given_by(FLAT), narrowed, renewed]).totals == {"USD": "1800.00"}
    assert reckon([given_by(FLAT)], since=day(1)).totals == {}
    replaced = given_by(FLAT, 1, START, starts_at=day(90).isoformat())
    assert reckon([replaced, given_by(FLAT, 2, day(50))]).totals == {"USD": "900.00"}


def test_pay_for_a_period_is_pro_rata_and_statements_add_up() -> None:
    consents = [given_by(PERIOD)]
    assert reckon(consents).totals == {"EUR": "1000.00"}
    months = [day(n) for n in (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)]
    parts = [
        reckon(consents, since=since, until=until).totals["EUR"]
        for since, until in itertools.pairwise(months)
    ]
    assert parts[0] == "84.93" and sum(int(part.replace(".", "")) for part in parts) == 100_000


def test_a_withdrawal_and_a_new_version_end_the_period_and_nothing_is_paid_twice() -> None:
    assert reckon([given_by(PERIOD)], cns_1=day(73)).totals == {"EUR": "200.00"}
    renewed = [given_by(PERIOD), given_by(PERIOD, 2, day(73))]
    assert [line.amount for line in reckon(renewed).lines] == ["200.00", "800.00"]


@pytest.mark.parametrize(
    ("amount", "currency", "total"),
    [
        ("0.125", "EUR", "0.38"),
        ("0.5", "JPY", "2"),
        ("0.0015", "KWD", "0.005"),
        ("0.1", "EUR", "0.30"),
    ],
)
def test_sums_are_exact_and_rounded_once_to_the_currency(
    amount: str, currency: str, total: str
) -> None:
    pay = {"basis": "per_image", "amount": amount, "currency": currency, "per": "image"}
    uses = tuple(used(f"img_{n}", day(1)) for n in range(3))
    assert reckon([given_by(pay)], uses).totals == {currency: total}


def test_what_can_not_be_computed_is_said_and_never_guessed() -> None:
    words = reckon([given_by("a share of the campaign, see contract")])
    assert [line.amount for line in words.lines] == [None] and words.totals == {}
    lost = reckon([given_by(FLAT)], (used("img_1", day(1), "cns_gone"),))
    assert (lost.lines[-1].basis, lost.lines[-1].quantity) == ("unknown", 1)
    assert reckon([given_by({"basis": "none"})], (used("img_1", day(1)),)) == Statement((), {})


def test_currencies_are_never_added_together() -> None:
    both = [given_by(PER_IMAGE), given_by(FLAT, 2, day(10))]
    paid = reckon(both, (used("img_1", day(1)),))
    assert paid.totals == {"EUR": "12.35", "USD": "900.00"}


PAYS = st.sampled_from([PER_IMAGE, PER_PUBLISHED, FLAT, PERIOD, {"basis": "none"}])
DAYS = st.floats(0, 364, allow_nan=False)  # a consent is recorded before it ends


@quick
@given(
    pays=st.lists(st.tuples(PAYS, DAYS), min_size=1, max_size=4),
    events=st.lists(
        st.tuples(st.booleans(), DAYS, st.integers(1, 4), st.integers(1, 4)), max_size=9
    ),
    cuts=st.lists(DAYS, max_size=4),
    withdrawn=st.none() | DAYS,
)
def test_whatever_happened_statements_of_consecutive_periods_add_up(
    pays: list[Any], events: list[Any], cuts: list[float], withdrawn: float | None
) -> None:
    recorded = [START, *(day(at) for _, at in sorted(pays[1:], key=lambda one: one[1]))]
    versions = [
        given_by(pay, number, recorded[number - 1]) for number, (pay, _) in enumerate(pays, 1)
    ]
    uses = tuple(used(f"img_{i}", day(at), f"cns_{v}") for made, at, i, v in events if made)
    went = tuple(out(f"img_{i}", day(at), f"cns_{v}") for made, at, i, v in events if not made)
    ended = {} if withdrawn is None else {f"cns_{len(pays)}": day(withdrawn)}
    ends = [START - timedelta(days=1), *sorted(map(day, cuts)), YEAR + timedelta(days=1)]
    parts: Counter[str] = Counter()
    for since, until in itertools.pairwise(ends):
        for currency, total in reckon(versions, uses, went, since, until, **ended).totals.items():
            parts[currency] += int(total.replace(".", ""))
    whole = reckon(versions, uses, went, None, ends[-1], **ended).totals
    assert +parts == +Counter({key: int(sum_.replace(".", "")) for key, sum_ in whole.items()})
