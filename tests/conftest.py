"""Shared fixtures: temporary homes, real stores, the real face encoder, a whole service.

Nothing here needs Ray, a GPU or a network. `service` runs the real routes, queue, dispatcher and
face networks; only the diffusion is `simulated.py`. Its client checks that every answer has a
status that the OpenAPI document names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from identity.encoder import InsightFaceEncoder
from serve.line.stages import Parts
from serve.settings import PROJECT, load_settings
from tests.homes import ROOT_KEY, open_store
from tests.service import Service, open_service
from workspace.registry import Registry
from workspace.store import WorkspaceStore

MANNEQUIN = PROJECT / "packs" / "mannequin"


@pytest.fixture(scope="session")
def face_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The face pack that set-up built, or one built for this run."""
    installed = load_settings().face_pack_folder
    if (installed / "manifest.json").is_file():
        return installed
    from identity import face_pack

    return face_pack.build(tmp_path_factory.mktemp("faces") / "pack")


@pytest.fixture(scope="session")
def encoder(face_pack: Path) -> InsightFaceEncoder:
    """The real face networks."""
    return InsightFaceEncoder(face_pack)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty folder for one test's home."""
    return tmp_path / "home"


@pytest.fixture
def registry(home: Path) -> Iterator[Registry]:
    """A registry over an empty home."""
    opened = Registry(home, ROOT_KEY)
    yield opened
    opened.close()


@pytest.fixture
def store(home: Path) -> Iterator[WorkspaceStore]:
    """The store of one new workspace on the pro plan."""
    with open_store(home) as opened:
        yield opened


@pytest.fixture(scope="session")
def service(
    tmp_path_factory: pytest.TempPathFactory, encoder: InsightFaceEncoder
) -> Iterator[Service]:
    """A whole service with its workspace `atelier`, shared by all tests: leave no traps behind."""
    with open_service(tmp_path_factory.mktemp("service") / "home", encoder) as opened:
        yield opened


@pytest.fixture
def fresh_service(home: Path, encoder: InsightFaceEncoder) -> Iterator[Service]:
    """A whole service of this test's own; its dispatcher is not started."""
    with open_service(home, encoder, start=False) as opened:
        yield opened


@pytest.fixture
def parts(fresh_service: Service) -> Parts:
    """What the pipeline works with."""
    return fresh_service.services.parts


@pytest.fixture(scope="session")
def mannequin() -> Path:
    """The real mannequin pack's folder."""
    if not (MANNEQUIN / "pack.toml").is_file():
        pytest.skip("packs/mannequin has no weights yet")
    return MANNEQUIN
