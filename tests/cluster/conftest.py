"""A private Ray node for the tests of the replicas; started once, ended with everything in it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serve import leftovers
from serve.runtime import environment
from serve.settings import Settings
from tests.tiny_pack import make_tiny_pack
from workspace.tombstones import default_path


@pytest.fixture(scope="session")
def pack_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory, pack_folder: Path) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return Settings(
        home=home,
        configs_folder=Path("configs").resolve(),
        pack_folder=pack_folder,
        face_pack_folder=home,
        root_key_file=home / "root.key",
        tombstones=default_path(home),
        torch_threads=1,
    )


@pytest.fixture(scope="session")
def node(settings: Settings) -> Iterator[Any]:
    mark = "test-" + os.urandom(6).hex()
    folder = Path(tempfile.mkdtemp(prefix=leftovers.PREFIX, dir="/tmp"))
    with leftovers.hold_home(settings.home):
        leftovers.remember_start(settings.home, mark, folder)
        os.environ.update(environment(folder, mark))
        from serve.deployments.node import disconnect, end_node, start_node

        (folder / "ray").mkdir()
        started = start_node(folder / "ray", 128)
        yield started
        disconnect()
        end_node(started)
        leftovers.clear_up(settings.home)
