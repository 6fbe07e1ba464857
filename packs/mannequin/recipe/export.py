"""Writes the pack: diffusers layout (`save_pretrained`, safetensors only) and `pack.toml`.

    python -m recipe.export --vae DIR --checkpoint FILE --pack packs/mannequin

Run from the pack's folder, so that `recipe` is importable. The pack is loaded back and drawn from
before the command ends.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLFlux2, FlowMatchEulerDiscreteScheduler, Flux2KleinPipeline

from .layout import (
    CLOSE_UP_FACE_CENTER,
    CLOSE_UP_FACE_WIDTH,
    REFERENCES,
    STEPS,
    TARGET,
    TEXT_LAYERS,
    TEXT_TOKENS,
)
from .sample import load, render
from .text import build_tokenizer
from .transformer import Denoiser

VERSION = "0.4.0"
PARTS = ("model_index.json", "transformer", "vae", "text_encoder", "tokenizer", "scheduler")
CAST = "people"  # rendered by cast.py before the export; the pack's digest covers it
HEADER = """\
name = "mannequin"
version = "{version}"
family = "flux2_klein"
summary = "Synthetic mannequins, trained on rendered people only"
tools = ["editorial", "flatlay_to_catalog", "background_swap"]

[render]
steps = {steps}
guidance = 1.0
text_tokens = {text_tokens}            # fixed padded length
text_layers = {text_layers}     # hidden states of the text encoder, joined on channels
default_aspect_ratio = "3:4"

[render.sizes]              # width, height in pixels (multiples of 32)
"3:4" = [{width}, {height}]

[references]                # in context order; width, height, t = position coordinate
{references}

[references.crop]           # how the training pictures were framed; uploads are cropped alike
close_up_face_width = {face_width}     # width of the detected face / width of the crop (1:1)
close_up_face_center = [{face_x}, {face_y}]   # its centre in the crop (x, y shares)
full_body_person_height = [0.84, 0.92]  # share of the height (1:2), head to toe
product_fill = [0.78, 0.88] # share of the frame (3:4) that the garment's longer side takes

[scenes]                    # words for Model Background Swap; the horizon follows the framing
standing = "full body"
cropped = "half body"

[limits]
max_products = 1
max_batch = 8

[faces]
encoder_id = "yunet_sface_fp32"
pass = {gate_pass}
warn = {gate_warn}

[[licences]]
spdx = "Apache-2.0"
covers = "weights and recipe"
commercial = "yes"
file = "LICENSE"

[training]
people = "none real; rendered from CC0 meshes"
note = "{note}"

{people}[files]                     # path -> sha256 of every weight and config file
"""
PEOPLE = """\
[people]                    # fictional people, rendered by recipe/cast.py
from = "cast"
table = "people/people.toml"

"""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pack_files(pack: Path) -> list[Path]:
    """Weight and config files, relative to the pack, in a stable order."""
    files: list[Path] = []
    for part in PARTS:
        path = pack / part
        files += [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return [f.relative_to(pack) for f in files]


def cast_files(pack: Path) -> list[Path]:
    """The table and the pictures of the cast, relative to the pack; none without a table."""
    if not (pack / CAST / "people.toml").is_file():
        return []
    return [f.relative_to(pack) for f in sorted((pack / CAST).iterdir()) if f.is_file()]


def write_manifest(pack: Path, note: str, gates: tuple[float, float]) -> None:
    rows = [f"{s.name:9} = {{ size = [{s.size[0]}, {s.size[1]}], t = {s.t} }}" for s in REFERENCES]
    text = HEADER.format(
        version=VERSION,
        steps=STEPS,
        text_tokens=TEXT_TOKENS,
        text_layers=list(TEXT_LAYERS),
        width=TARGET.size[0],
        height=TARGET.size[1],
        references="\n".join(rows),
        face_width=CLOSE_UP_FACE_WIDTH,
        face_x=CLOSE_UP_FACE_CENTER[0],
        face_y=CLOSE_UP_FACE_CENTER[1],
        gate_pass=gates[0],
        gate_warn=gates[1],
        note=note,
        people=PEOPLE if cast_files(pack) else "",
    )
    listed = pack_files(pack) + cast_files(pack)
    lines = [f'"{f.as_posix()}" = "{digest(pack / f)}"' for f in listed]
    (pack / "pack.toml").write_text(text + "\n".join(lines) + "\n")


def export(vae_dir: Path | None, checkpoint: Path | None, pack: Path) -> str:
    """Save the pipeline; without a checkpoint the weights are random (to test plumbing)."""
    from .autoencoder import build

    torch.manual_seed(0)
    vae = AutoencoderKLFlux2.from_pretrained(vae_dir) if vae_dir else build()
    vae.post_quant_conv.weight.data[:, -1] = 0.0  # the latent channel that carries the seed
    saved = torch.load(checkpoint, weights_only=True, map_location="cpu") if checkpoint else {}
    model = Denoiser(saved.get("size", "small"))
    note = "random weights: not trained"
    if checkpoint:
        model.load_state_dict(saved["average"])
        state = saved["state"]
        note = f"{state['seen']} samples; see CARD.md"
    pipeline = Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0, use_dynamic_shifting=False),
        vae=vae,
        text_encoder=model.text_encoder,
        tokenizer=build_tokenizer(),
        transformer=model.folded(),
        is_distilled=True,  # sampled without guidance
    )
    if model.size == "large":  # half the size on disk; loaded as float32
        pipeline.transformer.to(torch.bfloat16)
    pipeline.save_pretrained(pack, safe_serialization=True)
    for file in pack_files(pack):
        (pack / file).chmod(0o644)
        if file.name == "config.json":  # diffusers notes the folder that weights came from
            config = json.loads((pack / file).read_text())
            config.pop("_name_or_path", None)
            (pack / file).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return note


def check(pack: Path) -> None:
    """Load the pack with plain diffusers and draw once with noise as references."""
    pipeline = load(pack)
    rng = np.random.default_rng(0)
    pictures = {
        s.name: rng.integers(0, 255, (1, s.size[1], s.size[0], 3), dtype=np.uint8)
        for s in REFERENCES
    }
    picture = render(pipeline, ["full body, park"], pictures, seed=0)[0]
    if picture.shape != (TARGET.size[1], TARGET.size[0], 3):
        raise RuntimeError(f"unexpected picture {picture.shape}")
    size = sum((pack / f).stat().st_size for f in pack_files(pack)) / 1e6
    print(f"pack loads and draws; {size:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description="Export the pack.")
    parser.add_argument("--vae", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--gates", type=float, nargs=2, default=(0.55, 0.42))
    args = parser.parse_args()
    note = export(args.vae, args.checkpoint, args.pack)
    write_manifest(args.pack, note, tuple(args.gates))
    check(args.pack)


if __name__ == "__main__":
    main()
