"""The README's API walk, run exactly as printed, against the line in one process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def walk() -> str:
    found = re.search(r"<!-- walk: .*?-->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert found, "the README's walk has lost its marker"
    return found.group(1)


def test_the_api_walk_of_the_readme_makes_a_picture(appliance, tmp_path):
    for name in ("packs", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name if name != ".venv" else Path(sys.prefix))
    ran = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", walk()],
        cwd=tmp_path,
        env={**os.environ, "BASE": appliance.base_url, "HOUSEMODEL_HOME": str(appliance.home)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size == (192, 256)
