"""`housemodel up` as a stranger runs it: one command, side by side, Ctrl-C, nothing left."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from serve.settings import load_settings
from tests.cluster.started import READY_SECONDS, STOP_SECONDS, Started, rays_folder, still_running
from tests.line import free_port

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture
def starts(tmp_path: Path, pack_folder: Path) -> Iterator[object]:
    """A function that starts an appliance on a home with the tiny pack imported."""
    faces = load_settings(home=tmp_path / "nowhere").face_pack_folder
    if not (faces / "manifest.json").is_file():
        pytest.fail("the face pack is missing: run `make setup`")
    running: list[Started] = []

    def start(name: str, port: int | None = None) -> Started:
        home = tmp_path / name
        if not home.exists():
            shutil.copytree(pack_folder, home / "packs" / "tiny")
        output = tmp_path / f"{name}-{len(running)}.txt"
        options = ("--pack", "tiny", "--empty")
        running.append(Started(home, port or free_port(), output, options))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGINT)
            one.process.wait(60)


def test_two_appliances_run_side_by_side_and_end_without_a_trace(starts) -> None:  # type: ignore[no-untyped-def]
    first, second = starts("first"), starts("second")
    for one in (first, second):
        one.wait_for("Stop:")
        assert httpx.get(f"{one.base_url}/readyz", timeout=10).status_code == 200
        assert httpx.get(f"{one.base_url}/console/", timeout=10).status_code in (200, 303)

    same_home = starts("first")
    assert same_home.process.wait(60) != 0
    assert "Another appliance runs on this home" in same_home.output.read_text()
    same_port = starts("third", port=first.port)
    assert same_port.process.wait(60) != 0
    assert f"Port {first.port}" in same_port.output.read_text()

    everything = [*first.family(), *second.family()]
    folders = [rays_folder(one.home) for one in (first, second)]
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in folders)
    for one in (first, second):
        assert one.stop() <= STOP_SECONDS
        assert one.process.returncode == 0
        assert not (one.home / "run" / "start").exists()
        assert not list(one.home.rglob("*-wal")), "a store was not closed"
    assert still_running(everything) == []
    assert not any(folder.exists() for folder in folders)


def test_sigterm_stops_it_and_the_terminal_shows_our_lines_only(starts) -> None:  # type: ignore[no-untyped-def]
    one = starts("home")
    one.wait_for("Stop:")
    everything = one.family()
    assert one.stop(signal.SIGTERM) <= STOP_SECONDS
    assert still_running(everything) == []
    text = one.output.read_text()
    assert "Stopped; nothing is left running" in text
    ours = ("[", "The console:", "Try the API:", "Stop:", "      ")
    assert all(line.startswith(ours) for line in text.splitlines() if line), text
    assert not any(word in text for word in ("WARNING", "Traceback", "raylet", "gcs"))


def test_a_gateway_that_dies_is_started_again_on_its_port(starts) -> None:  # type: ignore[no-untyped-def]
    one = starts("home")
    one.wait_for("Stop:")
    gateway = next(p for p in one.family() if "housemodel:gateway" in " ".join(p.cmdline()))
    gateway.kill()
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.5)
        with suppress(httpx.HTTPError):
            if httpx.get(f"{one.base_url}/readyz", timeout=10).status_code == 200:
                break
    else:
        raise AssertionError("the gateway did not come back")
    assert gateway.pid not in [p.pid for p in one.family()]
    assert one.stop() <= STOP_SECONDS


def test_ctrl_c_while_starting_leaves_nothing(starts) -> None:  # type: ignore[no-untyped-def]
    one = starts("home")
    one.wait_for("Loading pack")
    time.sleep(2)
    everything, folder = one.family(), rays_folder(one.home)
    assert one.stop() <= STOP_SECONDS
    assert still_running(everything) == []
    assert not folder.exists()


def test_after_a_kill_the_next_start_clears_up_and_works(starts) -> None:  # type: ignore[no-untyped-def]
    one = starts("home")
    one.wait_for("Stop:")
    everything, folder = one.family(), rays_folder(one.home)
    one.process.kill()
    one.process.wait()
    assert folder.exists()
    again = starts("home", port=one.port + 1 if one.port < 65000 else free_port())
    again.wait_for("Stop:")
    assert still_running(everything) == []
    assert not folder.exists()


def test_a_damaged_pack_is_named_and_the_start_ends(starts, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    home = tmp_path / "home"
    prepared = starts("home")
    prepared.stop(signal.SIGKILL)
    weights = home / "packs" / "tiny" / "vae" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    one = starts("home")
    assert one.process.wait(READY_SECONDS) != 0
    assert "diffusion_pytorch_model.safetensors was changed" in one.output.read_text()
