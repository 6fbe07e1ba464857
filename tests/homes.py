"""Small real homes for tests: a registry in a folder, a store, ticked boxes, files under a home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, settings

from compliance.guidelines import Guidelines, load_guidelines
from workspace.plans import Plan, load_plans
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import Caller

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROOT_KEY = bytes(range(32))
# For tests with hypothesis: no deadline (machines are busy), and a store made once per test.
quick = settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_CONFIGS = Path(__file__).parents[1] / "configs"


@contextmanager
def open_registry(home: Path, root_key: bytes = ROOT_KEY) -> Iterator[Registry]:
    """A registry over a home folder, closed at the end."""
    registry = Registry(home, root_key)
    try:
        yield registry
    finally:
        registry.close()


@contextmanager
def open_store(home: Path, name: str = "atelier") -> Iterator[WorkspaceStore]:
    """The store of one new workspace on the pro plan."""
    with open_registry(home) as registry:
        yield registry.store(registry.create(name, "pro", NOW).id)


def guidelines() -> Guidelines:
    """The guidelines that ship."""
    return load_guidelines(_CONFIGS / "guidelines")


def plans() -> dict[str, Plan]:
    """The plans that ship, without their pace: tests poll faster than anybody may."""
    shipped = load_plans(_CONFIGS / "plans.toml")
    free = {"max_requests_per_minute": 10**6, "max_caller_requests_per_minute": 10**6}
    return {name: replace(plan, **free) for name, plan in shipped.items()}


def ticked(texts: Guidelines) -> list[dict[str, str]]:
    """Every box ticked, as a caller sends it."""
    return [{"id": box.id, "sha256": box.sha256} for box in texts.attestations]


def caller(store: WorkspaceStore) -> Caller:
    """A caller of the store's workspace."""
    return Caller(store.workspace.id, "key_test", frozenset())


def bytes_under(folder: Path) -> bytes:
    """All bytes of all files under a folder, to search for what must not be there."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
