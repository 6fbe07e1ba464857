"""The sample people and products that ship with the mannequin pack.

They were rendered by the pack's recipe, from people and garments that its training did not see.
The demo, the benchmarks and the tests enrol them like any photo; nothing treats them specially.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from serve.settings import PROJECT
from workspace.errors import NotFound

FOLDER = PROJECT / "packs" / "mannequin" / "samples"


@dataclass(frozen=True, slots=True)
class SamplePerson:
    name: str
    gender: str
    full_body: Path
    close_up: Path


@dataclass(frozen=True, slots=True)
class SampleProduct:
    name: str
    category: str
    photo: Path


def people(folder: Path = FOLDER) -> tuple[SamplePerson, ...]:
    """The sample people in the order of `samples.toml`.

    Raises:
        NotFound: the samples are not there (an install without `packs/`).
    """
    return tuple(
        SamplePerson(
            entry["name"],
            entry["gender"],
            folder / "people" / entry["name"] / "full_body.jpg",
            folder / "people" / entry["name"] / "close_up.jpg",
        )
        for entry in _read(folder)["people"]
    )


def products(folder: Path = FOLDER) -> tuple[SampleProduct, ...]:
    """The sample products in the order of `samples.toml`.

    Raises:
        NotFound: the samples are not there (an install without `packs/`).
    """
    return tuple(
        SampleProduct(
            entry["name"], entry["category"], folder / "products" / f"{entry['name']}.jpg"
        )
        for entry in _read(folder)["products"]
    )


def _read(folder: Path) -> dict[str, list[dict[str, str]]]:
    try:
        found: dict[str, list[dict[str, str]]] = tomllib.loads(
            (folder / "samples.toml").read_text()
        )
    except FileNotFoundError as error:
        raise NotFound("The sample people and products are not installed.") from error
    return found
