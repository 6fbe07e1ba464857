"""`configs/sign_in.toml`: what it may say, and that a table that makes no sense stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from serve.callers.provided import ProviderRules, roles_of
from serve.callers.ways_in import CALLBACK, WaysIn, host_of, load_ways_in
from serve.settings import PROJECT
from workspace.errors import Fault

pytestmark = pytest.mark.whole
SHIPPED = (PROJECT / "configs" / "sign_in.toml").read_text()
ON = {
    'issuer = ""': 'issuer = "https://id.example/realms/house"',
    'client_id = ""': 'client_id = "housemodel"',
    '# "fashion-creators"': '"fashion-creators"',
}
URL = "https://house.example"


def written(folder: Path, changes: dict[str, str]) -> Path:
    text = SHIPPED
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "sign_in.toml"
    path.write_text(text)
    return path


def test_what_ships_offers_passwords_and_no_provider() -> None:
    assert load_ways_in(PROJECT / "configs" / "sign_in.toml", "") == WaysIn()


def test_a_provider_is_read_with_its_secret_and_its_table(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the client\n")
    more = {
        'client_secret_file = ""': 'client_secret_file = "secret"',
        "hosts = []": 'hosts = ["k.example", "L.example:8443"]',
    }
    found = load_ways_in(written(tmp_path, ON | more), URL + "/")
    assert found.client and found.rules
    assert found.client.redirect_uri == URL + CALLBACK
    assert found.client.client_secret == "of the client"
    assert found.client.hosts == {"id.example:443", "k.example:443", "l.example:8443"}
    assert found.rules.roles == {"fashion-creators": ("creator",)} and found.rules.confirm


@pytest.mark.parametrize(
    "changes",
    [
        {"passwords = true": "passwords = false"},  # and no provider: nobody could come in
        {"passwords = true": "passwords = 1"},
        {"passwords = true": ""},
        ON | {'client_id = "housemodel"': 'client_id = ""'},
        ON | {'"https://id.example': '"http://id.example'},
        ON | {'"https://id.example': '"https://a@id.example'},
        ON | {'= ["creator"]': '= ["root"]'},
        ON | {'= ["creator"]': "= []"},
        ON | {'= ["creator"]': '= "creator"'},
        ON | {'"openid", ': ""},
        ON | {"hosts = []": 'hosts = ["https://k.example/keys"]'},
        ON | {'client_secret_file = ""': 'client_secret_file = "nowhere"'},
        ON | {"confirm = true": 'confirm = "yes"\nanother = 1'},
        {"[provider]": "[provider"},
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    with pytest.raises(Fault):
        load_ways_in(written(tmp_path, changes), URL)


def test_a_provider_needs_the_public_address(tmp_path: Path) -> None:
    for url in ("", "http://house.example", "house.example", "ftp://127.0.0.1"):
        with pytest.raises(Fault):
            load_ways_in(written(tmp_path, ON), url)
    with pytest.raises(Fault):
        load_ways_in(tmp_path / "nowhere.toml", URL)


@pytest.mark.parametrize(
    "url", ["https://[::1", "file:///x", "https://", "//id.example", "https://a:b"]
)
def test_what_is_no_address_is_not_asked(url: str) -> None:
    with pytest.raises(Fault):
        host_of(url)


def test_only_the_first_thousand_groups_are_looked_at() -> None:
    rules = ProviderRules("i", "w", {"a": ("creator",), "b": ("auditor", "legal")})
    assert roles_of(rules, {"groups": ["b", "a", "x", 7, None]}) == ("auditor", "creator", "legal")
    assert roles_of(rules, {"groups": ["x"] * 1000 + ["a"]}) == ()
    assert roles_of(rules, {"roles": ["a"]}) == ()
