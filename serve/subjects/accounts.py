"""The account of one person: ledger and statement of a period, from the store to what is shown.

Rules: a period runs from `since` up to, but without, `until`, and never past the present; without
`since` it starts at the beginning. One answer holds `MOST_ROWS` at most, so that nothing is cut off
without a word. It works for an erased model, too: pay is owed after the pictures are gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from compliance import consent, ledger
from compliance.statement import statement
from serve.wire.ledger_views import (
    ConsentUseView,
    LedgerEntryView,
    LedgerView,
    StatementLineView,
    StatementView,
)
from serve.wire.tables import Cell, as_csv
from workspace.errors import InvalidRequest, NotFound
from workspace.store import WorkspaceStore

MOST_ROWS = 50_000
_ENTRY_COLUMNS = tuple(LedgerEntryView.model_fields)
_LINE_COLUMNS = tuple(StatementLineView.model_fields)


def account(
    store: WorkspaceStore,
    model_id: str,
    since: datetime | None,
    until: datetime | None,
    now: datetime,
) -> LedgerView:
    """Show what was made and published.

    Raises:
        NotFound: this workspace has no such model.
        InvalidRequest: the period ends before it begins, or holds too much.
    """
    end = _checked(store, model_id, since, until, now)
    found = ledger.read(store, model_id, since, end)
    entries = sorted(_entries(found), key=lambda one: (one.at, one.event, one.image_id))
    return LedgerView(
        model_id=model_id,
        since=since,
        until=end,
        made=len(found.uses),
        published=len(found.publications),
        by_consent=_by_consent(entries),
        entries=entries,
        damaged=list(found.damaged),
    )


def pay(
    store: WorkspaceStore,
    model_id: str,
    since: datetime | None,
    until: datetime | None,
    now: datetime,
) -> StatementView:
    """Show what is owed; versions of the consent that no longer open are named in it.

    Raises:
        NotFound: this workspace has no such model.
        InvalidRequest: the period ends before it begins, or holds too much.
    """
    end = _checked(store, model_id, since, until, now)
    found = ledger.read(store, model_id, None, end)  # a first publication may be long ago
    return pay_of(store, model_id, found, since, end)


def pay_of(
    store: WorkspaceStore,
    model_id: str,
    found: ledger.Ledger,
    since: datetime | None,
    end: datetime,
) -> StatementView:
    """Show what is owed by a ledger that was read from the beginning up to `end`."""
    given, damaged = consent.readable(store, model_id)
    ended = ledger.ends_of_consents(store, model_id)
    reckoned = statement(given, found, ended, since, end)
    return StatementView(
        model_id=model_id,
        since=since,
        until=end,
        lines=[StatementLineView.model_validate(line) for line in reckoned.lines],
        totals=dict(reckoned.totals),
        damaged=[*found.damaged, *damaged],
    )


def ledger_csv(shown: LedgerView) -> bytes:
    """Write a ledger's entries as a table."""
    return as_csv(_ENTRY_COLUMNS, (_cells(entry, _ENTRY_COLUMNS) for entry in shown.entries))


def statement_csv(shown: StatementView) -> bytes:
    """Write a statement's lines as a table, each with its period."""
    period = [shown.since.isoformat() if shown.since else "", shown.until.isoformat()]
    rows = ([*period, *_cells(line, _LINE_COLUMNS)] for line in shown.lines)
    return as_csv(("from", "to", *_LINE_COLUMNS), rows)


def _checked(
    store: WorkspaceStore,
    model_id: str,
    since: datetime | None,
    until: datetime | None,
    now: datetime,
) -> datetime:
    """Settle where the period ends."""
    if not store.count("models", "id = ?", (model_id,)):  # a damaged one has its account, too
        raise NotFound("There is no such model.")
    end = min(until or now, now)
    if since is not None and since > (until or end):
        raise InvalidRequest("The period ends before it begins.", (), None, "/from")
    if ledger.size(store, model_id, since, end) > MOST_ROWS:
        raise InvalidRequest(
            f"This period holds more than {MOST_ROWS} rows; ask for a shorter one.",
            (),
            None,
            "/from",
        )
    return end


def _entries(found: ledger.Ledger) -> Iterator[LedgerEntryView]:
    for use in found.uses:
        yield LedgerEntryView(
            event="made",
            at=use.made_at,
            image_id=use.image_id,
            generation_id=use.generation_id,
            publication_id=None,
            tool=use.tool,
            purpose=use.purpose,
            channel=use.channel,
            territories=list(use.territories),
            where=None,
            campaign_id=use.campaign,
            consent_id=use.consent_id,
            consent_version=use.consent_version,
        )
    for one in found.publications:
        yield LedgerEntryView(
            event="published",
            at=one.published_at,
            image_id=one.image_id,
            generation_id=None,
            publication_id=one.id,
            tool=None,
            purpose=one.purpose,
            channel=one.channel,
            territories=list(one.territories),
            where=one.where,
            campaign_id=None,
            consent_id=one.consent_id,
            consent_version=one.consent_version,
        )


def _by_consent(entries: Sequence[LedgerEntryView]) -> list[ConsentUseView]:
    counts = Counter((one.consent_version or 0, one.consent_id, one.event) for one in entries)
    versions = sorted({(version, key) for version, key, _ in counts}, key=lambda one: one[0])
    return [
        ConsentUseView(
            consent_id=key,
            consent_version=version or None,
            made=counts[version, key, "made"],
            published=counts[version, key, "published"],
        )
        for version, key in versions
    ]


def _cells(shown: LedgerEntryView | StatementLineView, columns: Sequence[str]) -> list[Cell]:
    values = shown.model_dump(mode="json")
    return [
        " ".join(value) if isinstance(value := values[name], list) else value for name in columns
    ]
