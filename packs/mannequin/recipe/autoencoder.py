"""Trains the decoder of diffusers' own `AutoencoderKLFlux2` behind a closed-form encoder.

    python -m recipe.autoencoder --data DIR --held-out DIR --out DIR --minutes 50

The encoder needs no training: its weights are set so that it computes the principal components of
16x16 blocks (see pca.py). So the latents are final from the first second, and the transformer
trains on them while the decoder is still learning.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLFlux2
from diffusers.models.resnet import ResnetBlock2D
from PIL import Image

from .compact import load_shard
from .compose import Examples, compose
from .layout import FACE_BLOCKS
from .pca import find_components, read_components, set_encoder
from .scenes import FRAMINGS

SHARDS = 3  # of the data are enough for a decoder
LATENT_CHANNELS = 64  # the last one carries no picture
PEAK = 2e-3  # learning rate
LATENT_NOISE = 0.1  # so that the decoder forgives small errors of the transformer
# most of the time goes to small crops: five times as many steps in the same time
CROP, CROP_SHARE = 64, 0.85


def build() -> AutoencoderKLFlux2:
    """f16. The encoder is a chain of strided convolutions, the decoder does the work."""
    model = AutoencoderKLFlux2(
        block_out_channels=(136,) * 5,
        decoder_block_out_channels=(8, 16, 48, 96, 160),
        down_block_types=("DownEncoderBlock2D",) * 5,
        up_block_types=("UpDecoderBlock2D",) * 5,
        layers_per_block=0,
        latent_channels=LATENT_CHANNELS,
        # one group: absolute colour survives the normalisation, which small groups destroy
        norm_num_groups=1,
        sample_size=256,
        mid_block_add_attention=False,
    )
    for module in model.modules():  # residual branches start silent: a linear codec comes first
        if isinstance(module, ResnetBlock2D):
            torch.nn.init.zeros_(module.conv2.weight)
            torch.nn.init.zeros_(module.conv2.bias)
    return model


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
        out.append(compose(load_shard(path), seed * 10_000 + k, clean=True))
    return out


def face_blocks(examples: list[Examples]) -> np.ndarray:
    """All blocks (N, 16, 16, 3) that show faces, uint8."""
    out = []
    for e in examples:
        groups = [(e.target[e.labels[:, 0] == k], FACE_BLOCKS[n]) for k, n in enumerate(FRAMINGS)]
        for pictures, (top, bottom, left, right) in [
            *groups,
            (e.close_up, FACE_BLOCKS["reference"]),
        ]:
            part = pictures[:, 16 * top : 16 * bottom, 16 * left : 16 * right]
            n, h, w, _ = part.shape
            part = part.reshape(n, h // 16, 16, w // 16, 16, 3).transpose(0, 1, 3, 2, 4, 5)
            out.append(part.reshape(-1, 16, 16, 3))
    return np.concatenate(out)


def grow(old: AutoencoderKLFlux2, examples: list[Examples]) -> AutoencoderKLFlux2:
    """An autoencoder with more components whose first ones, and what is decoded, are the old's."""
    model = build()
    large = np.concatenate([e.target for e in examples])
    count, width = model.config.latent_channels - 1, model.encoder.conv_in.out_channels
    first = read_components(old)
    set_encoder(model, find_components(large[::4], face_blocks(examples), count, width, first))
    model.decoder.load_state_dict(
        {k: v for k, v in old.decoder.state_dict().items() if k != "conv_in.weight"}, strict=False
    )
    before = old.config.latent_channels - 1
    kept = [*range(before), count]  # where the old channels are; the seed's comes last
    with torch.no_grad():
        model.decoder.conv_in.weight.zero_()
        model.decoder.conv_in.weight[:, kept] = old.decoder.conv_in.weight
        model.post_quant_conv.weight.copy_(torch.eye(count + 1)[:, :, None, None])
        model.post_quant_conv.bias.zero_()
        for row, k in enumerate(kept):
            model.post_quant_conv.weight[k, kept] = old.post_quant_conv.weight[row]
            model.post_quant_conv.bias[k] = old.post_quant_conv.bias[row]
        model.post_quant_conv.weight[:, count] = 0.0
    return model


