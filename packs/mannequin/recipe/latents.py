"""Encodes shards into cached latents: several passes, each with other backgrounds and prompts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLFlux2

from .autoencoder import to_tensor
from .compose import Examples, compose
from .text import build_tokenizer, tokenize


@dataclass
class LatentSet:
    """Packed, normalised latents (N, tokens, channels) in half precision, and tokenized prompts.

    `close_up` and `full_body` are per person and pass; `owner` maps examples to them.
    """

    target: torch.Tensor
    product: torch.Tensor
    close_up: torch.Tensor
    full_body: torch.Tensor
    owner: torch.Tensor
    bare: torch.Tensor
    input_ids: torch.Tensor
    attention_mask: torch.Tensor


@torch.no_grad()
def encode(vae: AutoencoderKLFlux2, pictures: np.ndarray) -> torch.Tensor:
    """Pictures (N, H, W, 3) -> (N, tokens, channels), as the pipeline encodes references."""
    out = []
    mean = vae.bn.running_mean.view(1, -1, 1, 1)
    std = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
    for i in range(0, len(pictures), 64):
        z = vae.encode(to_tensor(pictures[i : i + 64])).latent_dist.mode()
        z = (F.pixel_unshuffle(z, 2) - mean) / std
        out.append(z.flatten(2).mT)
    return torch.cat(out)


@torch.no_grad()
def decode(vae: AutoencoderKLFlux2, tokens: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """The inverse: (N, tokens, C) -> pictures (N, 3, H, W) in [-1, 1]."""
    mean = vae.bn.running_mean.view(1, -1, 1, 1)
    std = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
    z = tokens.float().mT.reshape(len(tokens), -1, *grid) * std + mean
    return vae.decode(F.pixel_shuffle(z, 2)).sample.clamp(-1, 1)


def flipped(examples: Examples) -> Examples:
    """Mirror every picture; no prompt names left or right."""
    for name in ("target", "product", "close_up", "full_body"):
        setattr(examples, name, getattr(examples, name)[:, :, ::-1].copy())
    return examples


def encode_set(vae: AutoencoderKLFlux2, folder: Path, passes: range) -> LatentSet:
    """All shards of a folder, once a pass; odd passes are mirrored."""
    tokenizer = build_tokenizer()
    rows: dict[str, list[torch.Tensor]] = {k: [] for k in LatentSet.__annotations__}
    people = 0
    for number in passes:
        for k, path in enumerate(sorted(folder.glob("shard_??????.npz"))):
            with np.load(path) as data:
                examples = compose(dict(data), number * 10_000 + k + 7)
            if number % 2:
                examples = flipped(examples)
            for name in ("target", "product", "close_up", "full_body"):
                rows[name].append(encode(vae, getattr(examples, name)).half())
            rows["owner"].append(torch.from_numpy(examples.owner).long() + people)
            rows["bare"].append(torch.from_numpy(examples.labels[:, 5]).bool())
            people += len(examples.close_up)
            batch = tokenize(tokenizer, examples.prompts)
            rows["input_ids"].append(batch["input_ids"].to(torch.int16))
            rows["attention_mask"].append(batch["attention_mask"].to(torch.int8))
        print(f"pass {number}: {sum(map(len, rows['target']))} targets encoded", flush=True)
    return LatentSet(**{k: torch.cat(v) for k, v in rows.items()})
