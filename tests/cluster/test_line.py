"""The real thing, as `make run` starts it: the mannequin pack, a filled demo workspace, real Ray.

One start serves all tests of this file. Photos, a name and a prompt with canaries go through it;
then every file under home, temp folder, Ray's folder and shared memory is searched, while it runs
and after it has stopped.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from compliance import erasure
from serve.showcase import samples, walk
from serve.showcase.samples import SamplePerson
from tests.alike import drawn_alike
from tests.cluster.started import STOP_SECONDS, Started, rays_folder, still_running
from tests.homes import open_registry
from tests.line import free_port
from tests.whole.test_canaries import NAME, PHOTO, PROMPT, found_in, planted
from tests.whole.test_destroyed_keys import keys_of, listed_in
from workspace.keys import load_root_key

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@dataclass
class Running:
    started: Started
    client: httpx.Client
    curl: str  # the printed line
    photos: Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("line")
    started = Started(folder / "home", free_port(), folder / "printed.txt")
    try:
        started.wait_for("Stop:")
        curl = re.search(r"Try the API: +(curl .*)", started.output.read_text())
        assert curl
        key = re.search(r"Bearer (\S+)'", curl[1])
        assert key
        headers = {"Authorization": f"Bearer {key[1]}"}
        with httpx.Client(base_url=started.base_url, headers=headers, timeout=120) as client:
            yield Running(started, client, curl[1], tmp_path_factory.mktemp("photos"))
    finally:
        if started.process.poll() is None:
            started.stop()


def test_the_demo_workspace_was_filled_by_doing_the_job(running: Running) -> None:
    models = walk.checked(running.client.get("/v1/models"))["items"]
    assert [m["status"] for m in models] == ["ready", "ready"]
    assert len(walk.checked(running.client.get("/v1/products"))["items"]) == 8
    made = walk.checked(running.client.get("/v1/generations"))["items"]
    assert sorted(g["tool"] for g in made) == ["editorial", "flatlay_to_catalog"]
    assert all(g["status"] == "completed" and g["images"] for g in made)


def test_the_printed_curl_line_works_when_pasted(running: Running) -> None:
    ran = subprocess.run(["bash", "-c", running.curl], capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0 and '"ready"' in ran.stdout


def test_the_printed_link_signs_in_once(running: Running) -> None:
    link = re.search(r"The console: +(\S+)", running.started.output.read_text())
    assert link
    code = link[1].rpartition("=")[2]
    origin = {"Origin": running.started.base_url}
    with httpx.Client(base_url=running.started.base_url, timeout=60) as browser:
        assert browser.get(link[1]).status_code == 200
        first = browser.post("/sign-in", data={"code": code}, headers=origin)
        assert first.status_code in {200, 303} and "hm_session" in browser.cookies
        assert browser.get("/console/").status_code == 200
        assert browser.post("/sign-in", data={"code": code}, headers=origin).status_code == 401


def test_a_seed_gives_the_same_picture_alone_and_beside_others(running: Running) -> None:
    model = walk.checked(running.client.get("/v1/models"))["items"][0]["id"]
    product = walk.checked(running.client.get("/v1/products"))["items"][0]["id"]
    request = {
        "tool": "editorial", "prompt": "$model wearing $product", "model_id": model,
        "product_ids": [product], "n": 1, "seed": 11,
    }  # fmt: skip
    alone = walk.generate(running.client, request)
    others = [
        walk.checked(running.client.post("/v1/generations", json={**request, "seed": 900 + k}))
        for k in range(4)
    ]
    beside = walk.generate(running.client, {**request, "seed": 10, "n": 4})
    for other in others:
        walk.wait(running.client, other["status_url"], {"queued", "running"})
    pictures = [
        np.asarray(Image.open(io.BytesIO(running.client.get(image["url"]).content)).convert("RGB"))
        for image in (alone["images"][0], beside["images"][1], beside["images"][0])
    ]
    assert drawn_alike(pictures[0], pictures[1]) and not drawn_alike(pictures[0], pictures[2])


def test_nothing_on_disk_opens_a_person_who_withdrew(running: Running) -> None:
    """The keys of everything of the person, as they lie on disk and in clear, are nowhere."""
    client, home = running.client, running.started.home
    model = walk.enrol(client, samples.people()[2], "withdrawn-model")
    product = walk.checked(client.get("/v1/products"))["items"][0]["id"]
    request = {
        "tool": "editorial", "prompt": "$model wearing $product", "model_id": model,
        "product_ids": [product], "n": 2, "seed": 3,
    }  # fmt: skip
    walk.generate(client, request)
    public = walk.checked(client.get("/v1/erasure-key"))["public_key"]
    with open_registry(home, load_root_key(home / "root.key", create=False)) as registry:
        keys = keys_of(registry.store(registry.ids()[0]))
    answer = client.post(f"/v1/models/{model}/revoke", json={})
    assert answer.status_code == 200, answer.text
    certificate = answer.json()["certificate"]
    assert erasure.check(certificate, public)["model_id"] == model
    destroyed = listed_in(certificate)
    assert len(destroyed) >= 9 and destroyed <= keys.keys()
    needles = [needle for digest in destroyed for needle in keys[digest]]
    temp = Path(os.environ.get("TMPDIR", "/tmp"))
    places = [home, rays_folder(home), Path("/dev/shm"), *temp.glob("gradio*"), *temp.glob("tmp*")]
    assert [found_in(place, needles) for place in places] == [{} for _ in places]


def test_no_canary_lies_in_clear_while_it_runs_or_after(running: Running) -> None:
    """The last test of this file: it stops the appliance."""
    sample = samples.people()[3]
    person = SamplePerson(
        NAME, sample.gender, planted(sample.full_body, running.photos / "a.jpg"),
        planted(sample.close_up, running.photos / "b.jpg"),
    )  # fmt: skip
    client = running.client
    model = walk.enrol(client, person, "canary-model")
    product = walk.add_product(client, samples.products()[3], "canary-product")
    request = {
        "tool": "editorial", "prompt": f"$model wearing $product {PROMPT}", "model_id": model,
        "product_ids": [product], "n": 2, "seed": 5,
    }  # fmt: skip
    done = walk.generate(client, request)
    picture = client.get(done["images"][0]["url"]).content
    uploads = [person.full_body.read_bytes(), person.close_up.read_bytes()]
    for file in (person.full_body, person.close_up):
        file.unlink()
    pixels = [Image.open(io.BytesIO(p)).convert("RGB").tobytes() for p in (*uploads, picture)]
    middles = [p[len(p) // 2 :][:48] for p in (*uploads, picture, *pixels)]
    needles = [NAME.encode(), NAME.title().encode(), PROMPT.encode(), PHOTO]
    needles += [m for m in middles if len(set(m)) > 8]  # a plain wall is no canary
    home, rays = running.started.home, rays_folder(running.started.home)
    temp = Path(os.environ.get("TMPDIR", "/tmp"))
    places = [home, rays, Path("/dev/shm"), *temp.glob("gradio*"), *temp.glob("tmp*")]
    assert (rays / "ray").is_dir()
    assert [found_in(place, needles) for place in places] == [{} for _ in places]
    everything = running.started.family()
    assert running.started.stop() <= STOP_SECONDS
    assert still_running(everything) == [] and not rays.exists()
    assert [found_in(place, needles) for place in places] == [{} for _ in places]
