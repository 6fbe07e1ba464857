"""Hostile and odd bytes through the real routes: the right 4xx or a correct result, never a 500,
and memory stays bounded."""

from __future__ import annotations

import http.client
import threading
import time
from urllib.parse import urlparse

import psutil
import pytest

from tests import hostile

REFUSED = {
    "empty": (lambda: b"", {415, 422}),
    "truncated jpeg": (hostile.truncated_jpeg, {415}),
    "svg named png": (hostile.svg_named_png, {415}),
    "html named png": (hostile.html_named_png, {415}),
    "30,000 x 30,000": (hostile.huge_png, {413}),
    "lying png": (hostile.lying_png, {413, 415}),
    "animated gif": (hostile.animated_gif, {415}),
    "random bytes": (lambda: bytes(range(256)) * 64, {415}),
}
ACCEPTED = {
    "16-bit": hostile.sixteen_bit_png,
    "cmyk": hostile.cmyk_jpeg,
    "palette": hostile.palette_png,
    "transparent": hostile.transparent_png,
}
MEMORY_MIB = 500  # what one hostile request may add to this process at its peak


class Peak:
    """The largest resident size of this process while the block runs, above its start, in MiB."""

    def __enter__(self) -> Peak:
        self._process = psutil.Process()
        self._start = self.seen = self._process.memory_info().rss
        self._running = True
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while self._running:
            self.seen = max(self.seen, self._process.memory_info().rss)
            time.sleep(0.005)

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._thread.join()
        self.mib = (self.seen - self._start) / 2**20


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("route", ["/v1/photos/check", "/v1/products", "/v1/models"])
def test_hostile_files_get_the_right_refusal(appliance, what, route):
    make, statuses = REFUSED[what]
    content = make()
    files = {"full_body": ("a.png", content), "close_up": ("b.png", hostile.jpeg())}
    if route == "/v1/products":
        files = {"photo": ("a.png", content)}
    form = {"name": "N", "gender": "female", "attestations": _boxes(appliance)}
    with Peak() as peak:
        answer = appliance.client.post(
            route, files=files, data=None if route == "/v1/photos/check" else _form(route, form)
        )
    assert answer.status_code in statuses, answer.text
    problem = answer.json()
    assert problem["code"] in {"unsupported_image", "payload_too_large", "invalid_request"}
    assert problem["remedy"] and problem["request_id"]
    assert peak.mib < MEMORY_MIB


@pytest.mark.parametrize("what", ACCEPTED)
def test_odd_but_honest_files_are_read(appliance, what):
    answer = appliance.client.post(
        "/v1/products", files={"photo": ("a", ACCEPTED[what]())}, data={"name": f"Odd {what}"}
    )
    assert answer.status_code in {200, 201, 202}, answer.text
    appliance.client.delete(f"/v1/products/{answer.json()['id']}").raise_for_status()


def test_an_animated_webp_is_refused_or_read_as_one_picture(appliance):
    answer = appliance.client.post(
        "/v1/products", files={"photo": ("a.webp", hostile.animated_webp())}, data={"name": "W"}
    )
    assert answer.status_code in {201, 202, 415}, answer.text


def test_a_body_of_200_mb_is_refused_without_reading_it(appliance):
    """The length is announced and hardly anything sent: the answer must not wait for the rest."""
    url = urlparse(appliance.base_url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    connection.putrequest("POST", "/v1/products")
    connection.putheader("Authorization", appliance.client.headers["Authorization"])
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(200 * 2**20))
    connection.endheaders(b"--x\r\n")
    answer = connection.getresponse()
    assert answer.status == 413
    connection.close()


def test_a_body_without_a_length_is_cut_off_at_the_limit(appliance):
    """200 MB in chunks: refused with 413 on the way, with bounded memory."""

    def chunks():
        yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        for _ in range(200):
            yield b"\0" * 2**20

    with Peak() as peak:
        try:
            answer = appliance.client.post(
                "/v1/products",
                content=chunks(),
                headers={"Content-Type": "multipart/form-data; boundary=x"},
            )
        except OSError:
            pytest.skip("the server closed before the answer could be read")
    assert answer.status_code == 413
    assert peak.mib < MEMORY_MIB


def _boxes(appliance) -> str:
    import json

    found = appliance.client.get("/v1/capabilities").json()["attestations"]
    return json.dumps([{"id": a["id"], "sha256": a["sha256"]} for a in found])


def _form(route: str, form: dict[str, str]) -> dict[str, str]:
    return {"name": form["name"]} if route == "/v1/products" else form
