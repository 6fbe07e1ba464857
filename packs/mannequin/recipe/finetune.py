"""Goes on training the decoder, half of the time on what the transformer draws.

    python -m recipe.finetune --data WORK/shards --vae WORK/ae/vae \
        --checkpoint WORK/transformer/checkpoint.pt --out WORK/ae_final --until 16:30

Drawn latents are softer than those of pictures, and a decoder that has never seen them shows the
grid of its blocks. But a decoder that should turn them into the true picture learns to average
faces: so a drawn face is to become what its components alone show, with SMOOTH of the true
picture, and everything else the true picture. It runs beside `train` and takes up newer
checkpoints as they come.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLFlux2

from .autoencoder import LATENT_NOISE, PEAK, evaluate, reconstruction, to_pictures, to_tensor
from .compact import load_shard
from .compose import compose
from .latents import LatentSet, encode_shard, pass_seed
from .layout import FACE_BLOCKS, REFERENCES, TARGET
from .pca import blocks_of, linear_pictures
from .scenes import FRAMINGS
from .train import FRAMING_SHARES, draw_latents, seconds_until
from .transformer import Denoiser, input_gain

CELLS = 4  # a crop is CELLS x CELLS latents, 16 pixels each
DRAWN = 0.4  # share of crops whose latents were drawn
SMOOTH = 0.2  # of the true picture in what a drawn face is to become
FACES = 0.7  # share of crops that show a part of the face
REFRESH = 420  # seconds between looks at the checkpoint


class Material:
    """Pictures with their own latents and, once there is a checkpoint, the drawn ones."""

    def __init__(self, vae: AutoencoderKLFlux2, folder: Path, shards: int) -> None:
        rows: list[dict[str, torch.Tensor]] = []
        pictures, people = [], 0
        for path in sorted(folder.glob("shard_??????.npz"))[-shards:]:
            part = encode_shard(vae, path, 0)
            part["owner"] += people
            people += len(part["close_up"])
            rows.append(part)
            pictures.append(compose(load_shard(path), pass_seed(path, 0)).target)
        self.data = LatentSet(**{k: torch.cat([r[k] for r in rows]) for k in rows[0]})
        self.pictures = np.concatenate(pictures)
        self.mean = vae.bn.running_mean.view(1, -1, 1, 1)
        self.spread = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
        self.vae = vae
        blocks = blocks_of(self.pictures[::4].astype(np.float32) / 127.5 - 1, 16)
        self.block = torch.from_numpy(blocks.mean(0))
        self.own = self.unpack(self.data.target)
        self.drawn, self.plain = self.own, self.pictures
        useful = torch.nonzero(~self.data.bare).flatten().numpy()
        framing = self.data.framing.numpy()
        self.useful = [useful[framing[useful] == k] for k in range(len(FRAMINGS))]

    def unpack(self, tokens: torch.Tensor) -> torch.Tensor:
        """Latents of unit size (N, T, C) -> what the decoder takes (N, C, 16, 12)."""
        z = (tokens.float() / input_gain()).mT.reshape(len(tokens), -1, *TARGET.grid)
        return F.pixel_shuffle(z * self.spread + self.mean, 2)

    @torch.no_grad()
    def redraw(self, checkpoint: Path) -> None:
        saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
        model = Denoiser(saved.get("size", "small"))
        model.load_state_dict(saved["average"])
        model.eval()
        parts = [
            draw_latents(model, self.data, index, REFERENCES)
            for index in torch.arange(len(self.data.target)).split(64)
        ]
        self.drawn = self.unpack(torch.cat(parts))
        plain = [linear_pictures(self.vae, z, self.block) for z in self.drawn.split(64)]
        self.plain = to_pictures(torch.cat(plain))
        print(f"drawn anew after {saved['state']['seen']} samples", flush=True)

    def crops(self, rng: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents (N, C, CELLS, CELLS) and pictures (N, 3, 16 CELLS, 16 CELLS): faces often."""
        z, x = [], []
        shares = [FRAMING_SHARES[name] for name in FRAMINGS]
        for framing in rng.choice(len(FRAMINGS), size=count, p=shares):
            k = int(rng.choice(self.useful[framing]))
            drawn = rng.random() < DRAWN
            source = self.drawn if drawn else self.own
            down, along = source.shape[2] - CELLS, source.shape[3] - CELLS
            face = rng.random() < FACES
            if face:  # its corner up to a block outside the face
                top, bottom, left, right = FACE_BLOCKS[FRAMINGS[framing]]
                low, high = max(top - 1, 0), max(bottom - CELLS + 1, top)
                row = int(rng.integers(low, high + 1))
                low, high = max(left - 1, 0), max(right - CELLS + 1, left)
                column = int(rng.integers(low, high + 1))
            else:
                row = int(rng.integers(0, down + 1))
                column = int(np.clip(round(rng.normal(along / 2, along / 4)), 0, along))
            part = source[k, :, row : row + CELLS, column : column + CELLS]
            z.append(part if drawn else part + LATENT_NOISE * torch.randn_like(part))
            size = 16 * CELLS
            here = (k, slice(16 * row, 16 * row + size), slice(16 * column, 16 * column + size))
            wanted = self.pictures[here].astype(np.float32)
            if drawn and face:
                wanted = SMOOTH * wanted + (1 - SMOOTH) * self.plain[here]
            x.append(wanted)
        return torch.stack(z), to_tensor(np.stack(x))


