"""Encodes shards into cached latents: several passes, each with other backgrounds and prompts.

python -m recipe.latents --data WORK/shards --vae WORK/ae/vae --out WORK/latents --passes 4
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLFlux2

from .autoencoder import to_tensor
from .compact import load_shard
from .compose import compose
from .pca import linear_map
from .text import build_tokenizer, tokenize
from .transformer import input_gain


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
    framing: torch.Tensor
    takes: torch.Tensor
    input_ids: torch.Tensor
    attention_mask: torch.Tensor

    def to(self, device: str) -> LatentSet:
        return LatentSet(**{k: getattr(self, k).to(device) for k in LatentSet.__annotations__})


@torch.no_grad()
def encode(vae: AutoencoderKLFlux2, pictures: np.ndarray, fast: bool = False) -> torch.Tensor:
    """Pictures (N, H, W, 3) -> (N, tokens, channels), as the pipeline encodes references.

    fast: by the encoder's matrix (see pca.linear_map) instead of its convolutions.
    """
    out = []
    mean = vae.bn.running_mean.view(1, -1, 1, 1)
    std = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
    matrix, offset = linear_map(vae) if fast else (None, None)
    for i in range(0, len(pictures), 64):
        x = to_tensor(pictures[i : i + 64])
        if fast:
            n, _, h, w = x.shape
            blocks = x.reshape(n, 3, h // 16, 16, w // 16, 16).permute(0, 2, 4, 3, 5, 1)
            z = (blocks.reshape(-1, 768) @ matrix + offset).reshape(n, h // 16, w // 16, -1)
            z = z.permute(0, 3, 1, 2)
        else:
            z = vae.encode(x).latent_dist.mode()
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


def pass_seed(shard: Path, number: int) -> int:
    """What composes pass `number` over a shard: odd for odd passes, which are mirrored."""
    return 2 * (1000 * number + int(shard.stem[-6:])) + number % 2


def encode_shard(vae: AutoencoderKLFlux2, shard: Path, number: int) -> dict[str, torch.Tensor]:
    """Pass `number` over a shard, of unit size in half precision; odd passes are mirrored."""
    examples = compose(load_shard(shard), pass_seed(shard, number))
    gain = input_gain()
    rows = {
        name: (encode(vae, getattr(examples, name), fast=True) * gain).half()
        for name in ("target", "product", "close_up", "full_body")
    }
    batch = tokenize(build_tokenizer(), examples.prompts)
    return rows | {
        "owner": torch.from_numpy(examples.owner).long(),
        "bare": torch.from_numpy(examples.labels[:, 5]).bool(),
        "framing": torch.from_numpy(examples.labels[:, 0]).to(torch.int8),
        "takes": torch.from_numpy(examples.takes),
        "input_ids": batch["input_ids"].to(torch.int16),
        "attention_mask": batch["attention_mask"].to(torch.int8),
    }


def load_set(folder: Path, limit: int | None = None) -> LatentSet:
    """All encoded passes of a folder as one set."""
    rows: dict[str, list[torch.Tensor]] = {k: [] for k in LatentSet.__annotations__}
    people = 0
    for path in sorted(folder.glob("latents_*.pt"))[:limit]:
        part = torch.load(path, weights_only=True)
        part["owner"] += people
        people += len(part["close_up"])
        for name, values in part.items():
            rows[name].append(values)
    return LatentSet(**{k: torch.cat(v) for k, v in rows.items()})


def main() -> None:
    """Encode what shards there are, pass by pass; with --wait, shards still to come too."""
    parser = argparse.ArgumentParser(description="Encode shards into latents for training.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--wait", type=float, default=0, help="minutes to look for more shards")
    parser.add_argument("--aligned", action="store_true", help="wait for align.py's boxes")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    vae = AutoencoderKLFlux2.from_pretrained(args.vae).eval()
    start = time.time()
    while True:
        shards = sorted(args.data.glob("shard_??????.npz"))
        for number in range(args.passes):
            for shard in shards:
                path = args.out / f"latents_{number}_{shard.stem[-6:]}.pt"
                ready = shard.with_suffix(".boxes.npy").exists() or not args.aligned
                if ready and not path.exists():
                    torch.save(encode_shard(vae, shard, number), path.with_suffix(".tmp"))
                    path.with_suffix(".tmp").rename(path)
                    print(path.name, flush=True)
        if time.time() - start > args.wait * 60:
            break
        time.sleep(10)


if __name__ == "__main__":
    main()
