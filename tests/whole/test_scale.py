"""A workspace with much in it: the short form of `python -m benchmarks.scale`, and why it is quick.

How long lists take is for the benchmark to say; here every list is read to its end, and SQLite is
asked how it finds the rows: never by sorting or reading more than a page shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.filling import Filling, unsynced
from benchmarks.scale import SOME, read_lists
from compliance import consent, retention
from compliance.retention import RetentionRules
from identity import likeness
from serve.wire import paging
from tests.homes import guidelines, open_store
from tests.service import Service, open_service
from workspace.assets import Assets
from workspace.store import WorkspaceStore

pytestmark = pytest.mark.whole
MODELS, IMAGES = 120, 480


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with open_service(tmp_path_factory.mktemp("scale") / "home", None, start=False) as service:
        filling = Filling(service.store, guidelines())
        with unsynced(service.store):
            consents = filling.models(MODELS, lambda line: None)
            filling.images(IMAGES, consents, filling.products(10), lambda line: None)
        yield service


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WorkspaceStore]:
    with open_store(tmp_path) as store:
        yield store


def test_every_list_is_read_to_its_end(service) -> None:
    pages = {figure.name: figure.note for figure in read_lists(service.client) if figure.note}
    assert pages["p95 of /v1/models, 24 a page"] == f"{MODELS // 24} pages"
    assert pages["p95 of /v1/generations, 24 a page"] == f"{IMAGES // 4 // 24} pages"
    assert pages[f"p95 of /v1/models/{{model_id}}/images of {SOME} models"]
    assert len(pages) > 30


def test_what_fills_a_workspace_is_sealed_and_linked_as_the_real_thing(service) -> None:
    report = service.store.verify()
    assert report.intact and report.assets == 3 * MODELS + 10 + IMAGES
    audited = service.client.get("/v1/audit/verify").json()
    assert audited["intact"] and audited["entries"] > 2 * MODELS
    model = service.client.get("/v1/models").json()["items"][0]
    ledger = service.client.get(f"/v1/models/{model['id']}/ledger")
    assert ledger.status_code == 200


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ("models", "status <> 'erased'"),
        ("products", "1"),
        ("generations", "1"),
        ("generations", "1 AND status = 'failed'"),
        ("generations", "1 AND tool = 'editorial'"),
        ("generations", "1 AND status = 'failed' AND tool = 'editorial'"),
        ("generations", "1 AND +status = 'failed' AND +tool = 'editorial' AND model_id = 'm'"),
        ("generations", "1 AND created_at >= '2026' AND created_at < '2027'"),
        ("images", "model_id = 'm'"),
        ("image_approvals", "status = 'pending' AND id IN (SELECT id FROM images)"),
    ],
)
def test_a_page_is_found_without_sorting(service, monkeypatch, table: str, where: str) -> None:
    store, plans = service.store, []
    query = type(store.db).query

    def explained(db, sql, params=None):
        plans.extend(str(row["detail"]) for row in query(db, f"EXPLAIN QUERY PLAN {sql}", params))
        return query(db, sql, params)

    cursor = paging._write("2026-11-22", "x")
    monkeypatch.setattr(type(store.db), "query", explained)
    paging.page(store, table, 24, cursor, lambda row: row.id, where)
    ours = [plan for plan in plans if f" {table}" in plan]
    assert ours and all(plan.startswith(f"SEARCH {table} USING INDEX") for plan in ours)
    assert not any("TEMP B-TREE" in plan for plan in plans)
    if "model_id" in where:
        assert any("model_id=?" in plan for plan in ours)


def test_consents_that_ended_are_found_without_reading_the_others(service) -> None:
    from serve.custody.standing import _ENDED

    plan = [row["detail"] for row in service.store.db.query(f"EXPLAIN QUERY PLAN {_ENDED}", ["2"])]
    assert not any(line.startswith("SCAN") for line in plan)


def test_retention_opens_only_those_whose_time_may_have_come(service, monkeypatch) -> None:
    store, rules, opened = service.store, RetentionRules(), []
    now = datetime.now(UTC)
    standing = retention.standing

    def counted(store, model_id, rules):
        opened.append(model_id)
        return standing(store, model_id, rules)

    monkeypatch.setattr(retention, "standing", counted)
    assert retention.due(store, rules, now) == [] and opened == []
    met = service.client.get("/v1/models").json()["items"][0]["id"]
    retention._change(store, met, {"purpose_met_at": now.isoformat()})
    assert [one.model_id for one in retention.due(store, rules, now)] == [met] == opened
    ends = consent.current(store, met).terms.expires_at
    later = ends + timedelta(days=rules.grace_days)
    assert len(retention.due(store, rules, later)) == MODELS


def test_vectors_that_were_opened_a_moment_ago_are_not_opened_again(service, monkeypatch) -> None:
    store, opened = service.store, []
    before = likeness.vectors(store)
    assert len(before) == MODELS and {one for one, _ in before.values()}
    read = likeness._vector
    monkeypatch.setattr(
        likeness, "_vector", lambda store, asset: opened.append(asset) or read(store, asset)
    )
    model_id, vector = next(iter(before.values()))
    likeness.save(store, model_id, vector, *[_face()] * 2)
    after = likeness.vectors(store, before)
    assert len(after) == MODELS + 1 and [*opened] == [*(after.keys() - before.keys())]


def _face():
    from benchmarks.filling import _FACE

    return _FACE


def test_a_file_whose_row_comes_while_leftovers_are_looked_for_stays(store, monkeypatch) -> None:
    kept = store.assets.put(b"photo", "photo", "prd_1", "image/jpeg")
    (store.folder / "assets" / "ast_left.draft").touch()
    known, looks = Assets._known, []

    def late(assets):
        looks.append(1)
        return known(assets) if len(looks) > 1 else set()  # the first look is a moment too early

    monkeypatch.setattr(Assets, "_known", late)
    assert store.assets.sweep() == 1
    assert store.assets.get(kept) == b"photo"
    assert [path.name for path in (store.folder / "assets").iterdir()] == [f"{kept}.sealed"]