def finetune(args: argparse.Namespace) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    vae = AutoencoderKLFlux2.from_pretrained(args.vae).to(memory_format=torch.channels_last)
    material = Material(vae, args.data, args.shards)
    trained = list(vae.decoder.parameters())
    vae.requires_grad_(False)
    vae.post_quant_conv.weight[:, -1] = 0.0  # the latent channel that carries the seed
    vae.decoder.requires_grad_(True)
    optimiser = torch.optim.AdamW(trained, lr=PEAK / 2, betas=(0.9, 0.98), weight_decay=1e-3)
    average = [p.detach().clone() for p in trained]
    start, step, looked, losses = time.time(), 0, 0.0, []
    total = seconds_until(args.until)
    while (done := (time.time() - start) / total) < 1:
        if time.time() - looked > REFRESH and args.checkpoint.exists():
            material.redraw(args.checkpoint)
            save(vae, trained, average, args.out)
            looked = time.time()
        for group in optimiser.param_groups:
            group["lr"] = PEAK / 2 * min(1, (step + 1) / 50) * min(1.0, 2.2 * (1 - done)) + 1e-5
        z, x = material.crops(rng, args.batch)
        loss = reconstruction(vae.decode(z).sample, x)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        step += 1
        losses.append(loss.item())
        with torch.no_grad():
            for mean, p in zip(average, trained, strict=True):
                mean.lerp_(p, 1 - min(0.99, (1 + step) / (10 + step)))
        if step % 50 == 0:
            print(f"{step} loss {np.mean(losses[-50:]):.4f}", flush=True)
    save(vae, trained, average, args.out)
    value, _ = evaluate(
        AutoencoderKLFlux2.from_pretrained(args.out / "vae"), material.pictures[:48]
    )
    print(f"final: {step} steps, {value:.2f} dB on its own pictures", flush=True)


@torch.no_grad()
def save(vae: AutoencoderKLFlux2, trained: list, average: list, out: Path) -> None:
    """Save the averaged decoder; the running one stays as it is."""
    kept = [p.detach().clone() for p in trained]
    for p, mean in zip(trained, average, strict=True):
        p.copy_(mean)
    vae.save_pretrained(out / "vae", safe_serialization=True)
    for p, value in zip(trained, kept, strict=True):
        p.copy_(value)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the decoder on drawn latents too.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--until", required=True, help="HH:MM")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    finetune(args)


if __name__ == "__main__":
    main()
