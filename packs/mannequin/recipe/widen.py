"""Starts a wider transformer with more latent channels from the checkpoint of a smaller one.

    python -m recipe.widen --checkpoint OLD/checkpoint.pt --out NEW/checkpoint.pt

What the small network computes, the wide one computes too, nearly, and goes on learning from there:
new numbers of the residual stream start at zero, new heads and hidden units are not listened to yet
(the idea of Net2Net, Chen, Goodfellow and Shlens 2015). "Nearly", since the layer norms see zeros
beside the old numbers; weights behind a norm and its shift make up for that.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .layout import SEED_CHANNELS
from .transformer import Denoiser

NOT_HEARD = ("to_out", "to_add_out", "linear_out")  # back into the residual stream


def _spread(
    old: torch.Tensor, like: torch.Tensor, rows: list[int], columns: list[int], fill: float
):
    """`like` with `old` at the given rows and columns; old rows' new columns are scaled by fill."""
    out = like.clone()
    out[rows] *= fill
    out[torch.tensor(rows)[:, None], torch.tensor(columns)[None]] = old
    return out


def _groups(count: int, old: int, new: int) -> list[int]:
    """Where `count` stacked vectors of length old land among vectors of length new."""
    return [g * new + k for g in range(count) for k in range(old)]


@torch.no_grad()
def widen(old: Denoiser, size: str) -> Denoiser:
    model = Denoiser(size)
    model.text_encoder.load_state_dict(old.text_encoder.state_dict())
    before, target = old.transformer, model.transformer
    narrow, wide = before.inner_dim, target.inner_dim
    boost = (wide / narrow) ** 0.5
    channels = before.config.in_channels
    hidden = before.state_dict()["transformer_blocks.0.ff.linear_out.weight"].shape[1]
    hidden_wide = target.state_dict()["transformer_blocks.0.ff.linear_out.weight"].shape[1]
    latents = [*range(channels - SEED_CHANNELS)]
    latents += [*range(target.config.in_channels - SEED_CHANNELS, target.config.in_channels)]
    stream = list(range(narrow))
    result = {}
    for name, like in target.state_dict().items():
        value = before.state_dict()[name].clone()
        if like.ndim == 1:  # norms of queries and keys: one head wide
            result[name] = value
            continue
        stacked = value.shape[0] // narrow
        rows = _groups(stacked, narrow, wide)
        columns = list(range(value.shape[1]))
        if "linear_in" in name:
            rows = _groups(2, hidden, hidden_wide)
        if name == "proj_out.weight":
            rows = latents
        part = name.split(".")[-2]
        if name == "x_embedder.weight":
            columns = latents
        if "to_qkv_mlp_proj" in name:
            rows = _groups(3, narrow, wide)
            rows += [3 * wide + k for k in _groups(2, hidden, hidden_wide)]
        if "single" in name and "to_out" in name:
            columns = stream + [wide + k for k in range(hidden)]
        if "modulation" in name:  # shift, scale, gate by turns; gates of new numbers are open
            for start in range(0, value.shape[0], 3 * narrow):
                value[start : start + narrow] *= boost
        if "norm_out" in name:  # scale, shift
            value[narrow:] *= boost
        behind_norm = part in ("to_q", "to_k", "to_v", "linear_in", "proj_out", "to_qkv_mlp_proj")
        if behind_norm or part.startswith("add_"):
            value /= boost
        quiet = any(k in name for k in NOT_HEARD) or name == "proj_out.weight"
        out = _spread(value, like, rows, columns, 0.0)
        fresh = [k for k in range(like.shape[0]) if k not in set(rows)]
        if quiet or name == "context_embedder.weight":
            out[fresh] = 0.0
        elif name == "x_embedder.weight":
            out[fresh] *= 0.5
        result[name] = out
    target.load_state_dict(result)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description="Start a wider transformer from a smaller one.")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--from-size", default="tiny")
    parser.add_argument("--size", default="small")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    saved = torch.load(args.checkpoint, weights_only=True, map_location="cpu")
    torch.manual_seed(0)
    channels = saved["average"]["transformer.x_embedder.weight"].shape[1]
    old = Denoiser(args.from_size, channels)
    old.load_state_dict(saved["average"])
    model = widen(old, args.size)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    state = model.state_dict()
    counters = {"step": 0, "seen": saved["state"]["seen"], "seconds": 0.0}  # a schedule of its own
    torch.save({"model": state, "average": state, "state": counters, "size": args.size}, args.out)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters")


if __name__ == "__main__":
    main()
