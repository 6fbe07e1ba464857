"""Blends checkpoints that went on from one and the same: the mean of their averaged weights.

    python -m recipe.blend --from START.pt A.pt B.pt --out CHECKPOINT.pt

Two processes that train apart, each with its own order of samples, never wait for each other; on a
busy machine that is more samples than one model trained by both. The result is for `export`; it
has no optimisers, so training that goes on from it starts them anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def blend(start: dict, others: list[dict]) -> dict:
    """The mean of the checkpoints' averages; samples and steps beyond the start add up.

    Raises: ValueError where a checkpoint has another size than the start.
    """
    if any(one["size"] != start["size"] for one in others):
        raise ValueError("these checkpoints are of different sizes: blend those of one start")
    mean = {
        name: torch.stack([one["average"][name].float() for one in others]).mean(0).to(values)
        for name, values in start["average"].items()
    }
    state = {
        name: value + sum(one["state"][name] - value for one in others)
        for name, value in start["state"].items()
    }
    return {"model": mean, "average": mean, "state": state, "size": start["size"]}


def main() -> None:
    parser = argparse.ArgumentParser(description="Blend checkpoints.")
    parser.add_argument("--from", dest="start", type=Path, required=True)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    read = [torch.load(p, weights_only=True) for p in (args.start, *args.checkpoints)]
    saved = blend(read[0], read[1:])
    torch.save(saved, args.out)
    print(saved["state"])


if __name__ == "__main__":
    main()
