"""The doors of a real appliance: TLS whose certificate changes, a proxy, a sign-in provider."""

from __future__ import annotations

import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from serve.callers.ways_in import CALLBACK
from serve.settings import PROJECT
from serve.tls import trusting
from tests.cluster.started import READY_SECONDS, Started
from tests.line import free_port
from tests.provider import CLIENT, SECRET, running_provider
from tests.whole.test_tls import der_of, make_pair, shown

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(READY_SECONDS + 120)]


def configured(folder: Path, issuer: str, url: str) -> Path:
    """A configuration with TLS, a trusted proxy and a provider."""
    configs = folder / "configs"
    shutil.copytree(PROJECT / "configs", configs)
    make_pair(configs, "house")
    (configs / "client.secret").write_text(SECRET)
    changes = {
        "housemodel.toml": {
            'public_url = ""': f'public_url = "{url}"',
            'tls_certificate = ""': 'tls_certificate = "house.crt"',
            'tls_key = ""': 'tls_key = "house.key"',
            "trusted_proxies = []": 'trusted_proxies = ["127.0.0.1"]',
        },
        "sign_in.toml": {
            "passwords = true": "passwords = false",
            'issuer = ""': f'issuer = "{issuer}"',
            'client_id = ""': f'client_id = "{CLIENT}"',
            'client_secret_file = ""': 'client_secret_file = "client.secret"',
            "[provider.roles]": '[provider.roles]\n"auditors" = ["auditor"]',
        },
    }
    for name, replaced in changes.items():
        text = (configs / name).read_text()
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new, 1)
        (configs / name).write_text(text)
    return configs


@pytest.fixture
def appliance(tmp_path: Path, pack_folder: Path) -> Iterator[tuple[Started, str]]:
    """An appliance with all its doors, started from nothing; its address."""
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    with running_provider(url + CALLBACK) as issuer:
        shutil.copytree(pack_folder, tmp_path / "home" / "packs" / "tiny")
        configs = str(configured(tmp_path, issuer, url))
        options = ("--pack", "tiny", "--empty", "--configs", configs)
        started = Started(tmp_path / "home", port, tmp_path / "output.txt", options)
        try:
            yield started, url
        finally:
            if started.process.poll() is None:
                started.process.send_signal(signal.SIGINT)
                started.process.wait(60)


def test_the_doors_of_a_real_appliance(appliance: tuple[Started, str], tmp_path: Path) -> None:
    started, url = appliance
    started.wait_for("Stop:")
    told = started.output.read_text()
    assert f"Ready at {url}" in told and f"{url}/sign-in?code=" in told
    certificate = tmp_path / "configs" / "house.crt"
    key = re.search(r"Bearer (hm_[\w-]+)", told)
    assert key
    with pytest.raises(httpx.HTTPError):
        httpx.get(url.replace("https", "http") + "/healthz", trust_env=False)
    with httpx.Client(base_url=url, verify=trusting(certificate), trust_env=False) as client:
        bearer = {"Authorization": f"Bearer {key[1]}"}
        seen = client.get("/v1/account", headers=bearer)
        assert seen.status_code == 200 and int(seen.headers["ratelimit-remaining"]) > 0
        assert seen.headers["strict-transport-security"]

        # Through the provider, as a browser goes.
        there = client.get("/sign-in/provider").headers["location"]
        back = httpx.get(f"{there}&{urlencode({'be': 'audrey'})}", trust_env=False)
        place = urlsplit(back.headers["location"])
        page = client.get(f"{place.path}?{place.query}")
        assert page.status_code == 200, page.text
        assert client.get("/v1/account").json()["roles"] == ["auditor"]
        off = client.post("/sign-in", json={"name": "ines", "password": "correct horse battery"})
        assert off.status_code == 403

    other = make_pair(tmp_path, "renewed")
    for new, old in zip(other, (certificate, certificate.with_suffix(".key")), strict=True):
        shutil.copy(new, old)
    deadline = time.monotonic() + 60
    while shown(started.port) != der_of(other[0]):
        assert time.monotonic() < deadline, "the new certificate is not shown"
        time.sleep(0.5)
    started.stop()
    assert started.process.returncode == 0
