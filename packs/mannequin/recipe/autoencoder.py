"""Trains the autoencoder: diffusers' own `AutoencoderKLFlux2`, thin where pictures are large.

    python -m recipe.autoencoder --data DIR --out DIR --minutes 15

Besides reconstruction, decoding a latent that was shrunk by two must give the shrunk picture
(equivariance to scale): latents become smoother, the transformer learns them faster, and the
half-size references are encoded like the pictures they describe.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLFlux2
from PIL import Image

from .compose import Examples, compose

LATENT_CHANNELS = 16


def build() -> AutoencoderKLFlux2:
    return AutoencoderKLFlux2(
        block_out_channels=(24, 48, 96, 160),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=128,
        mid_block_add_attention=False,
    )


def to_tensor(pictures: np.ndarray) -> torch.Tensor:
    """uint8 (N, H, W, 3) -> float (N, 3, H, W) in [-1, 1], channels last in memory."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


def to_pictures(x: torch.Tensor) -> np.ndarray:
    """The inverse of `to_tensor`."""
    x = ((x.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    return x.permute(0, 2, 3, 1).contiguous().numpy()


def load_examples(folder: Path, seed: int, limit: int | None = None) -> list[Examples]:
    out = []
    for k, path in enumerate(sorted(folder.glob("shard_??????.npz"))[:limit]):
        with np.load(path) as data:
            out.append(compose(dict(data), seed * 10_000 + k))
    return out


def edges(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def reconstruction(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """L1 on pixels and on their differences; the second keeps edges sharp."""
    loss = (y - x).abs().mean()
    for a, b in zip(edges(y), edges(x), strict=True):
        loss = loss + 0.5 * (a - b).abs().mean()
    return loss


def psnr(y: torch.Tensor, x: torch.Tensor) -> float:
    return 10 * math.log10(4 / ((y - x) ** 2).mean().item())


@torch.no_grad()
def evaluate(model: AutoencoderKLFlux2, pictures: np.ndarray) -> tuple[float, np.ndarray]:
    """PSNR in dB of plain reconstruction, and original | reconstruction as pictures."""
    x = to_tensor(pictures)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = model.decode(model.encode(x).latent_dist.mode()).sample
    y = y.float().clamp(-1, 1)
    return psnr(y, x), np.concatenate([pictures, to_pictures(y)], axis=2)


@torch.no_grad()
def set_statistics(model: AutoencoderKLFlux2, pictures: np.ndarray) -> None:
    """Fill `bn`: mean and variance of the packed latents, by which the pipeline normalises."""
    packed = []
    for i in range(0, len(pictures), 64):
        z = model.encode(to_tensor(pictures[i : i + 64])).latent_dist.mode()
        packed.append(F.pixel_unshuffle(z, 2).permute(1, 0, 2, 3).flatten(1))
    values = torch.cat(packed, 1)
    # one mean and spread per latent channel, shared by the four places of its 2x2 patch
    groups = values.reshape(LATENT_CHANNELS, -1)
    model.bn.running_mean.copy_(groups.mean(1).repeat_interleave(4))
    model.bn.running_var.copy_(groups.var(1).repeat_interleave(4))


def train(folder: Path, held_out: Path, out: Path, minutes: float, batch: int = 16) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    examples = load_examples(folder, seed=1)
    large = np.concatenate([e.target for e in examples])
    small = np.concatenate([np.concatenate([e.product, e.close_up]) for e in examples])
    narrow = np.concatenate([e.full_body for e in examples])
    test = load_examples(held_out, seed=2)[0].target[:48]
    print(f"{len(large)} targets, {len(small)} references", flush=True)
    model = build().to(memory_format=torch.channels_last)
    model.train()
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=1e-3)
    average = {k: v.detach().clone() for k, v in model.state_dict().items()}
    out.mkdir(parents=True, exist_ok=True)
    start, step, seen = time.time(), 0, 0
    while True:
        done = (time.time() - start) / (minutes * 60)
        if done >= 1:
            break
        rate = 2e-3 * min(1, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * done)) + 2e-5
        for group in optimiser.param_groups:
            group["lr"] = rate
        pool, count = ((large, batch), (large, batch), (small, 2 * batch), (narrow, 2 * batch))[
            rng.choice(4, p=(0.4, 0.36, 0.18, 0.06))
        ]
        x = to_tensor(pool[rng.integers(0, len(pool), count)])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            posterior = model.encode(x).latent_dist
            mean = posterior.mean
            noisy = mean + 0.08 * torch.randn_like(mean)
            y = model.decode(noisy).sample
            loss = reconstruction(y.float(), x) + 2e-4 * (mean.float() ** 2).mean()
            if pool is large and step % 2 == 0:
                half = model.decode(F.avg_pool2d(mean, 2)).sample
                loss = loss + 0.5 * reconstruction(half.float(), F.avg_pool2d(x, 2))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step, seen = step + 1, seen + len(x)
        decay = min(0.998, (1 + step) / (10 + step))
        with torch.no_grad():
            for k, v in model.state_dict().items():
                if v.dtype.is_floating_point:
                    average[k].lerp_(v, 1 - decay)
        if step % 100 == 0:
            speed = seen / (time.time() - start)
            print(f"{step} {seen} {speed:.1f}/s loss {loss.item():.4f}", flush=True)
        if step % 500 == 0:
            model.eval()
            value, sheet = evaluate(model, test)
            model.train()
            print(f"  held-out {value:.2f} dB", flush=True)
            rows = [np.hstack(sheet[i : i + 6]) for i in range(0, 24, 6)]
            Image.fromarray(np.vstack(rows)).save(out / "reconstructions.png")
    model.load_state_dict(average)
    model.eval()
    set_statistics(model, large[rng.permutation(len(large))[:2048]])
    value, sheet = evaluate(model, test)
    rows = [np.hstack(sheet[i : i + 6]) for i in range(0, 24, 6)]
    Image.fromarray(np.vstack(rows)).save(out / "reconstructions.png")
    print(f"final: {seen} pictures, {step} steps, held-out {value:.2f} dB", flush=True)
    model.save_pretrained(out / "vae", safe_serialization=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the autoencoder.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(args.data, args.held_out, args.out, args.minutes)


if __name__ == "__main__":
    main()
