"""Which packs there are: those that were imported into the home, and those that ship.

A pack is named by its folder. Only manifests and licence texts are read; nothing is loaded, and no
weight is checked (`housemodel pack verify` does).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compliance import licences
from serve.deployments.packs import MANIFEST, outline
from workspace.errors import HousemodelError, SealBroken
from workspace.registry import Registry
from workspace.types import PackSummary


def folders(parents: Sequence[Path]) -> list[Path]:
    """The packs under some folders; of two with the same name the first one counts, as in `up`."""
    found: dict[str, Path] = {}
    for parent in parents:
        for manifest in sorted(parent.glob(f"*/{MANIFEST}")):
            found.setdefault(manifest.parent.name, manifest.parent)
    return list(found.values())


def described(registry: Registry | None, folder: Path) -> dict[str, Any]:
    """What a pack says of itself, and who answered for its licences; plain JSON, no path.

    A pack that can't be read says so under `problem`.
    """
    try:
        pack = outline(folder)
    except HousemodelError as error:
        return {"folder": folder.name, "problem": error.detail or error.title}
    return {"folder": folder.name, "name": pack.name, "version": pack.version} | _licences(
        registry, pack
    )


def _licences(registry: Registry | None, pack: PackSummary) -> dict[str, Any]:
    needed, found = bool(licences.contract_needed(pack)), None
    if needed and registry is not None:
        try:
            found = licences.find(registry, pack)
        except SealBroken:  # whoever can't be believed has acknowledged nothing
            found = None
    return {
        "digest": pack.digest,
        "licences": list(licences.shown(pack)),
        "contract_needed": needed,
        "acknowledged": {"contract": found.contract, "by": found.by, "at": found.at.isoformat()}
        if found
        else None,
    }
