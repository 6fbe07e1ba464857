"""What is said at the start of how the HTTP port is open."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from serve import doors
from serve.callers import ways_in
from serve.settings import Settings

HTTPS = "https://house.example"


def settings_of(folder: Path, **changed: Any) -> Settings:
    paths = ("home", "configs_folder", "pack_folder", "face_pack_folder", "root_key_file")
    return Settings(**dict.fromkeys((*paths, "tombstones"), folder), **changed)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, []),
        ({"trusted_proxies": ("127.0.0.1",)}, []),
        ({"host": "0.0.0.0"}, [doors._PLAIN]),
        ({"host": "0.0.0.0", "trusted_proxies": ("10.0.0.5",)}, [doors._BESIDE]),
        ({"public_url": HTTPS}, [doors._ONLY_SAID]),
        ({"public_url": "http://house.example"}, []),
        ({"public_url": HTTPS, "trusted_proxies": ("127.0.0.1",)}, []),
    ],
)
def test_a_port_that_others_can_read_along_is_told_of(
    tmp_path: Path, changed: dict[str, Any], told: list[str]
) -> None:
    assert doors.warnings(settings_of(tmp_path, **changed)) == told


@pytest.mark.parametrize(("mode", "open_"), [(0o600, False), (0o640, True), (0o602, True)])
def test_a_secret_file_that_is_open_to_others_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, open_: bool
) -> None:
    key, certificate = tmp_path / "house.key", tmp_path / "house.crt"
    key.write_text("of the client")
    key.chmod(mode)
    found = doors.warnings(
        settings_of(tmp_path, tls_key=key, tls_certificate=certificate, host="0.0.0.0")
    )
    assert found == ([doors._KEY] if open_ else [])
    with caplog.at_level(logging.WARNING):
        assert ways_in._secret(tmp_path, "house.key") == "of the client"
    assert bool(caplog.records) == open_
