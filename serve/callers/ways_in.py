"""How people may sign in: `configs/sign_in.toml` -> `WaysIn`. Nothing is fetched here."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from serve.callers.provided import ProviderRules
from serve.callers.roles import check_roles
from workspace.disk import is_open_to_others
from workspace.errors import Fault, InvalidRequest

FILE = "sign_in.toml"
CALLBACK = "/sign-in/provider/back"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PORTS = {"https": 443, "http": 80}
_log = logging.getLogger("housemodel.sign_in")
_Text = Annotated[str, Field(max_length=500)]


@dataclass(frozen=True, slots=True)
class Client:
    """Us, as the provider knows us, and where it may be asked."""

    issuer: str
    client_id: str
    client_secret: str  # empty: a public client, which PKCE alone protects
    redirect_uri: str
    scopes: tuple[str, ...]
    hosts: frozenset[str]  # with ports; tokens and keys may be fetched from these
    ca_file: Path | None


@dataclass(frozen=True, slots=True)
class WaysIn:
    """What the sign-in page offers."""

    passwords: bool = True
    provider_name: str = ""  # empty: no provider
    client: Client | None = None
    rules: ProviderRules | None = None
    by_tls: bool = False  # whatever a request says of itself: browsers reach us by TLS


class _Provider(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    issuer: _Text
    name: Annotated[str, Field(min_length=1, max_length=60)]
    client_id: _Text
    client_secret_file: str
    ca_file: str
    hosts: list[str]
    scopes: Annotated[list[str], Field(min_length=1)]
    name_claim: _Text
    roles_claim: _Text
    workspace: str
    confirm: bool
    roles: dict[str, list[str]]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    passwords: bool
    provider: _Provider


def load_ways_in(path: Path, public_url: str) -> WaysIn:
    """Read the file.

    Args:
        public_url: The address under which browsers reach us, for example
            `https://house.example.com`; the provider sends them back there.

    Raises:
        Fault: the file is missing or makes no sense; it says where.
    """
    try:
        file = _File(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Fault(f"{FILE} is missing or is not valid TOML.") from error
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Fault(f"{FILE}: `{where}` is missing, unknown or of the wrong kind.") from error
    by_tls = public_url.lower().startswith("https://")
    if not file.provider.issuer:
        if not file.passwords:
            raise Fault(f"{FILE}: without passwords there must be a provider.")
        return WaysIn(file.passwords, by_tls=by_tls)
    return replace(_with_provider(file, path.parent, public_url), by_tls=by_tls)


def host_of(url: str) -> str:
    """The host and port (`id.example:443`) of an address that may be asked.

    That is https, or http on this machine. Another port may be another service.

    Raises:
        Fault: it is something else.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError as error:
        raise Fault("This is no address that may be asked.") from error
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    if not host or not secure or "@" in parts.netloc:
        raise Fault("Only https addresses may be asked, or http on this machine.")
    return f"{host}:{port or _PORTS[parts.scheme]}"


def _with_provider(file: _File, folder: Path, public_url: str) -> WaysIn:
    found = file.provider
    if not found.client_id or "openid" not in found.scopes:
        raise Fault(f"{FILE}: a provider needs `client_id`, and the scope `openid`.")
    if not public_url:
        raise Fault("housemodel.toml: a sign-in provider needs `http.public_url`.")
    host_of(public_url)
    return WaysIn(
        passwords=file.passwords,
        provider_name=found.name,
        client=Client(
            issuer=found.issuer,
            client_id=found.client_id,
            client_secret=_secret(folder, found.client_secret_file),
            redirect_uri=public_url.rstrip("/") + CALLBACK,
            scopes=tuple(found.scopes),
            hosts=frozenset({host_of(found.issuer), *map(_listed_host, found.hosts)}),
            ca_file=folder / found.ca_file if found.ca_file else None,
        ),
        rules=ProviderRules(
            issuer=found.issuer,
            workspace=found.workspace,
            roles=_roles(found.roles),
            roles_claim=found.roles_claim,
            name_claim=found.name_claim,
            confirm=found.confirm,
        ),
    )


def _listed_host(written: str) -> str:
    """A line of `hosts`: a host, with its port where that is not 443."""
    if "/" in written or "?" in written or "#" in written:
        raise Fault(f"{FILE}: `provider.hosts` lists hosts, like `keys.example.com:8443`.")
    return host_of(f"https://{written}")


def _roles(table: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    try:
        return {group: tuple(sorted(check_roles(roles))) for group, roles in table.items()}
    except InvalidRequest as error:
        raise Fault(f"{FILE}: `provider.roles` has a group without a role that exists.") from error


def _secret(folder: Path, name: str) -> str:
    if not name:
        return ""
    try:
        secret = (folder / name).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise Fault(f"{FILE}: the file of the client secret can't be read.") from error
    if not secret:
        raise Fault(f"{FILE}: the file of the client secret is empty.")
    if is_open_to_others(folder / name):
        _log.warning("other accounts may read or change the file of the client secret: chmod 600")
    return secret
