"""Writes the hashes of every pinned distribution into the lock files.

    python -m tests.supply.lock [--extra-file WHEEL ...]

The pins stay as they are; for each, the package index is asked which files of that version exist,
and the sha256 of every file that can be installed on a supported Python is written behind the pin.
`--extra-file` adds the hash of a build that the index does not carry, such as torch's CPU build.
It changes no version: that is done by hand, by changing the pin.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-torch.lock", "requirements-release.lock")
INDEX = "https://" + "pypi.org" + "/simple"
# A page of the index (PEP 503): each file is a link that ends in its sha256.
LINK = re.compile(r"#sha256=([0-9a-f]{64})\"[^>]*>\s*([^<]+?)\s*</a>")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", re.MULTILINE)
# Wheels of the Pythons in `requires-python`, on Linux; anything pure; source archives.
PYTHONS = re.compile(r"-(py3|py2\.py3|cp311|cp312|cp3\d+-abi3)[-.]|-abi3-")
PLATFORMS = re.compile(r"-any\.whl$|linux.*_(x86_64|aarch64)\.whl$")


def pins(text: str) -> list[tuple[str, str]]:
    """Name and version of every line `name==version`, in the order of the file."""
    return PIN.findall(text)


def installable(filename: str) -> bool:
    """Whether a file of the index could be installed where the product runs."""
    if filename.endswith((".tar.gz", ".zip")):
        return True
    return bool(PYTHONS.search(filename) and PLATFORMS.search(filename))


def version_of(filename: str) -> Version | None:
    """The version that a file of the index is of; none where its name follows no rule."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[1]
        return parse_sdist_filename(filename)[1]
    except ValueError:  # names from before the rules
        return None


def hashes(client: httpx.Client, name: str, version: str) -> list[str]:
    """The sha256 of every installable file of one version, sorted.

    Raises:
        SystemExit: the index has none, so the pin can't be locked.
    """
    plain = canonicalize_name(name)
    answer = client.get(f"{INDEX}/{plain}/", headers={"Accept": "text/html"})
    answer.raise_for_status()
    found = [
        digest
        for digest, filename in LINK.findall(answer.text)
        if installable(filename) and version_of(filename) == Version(version)
    ]
    if not found:
        raise SystemExit(f"The index has no file of {name} {version}: is the pin right?")
    return sorted(set(found))


def locked(text: str, found: dict[str, list[str]]) -> str:
    """The lock file's text with the hashes behind each pin; comments stay."""
    kept = [line for line in text.splitlines() if not line.lstrip().startswith("--hash=")]
    lines = []
    for line in kept:
        pin = PIN.match(line)
        if pin is None:
            lines.append(line)
            continue
        lines.append(f"{pin[1]}=={pin[2]} \\")
        each = [f"    --hash=sha256:{digest} \\" for digest in found[pin[1]]]
        lines += [*each[:-1], each[-1].removesuffix(" \\")]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extra-file", type=Path, action="append", default=[])
    extra = parser.parse_args().extra_file
    with httpx.Client(timeout=60, follow_redirects=True) as client, ThreadPoolExecutor(8) as pool:
        for lock in LOCKS:
            text = (ROOT / lock).read_text()
            named = pins(text)
            digests = pool.map(lambda pin: hashes(client, *pin), named)
            found = dict(zip((name for name, _ in named), digests, strict=True))
            for file in extra:
                name = file.name.split("-")[0]
                if name in found:
                    more = hashlib.sha256(file.read_bytes()).hexdigest()
                    found[name] = sorted({*found[name], more})
            (ROOT / lock).write_text(locked(text, found))
            print(f"{lock}: {len(named)} pins, {sum(map(len, found.values()))} hashes")


if __name__ == "__main__":
    main()
