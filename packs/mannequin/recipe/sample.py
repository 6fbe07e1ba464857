"""The reference sampler: what the served loop does, in the fewest lines.

    python -m recipe.sample --pack . --close-up A.png --full-body B.png --product C.png \
        --prompt "full body, walking, beach" --out result.png
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline
from PIL import Image, ImageOps

from .autoencoder import to_pictures
from .latents import decode, encode
from .layout import (
    CLOSE_UP,
    FULL_BODY,
    PRODUCT,
    REFERENCES,
    STEPS,
    TARGET,
    TEXT_LAYERS,
    TEXT_TOKENS,
)
from .transformer import image_ids, text_ids


def euler_times(steps: int = STEPS) -> torch.Tensor:
    """Noise levels 1 .. 0, evenly spaced, as `FlowMatchEulerDiscreteScheduler` with shift 1."""
    return torch.linspace(1, 0, steps + 1)


@torch.no_grad()
def denoise(
    transformer,
    text: torch.Tensor,
    references: dict[str, torch.Tensor],
    noise: torch.Tensor,
    steps: int = STEPS,
) -> torch.Tensor:
    """Euler steps from noise (N, T, C) to latents; a missing reference leaves its t unused."""
    n = len(noise)
    slots = [s for s in REFERENCES if s.name in references]
    context = [references[s.name] for s in slots]
    ids = torch.cat([image_ids(s) for s in (TARGET, *slots)])[None].expand(n, -1, -1)
    words = text_ids(text.shape[1])[None].expand(n, -1, -1)
    times, x = euler_times(steps), noise
    for now, after in itertools.pairwise(times):
        velocity = transformer(
            hidden_states=torch.cat([x, *context], dim=1),
            encoder_hidden_states=text,
            timestep=now.expand(n),
            img_ids=ids,
            txt_ids=words,
            return_dict=False,
        )[0][:, : x.shape[1]]
        x = x + (after - now) * velocity
    return x


def fit(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """Letterbox onto the image's own corner colour: (H, W, 3) uint8."""
    image = ImageOps.exif_transpose(image).convert("RGB")
    corner = image.resize((8, 8), Image.Resampling.BOX).getpixel((0, 0))
    return np.array(ImageOps.pad(image, size, Image.Resampling.LANCZOS, color=corner))


def crop_centre(image: Image.Image, aspect: float) -> Image.Image:
    """The central part of the wanted width/height ratio."""
    w, h = image.size
    cw, ch = (h * aspect, h) if w / h > aspect else (w, w / aspect)
    return image.crop((int((w - cw) / 2), int((h - ch) / 2), int((w + cw) / 2), int((h + ch) / 2)))


def load(pack: Path) -> Flux2KleinPipeline:
    """Plain diffusers, from disk."""
    return Flux2KleinPipeline.from_pretrained(pack, local_files_only=True)


@torch.no_grad()
def render(
    pipeline: Flux2KleinPipeline, prompts: list[str], pictures: dict[str, np.ndarray], seed: int
) -> np.ndarray:
    """One picture a prompt. pictures: slot name -> (N, H, W, 3) uint8 of the slot's size."""
    vae: AutoencoderKLFlux2 = pipeline.vae
    text, _ = pipeline.encode_prompt(
        prompts, max_sequence_length=TEXT_TOKENS, text_encoder_out_layers=TEXT_LAYERS
    )
    references = {name: encode(vae, p) for name, p in pictures.items()}
    generator = torch.Generator().manual_seed(seed)
    channels = pipeline.transformer.config.in_channels
    noise = torch.randn((len(prompts), TARGET.tokens, channels), generator=generator)
    latents = denoise(pipeline.transformer, text, references, noise)
    return to_pictures(decode(vae, latents, TARGET.grid))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--close-up", type=Path, help="already cropped around the face, 3:4")
    parser.add_argument("--full-body", type=Path)
    parser.add_argument("--product", type=Path)
    parser.add_argument("--prompt", default="full body, standing, white studio")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    pictures = {}
    for slot, path in (
        (CLOSE_UP, args.close_up),
        (FULL_BODY, args.full_body),
        (PRODUCT, args.product),
    ):
        if path:
            image = Image.open(path)
            if slot is not PRODUCT:
                image = crop_centre(image, slot.size[0] / slot.size[1])
            pictures[slot.name] = fit(image, slot.size)[None]
    pipeline = load(args.pack)
    start = time.time()
    result = render(pipeline, [args.prompt], pictures, args.seed)
    print(f"{time.time() - start:.2f} s")
    Image.fromarray(result[0]).save(args.out)


if __name__ == "__main__":
    main()
