"""The house keeps its shape: small files, no machine's paths, one reader of the environment."""

from __future__ import annotations

import re
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 400
MEDIAN = 150


def tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [ROOT / p for p in listed if p.endswith(suffixes) and (ROOT / p).is_file()]


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_source_file_is_longer_than_400_lines():
    long = {str(p.relative_to(ROOT)): n for p in tracked(".py") if (n := lines(p)) > LARGEST}
    assert not long


def test_the_median_source_file_is_at_most_150_lines():
    assert statistics.median(lines(p) for p in tracked(".py") if lines(p) > 2) <= MEDIAN


def test_no_machine_path_or_registry_host_is_committed():
    # Assembled here, so that this file does not match itself.
    hosts = "|".join(["pypi", "pythonhosted", "npmjs", "debian"])
    pattern = re.compile(rf"(?<![\w./-])/(work|root|farm)/|https?://[a-z.]*({hosts})\.")
    texts = tracked(".py", ".md", ".toml", ".yaml", ".sh", "Makefile", ".lock", ".css", ".js")
    found = [str(p.relative_to(ROOT)) for p in texts if pattern.search(p.read_text())]
    assert not found


def test_every_package_has_a_docstring():
    for package in ("workspace", "compliance", "identity", "serve", "console"):
        assert (ROOT / package / "__init__.py").read_text().startswith('"""')
