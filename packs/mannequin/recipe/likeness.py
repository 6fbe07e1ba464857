"""What tells people apart in the latents of faces, and a loss that asks for it.

    python -m recipe.likeness --data WORK/latents --out WORK/likeness.pt

Linear discriminant analysis (Fisher 1936) on rendered people: directions in which two pictures of
one person are alike and two people are not. Squared error hardly sees them: they are a small part
of the picture. The recogniser that the report measures with is not used. Needs people who were
rendered in two dressings; mirrored passes are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from .layout import SEED_CHANNELS, TARGET
from .scenes import FRAMINGS

# tokens of the face: rows from, to, columns from, to; full bodies show too little
FACE_TOKENS = {"close_up": (1, 5, 1, 5), "half_body": (1, 3, 2, 4)}
KEPT, COUNT = 256, 64  # principal components before, directions after
SHRINK = (0.05, 0.02)  # of the scatter within people towards that of all, and towards a ball
SHARPNESS = 0.1  # temperature of the choice among the people of a batch

# framing -> mean (D,) and projection (D, COUNT)
Directions = dict[str, tuple[torch.Tensor, torch.Tensor]]


def faces(latents: torch.Tensor, framing: str) -> torch.Tensor:
    """Tokens (N, T, C) -> the face's numbers (N, D)."""
    top, bottom, left, right = FACE_TOKENS[framing]
    grid = latents.float().reshape(len(latents), *TARGET.grid, -1)
    return grid[:, top:bottom, left:right, :-SEED_CHANNELS].flatten(1)


def directions(x: torch.Tensor, owner: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (D,) and projection (D, COUNT) from faces (N, D) and whose they are (N,)."""
    mean = x.mean(0)
    basis = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))[1][:, -KEPT:]
    y = (x - mean) @ basis
    order = owner.argsort()
    again = torch.nonzero(owner[order][1:] == owner[order][:-1]).flatten()
    apart = (y[order[again]] - y[order[again + 1]]) / 2**0.5
    within, total = apart.T @ apart / len(apart), y.T @ y / len(y)
    within = within + SHRINK[0] * torch.diag(total.diag())
    within = within + SHRINK[1] * total.diag().mean() * torch.eye(len(within))
    inverse = torch.linalg.inv(torch.linalg.cholesky(within))
    turned = torch.linalg.eigh(inverse @ total @ inverse.T)[1][:, -COUNT:]
    return mean, basis @ inverse.T @ turned


class Likeness(nn.Module):
    """How badly drawn faces are told to be the true ones of their batch: a loss."""

    def __init__(self, saved: Directions) -> None:
        super().__init__()
        self.parts = saved

    def forward(
        self, drawn: torch.Tensor, true: torch.Tensor, framing: torch.Tensor
    ) -> torch.Tensor:
        """drawn, true: (N, T, C); framing: (N,). A scalar, about 4 before training."""
        losses = [drawn.new_zeros(())]
        for name, (mean, projection) in self.parts.items():
            chosen = torch.nonzero(framing == FRAMINGS.index(name)).flatten()
            if len(chosen) < 2:
                continue
            a = (faces(drawn[chosen], name) - mean.to(drawn)) @ projection.to(drawn)
            b = (faces(true[chosen], name) - mean.to(drawn)) @ projection.to(drawn)
            cosines = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T
            right = torch.arange(len(chosen), device=drawn.device)
            losses.append(F.cross_entropy(cosines / SHARPNESS, right))
            losses.append((a - b).square().mean() / b.square().mean())
        return torch.stack(losses).sum()


def main() -> None:
    parser = argparse.ArgumentParser(description="Find what tells people apart.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows: dict[str, list[torch.Tensor]] = {name: [] for name in FACE_TOKENS}
    owners: dict[str, list[torch.Tensor]] = {name: [] for name in FACE_TOKENS}
    people = 0
    for path in sorted(args.data.glob("latents_0_*.pt")):  # one pass: none is mirrored
        part = torch.load(path, weights_only=True)
        for name in FACE_TOKENS:
            chosen = part["framing"] == FRAMINGS.index(name)
            rows[name].append(faces(part["target"][chosen], name).half())
            owners[name].append(part["owner"][chosen] + people)
        people += len(part["close_up"])
    found = {n: directions(torch.cat(rows[n]).float(), torch.cat(owners[n])) for n in FACE_TOKENS}
    torch.save(found, args.out)


if __name__ == "__main__":
    main()
