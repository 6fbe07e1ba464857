"""The only reader of configuration files and of the environment.

`load_settings()` reads `configs/housemodel.toml` once into a frozen `Settings`. Constructors
elsewhere receive values, never this object; only composition roots (`serve.app`, `serve.runtime`,
`serve.showcase.demo`, `serve.cli`) take it whole.
"""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workspace import networks
from workspace.errors import InvalidRequest
from workspace.tombstones import default_path

PROJECT = Path(__file__).resolve().parents[1]  # holds configs/ and packs/
CONFIG_FILE = "housemodel.toml"


class Settings(BaseModel):
    """What is in force, resolved: every path absolute, every number with its unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path
    configs_folder: Path
    pack_folder: Path
    face_pack_folder: Path
    root_key_file: Path
    tombstones: Path
    unseal: Literal["file", "environment", "passphrase", "command"] = "file"
    unseal_command: tuple[str, ...] = ()
    unseal_timeout_seconds: int = Field(20, ge=1, le=300)
    passphrase_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    public_url: str = ""  # how browsers reach us from elsewhere, without a path
    tls_certificate: Path | None = None  # PEM, with what is needed up to a root
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()  # networks
    max_upload_mib: int = Field(64, ge=1, le=1024)
    session_hours: int = Field(12, ge=1, le=24 * 30)
    sign_in_minutes: int = Field(30, ge=1, le=24 * 60)
    max_waiting: int = Field(500, ge=1)
    lease_seconds: int = Field(60, ge=5)
    max_attempts: int = Field(3, ge=1, le=10)
    replicas: int = Field(1, ge=1, le=64)
    torch_threads: int = Field(2, ge=1, le=256)
    face_threads: int = Field(2, ge=1, le=64)
    niceness: int = Field(10, ge=0, le=19)
    object_store_mib: int = Field(128, ge=80)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the HTTP port."""
        address = networks.address_of(self.host)
        return self.host == "localhost" or (address is not None and address.is_loopback)

    @property
    def url_here(self) -> str:
        """Where this machine reaches the HTTP port."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        scheme = "https" if self.tls_certificate else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"


class _Http(BaseModel):
    model_config = ConfigDict(extra="forbid")
    host: str
    port: int
    public_url: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    trusted_proxies: list[str] = []
    max_upload_mib: int
    session_hours: int
    sign_in_minutes: int


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid")
    tombstones: str
    unseal: str
    unseal_command: list[str]
    unseal_timeout_seconds: int


class _Queue(BaseModel):
    model_config = ConfigDict(extra="forbid")
    max_waiting: int
    lease_seconds: int
    max_attempts: int


class _Engine(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pack: str
    replicas: int
    torch_threads: int
    face_threads: int
    niceness: int
    object_store_mib: int


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    http: _Http
    keys: _Keys
    queue: _Queue
    engine: _Engine


def load_settings(
    *,
    home: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    pack: str | None = None,
    replicas: int | None = None,
    configs_folder: Path | None = None,
) -> Settings:
    """Resolve settings: command line over environment over file.

    Raises:
        InvalidRequest: the file is missing, is not TOML, or has an unknown or wrong key.
    """
    folder = (configs_folder or PROJECT / "configs").resolve()
    file = _read(folder / CONFIG_FILE)
    home = Path(home or os.environ.get("HOUSEMODEL_HOME") or ".housemodel").resolve()
    values: dict[str, Any] = {
        **file.http.model_dump(exclude={"tls_certificate", "tls_key"}),
        **_tls(folder, file.http),
        **file.queue.model_dump(),
        **file.engine.model_dump(exclude={"pack"}),
        "home": home,
        "configs_folder": folder,
        "pack_folder": _pack_folder(home, pack or file.engine.pack),
        "face_pack_folder": _face_pack_folder(home),
        "root_key_file": Path(
            os.environ.get("HOUSEMODEL_ROOT_KEY_FILE") or home / "root.key"
        ).resolve(),
        "tombstones": _tombstones(home, file.keys.tombstones),
        "unseal": os.environ.get("HOUSEMODEL_UNSEAL") or file.keys.unseal,
        "unseal_command": tuple(file.keys.unseal_command),
        "unseal_timeout_seconds": file.keys.unseal_timeout_seconds,
        "passphrase_file": os.environ.get("HOUSEMODEL_PASSPHRASE_FILE") or None,
    }
    for name, given in (
        ("host", host or os.environ.get("HOUSEMODEL_HOST")),
        ("port", port or os.environ.get("HOUSEMODEL_PORT")),
        ("replicas", replicas),
    ):
        if given is not None:
            values[name] = given
    networks.clean(file.http.trusted_proxies, "/http/trusted_proxies")
    try:
        return Settings(**values)
    except ValidationError as error:
        raise InvalidRequest(_first_problem(error)) from error


def _tls(folder: Path, http: _Http) -> dict[str, Path]:
    """The two files of TLS, beside the configuration or absolute; none: plain HTTP."""
    if bool(http.tls_certificate) != bool(http.tls_key):
        raise InvalidRequest("`http.tls_certificate` and `http.tls_key` go together.")
    if not http.tls_certificate:
        return {}
    return {
        "tls_certificate": (folder / http.tls_certificate).resolve(),
        "tls_key": (folder / http.tls_key).resolve(),
    }


def take_unseal_key() -> bytes | None:
    """Take the unseal key out of the environment, so that no process started later inherits it."""
    given = os.environ.pop("HOUSEMODEL_UNSEAL_KEY", "")
    return given.encode() or None


def _tombstones(home: Path, named: str) -> Path:
    """Where the register of the erased is: never inside the home, which may be put back."""
    path = os.environ.get("HOUSEMODEL_TOMBSTONES") or named
    found = Path(path).resolve() if path else default_path(home)
    if found.is_relative_to(home):
        raise InvalidRequest("`keys.tombstones` must lie outside of the home folder.")
    return found


def _read(path: Path) -> _File:
    try:
        return _File(**tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InvalidRequest(f"The configuration file {path.name} is missing.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{path.name} is not valid TOML: {error}.") from error
    except ValidationError as error:
        raise InvalidRequest(f"In {path.name}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"`{where}`: {problem['msg']}."


def _pack_folder(home: Path, name: str) -> Path:
    """An imported pack of that name wins over one that ships with the product."""
    imported = home / "packs" / name
    return imported if imported.is_dir() else PROJECT / "packs" / name


def _face_pack_folder(home: Path) -> Path:
    """A pack imported for this home wins; else the one that set-up built beside the product."""
    imported = home / "packs" / "faces"
    return imported if imported.is_dir() else Path(sys.prefix) / "share" / "housemodel" / "faces"