def random_crop(x: torch.Tensor, rng: np.random.Generator, size: int) -> torch.Tensor:
    """One square of `size` pixels from each picture (N, 3, H, W), on the latents' grid of 16.

    Mostly from the middle columns, where people are.
    """
    rows = rng.integers(0, (x.shape[2] - size) // 16 + 1, len(x)) * 16
    steps = (x.shape[3] - size) // 16
    columns = np.rint(np.clip(rng.normal(steps / 2, steps / 4, len(x)), 0, steps)).astype(int) * 16
    crops = [p[:, r : r + size, c : c + size] for p, r, c in zip(x, rows, columns, strict=True)]
    return torch.stack(crops).contiguous(memory_format=torch.channels_last)


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
    y = model.decode(model.encode(x).latent_dist.mode()).sample.clamp(-1, 1)
    return psnr(y, x), np.concatenate([pictures, to_pictures(y)], axis=2)


def train(
    folder: Path,
    held_out: Path,
    out: Path,
    minutes: float,
    resume: bool = False,
    old: Path | None = None,
    batch: int = 16,
) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    examples = load_examples(folder, seed=1, limit=SHARDS)
    large = np.concatenate([e.target for e in examples])
    faces = face_blocks(examples)
    test = load_examples(held_out, seed=2)[0].target[:48]
    print(f"{len(large)} targets", flush=True)
    model = build().to(memory_format=torch.channels_last)
    count, width = model.config.latent_channels - 1, model.encoder.conv_in.out_channels
    some = large[rng.permutation(len(large))[:300]]
    set_encoder(model, find_components(some, faces, count, width))
    out.mkdir(parents=True, exist_ok=True)
    if old:
        model = grow(AutoencoderKLFlux2.from_pretrained(old), examples)
        model = model.to(memory_format=torch.channels_last)
    if resume:  # the encoder is the same for the same data; the decoder goes on
        model = AutoencoderKLFlux2.from_pretrained(out / "vae")
        model = model.to(memory_format=torch.channels_last)
    model.save_pretrained(out / "vae", safe_serialization=True)  # latents are final from here on
    model.encoder.requires_grad_(False)
    model.quant_conv.requires_grad_(False)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)
    trained = [p for p in model.parameters() if p.requires_grad]
    peak = PEAK / 2 if resume else PEAK
    optimiser = torch.optim.AdamW(trained, lr=peak, betas=(0.9, 0.98), weight_decay=1e-3)
    average = {k: v.detach().clone() for k, v in model.state_dict().items()}
    start, step, seen, saved = time.time(), 0, 0, time.time()
    while True:
        done = (time.time() - start) / (minutes * 60)
        if done >= 1:
            break
        for group in optimiser.param_groups:
            falling = 0.5 + 0.5 * math.cos(math.pi * done)
            group["lr"] = peak * min(1, (step + 1) / 100) * falling + 2e-5
        x = to_tensor(large[rng.integers(0, len(large), batch)])
        x = random_crop(x, rng, CROP) if done < CROP_SHARE else x[: batch // 4]
        with torch.no_grad():
            z = model.encode(x).latent_dist.mode()
            z = z + LATENT_NOISE * torch.randn_like(z)
        loss = reconstruction(model.decode(z).sample, x)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        with torch.no_grad():
            model.post_quant_conv.weight[:, -1] = 0.0  # the latent channel that carries the seed
        step, seen = step + 1, seen + len(x)
        decay = min(0.998, (1 + step) / (10 + step))
        with torch.no_grad():
            for k, v in model.state_dict().items():
                if v.dtype.is_floating_point:
                    average[k].lerp_(v, 1 - decay)
        if step % 100 == 0:
            speed = seen / (time.time() - start)
            print(f"{step} {seen} {speed:.1f}/s loss {loss.item():.4f}", flush=True)
        if time.time() - saved > 150:
            finish(model, average, test, out)
            saved = time.time()
    value = finish(model, average, test, out)
    print(f"final: {seen} pictures and crops, {step} steps, held-out {value:.2f} dB", flush=True)


def finish(model: AutoencoderKLFlux2, average: dict, test: np.ndarray, out: Path) -> float:
    """Measure and save the averaged weights; the running ones stay as they are."""
    copy = build()
    copy.load_state_dict(average)
    copy.eval()
    value, sheet = evaluate(copy, test)
    rows = [np.hstack(sheet[i : i + 6]) for i in range(0, 24, 6)]
    Image.fromarray(np.vstack(rows)).save(out / "reconstructions.png")
    copy.save_pretrained(out / "vae", safe_serialization=True)
    print(f"  held-out {value:.2f} dB", flush=True)
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the autoencoder.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--grow", type=Path, help="an autoencoder with fewer components")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(args.data, args.held_out, args.out, args.minutes, args.resume, args.grow)


if __name__ == "__main__":
    main()
