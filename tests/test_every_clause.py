"""Every clause of a consent: allowed at submit, changed while it waits, refused, nothing rendered.

There is an audit entry and an answer in plain words. Changes that come later, after the claim and
while it is drawn, are in `tests/whole/test_late_changes.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clauses import Clause, clause_service, each, submitted
from tests.consenting import worker
from tests.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with clause_service(tmp_path_factory.mktemp("clauses") / "home") as opened:
        yield opened


@each
def test_a_change_while_it_waits_renders_nothing(service: Service, clause: Clause) -> None:
    case = submitted(service, clause)
    clause.change(service, case.model)
    if not clause.later:  # at once, before any worker looks
        case.check(clause)
    assert not worker(service, case.now).run_once()
    assert service.diffusion.batches == []
    case.check(clause)
