"""Trains the transformer and its text encoder on cached latents to draw in one step.

    python -m recipe.train --data WORK/latents --held-out WORK/held_out_latents \
        --vae WORK/ae/vae --out WORK/transformer --until 13:10

Muon for the matrices inside the blocks, AdamW for the rest; constant learning rate, then a linear
decay over the last part; an exponential moving average is what gets exported. The checkpoint in
--out is taken up again when the command is started again.
"""

from __future__ import annotations

import argparse
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from diffusers import AutoencoderKLFlux2
from PIL import Image

from .autoencoder import to_pictures
from .latents import LatentSet, decode, load_set
from .layout import CLOSE_UP, FULL_BODY, PRODUCT, REFERENCES, SEED_CHANNELS, TARGET, Slot
from .likeness import Likeness
from .scenes import FRAMINGS
from .transformer import Denoiser, couple, image_ids, input_gain

PERSON = (CLOSE_UP, FULL_BODY)
# which references a batch sees, how often; bare examples wear the full-body picture's clothes
BATCHES: tuple[tuple[tuple[Slot, ...], bool, float], ...] = (
    ((CLOSE_UP, FULL_BODY, PRODUCT), False, 0.84),
    (PERSON, True, 0.08),
    ((PRODUCT,), False, 0.03),
    ((CLOSE_UP, PRODUCT), False, 0.05),
)
# how often a framing is drawn: likeness is told by the first two
FRAMING_SHARES = {"close_up": 0.42, "half_body": 0.36, "full_body": 0.22}
LIKENESS_WEIGHT = 0.02  # beside a squared error of about 0.12 the likeness is about 4


class Optimisers:
    """Muon on block matrices, AdamW on everything else, one schedule for both."""

    def __init__(self, model: Denoiser, rate: float, constant: float) -> None:
        matrices, others = [], []
        for name, p in model.named_parameters():
            inner = "blocks." in name or ".layers." in name
            (matrices if inner and p.ndim == 2 else others).append(p)
        self.all = [
            torch.optim.Muon(
                matrices, lr=rate, weight_decay=0.01, ns_steps=4, adjust_lr_fn="match_rms_adamw"
            ),
            torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self.rate, self.constant = rate, constant

    def step(self, share_done: float, step: int) -> None:
        decay = min(1.0, (1 - share_done) / (1 - self.constant))
        for optimiser in self.all:
            for group in optimiser.param_groups:
                group["lr"] = self.rate * min(1.0, (step + 1) / 100) * max(decay, 0.01)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)


def references_of(data: LatentSet, index: torch.Tensor, slots: tuple[Slot, ...]) -> dict:
    """Slot name -> latents (N, tokens, C) for the examples in `index`."""
    out = {}
    for slot in slots:
        latents = getattr(data, slot.name)
        rows = index if slot is PRODUCT else data.owner[index]
        out[slot.name] = latents[rows].float()
    return out


def token_weights() -> torch.Tensor:
    """(framings, tokens): how much a token's error counts; faces are few tokens and matter most."""
    rows, columns = TARGET.grid
    weights = torch.full((len(FRAMINGS), rows, columns), 0.6)
    boxes = {  # rows from, to, columns from, to: the person, then the face
        "close_up": ((0, 8, 0, 6, 1.0), (1, 5, 1, 5, 2.5), (2, 4, 2, 4, 5.0)),
        "half_body": ((0, 8, 1, 5, 1.2), (1, 3, 2, 4, 8.0)),
        "full_body": ((0, 8, 1, 5, 1.4), (0, 2, 2, 4, 4.0)),
    }
    for name, parts in boxes.items():
        for top, bottom, left, right, weight in parts:
            weights[FRAMINGS.index(name), top:bottom, left:right] = weight
    flat = weights.flatten(1)
    return flat / flat.mean(1, keepdim=True)


def draw_latents(
    model: Denoiser, data: LatentSet, index: torch.Tensor, slots: tuple, seed: int | None = None
) -> torch.Tensor:
    """The model's latents (N, T, C) of unit size for some examples, from noise with their takes."""
    like = data.target[index]
    if seed is None:
        noise = torch.randn(like.shape, device=like.device)
    else:
        noise = torch.randn(like.shape, generator=torch.Generator().manual_seed(seed)).to(
            like.device
        )
    noise = couple(noise, data.takes[index]) * input_gain().to(like.device)
    text = model.embed(data.input_ids[index].long(), data.attention_mask[index].long())
    references = references_of(data, index, slots)
    context = torch.cat([noise[:, :0], *references.values()], dim=1)
    return model(noise, text, context, torch.cat([image_ids(s) for s in (TARGET, *slots)]))


def error_of(drawn: torch.Tensor, data: LatentSet, index: torch.Tensor) -> torch.Tensor:
    """Weighted squared error; the seed channels carry no picture and do not count."""
    error = (drawn - data.target[index].float()) ** 2
    weights = token_weights().to(error.device)[data.framing[index].long()]
    return (error[..., :-SEED_CHANNELS].mean(-1) * weights).mean()


@torch.no_grad()
def held_out_sheet(model: Denoiser, vae, data: LatentSet, path: Path, count: int = 24) -> float:
    """Draw held-out examples: close-up over product, truth, result. Returns the loss on 240."""
    model.eval()
    index = torch.nonzero(~data.bare).flatten()
    index = index[torch.linspace(0, len(index) - 1, min(240, len(index))).long()]
    torch.manual_seed(1)
    value = error_of(draw_latents(model, data, index, REFERENCES), data, index).item()
    index = index[torch.linspace(0, len(index) - 1, count).long()]
    latents = draw_latents(model, data, index, REFERENCES, seed=0)
    model.train()

    def shown(values: torch.Tensor, slot: Slot) -> np.ndarray:
        return to_pictures(decode(vae, values.float().cpu() / input_gain(), slot.grid))

    references = references_of(data, index, REFERENCES)
    close = shown(references["close_up"], CLOSE_UP)
    product = np.pad(shown(references["product"], PRODUCT), ((0, 0), (0, 0), (16, 16), (0, 0)))
    pair = shown(data.target[index], TARGET), shown(latents, TARGET)
    tiles = np.concatenate([np.concatenate([close, product], 1), *pair], 2)
    rows = [np.hstack(tiles[i : i + 4]) for i in range(0, count, 4)]
    Image.fromarray(np.vstack(rows)).save(path)
    return value


class Feed:
    """Training latents; looks now and then whether more passes have been encoded."""

    def __init__(self, folder: Path, limit: int | None, device: str) -> None:
        self.folder, self.limit, self.count, self.device = folder, limit, 0, device
        self.fresh(0)

    def fresh(self, patience: float = 120) -> LatentSet:
        """The data; `patience` in seconds since the last look."""
        if self.count and time.time() - self.looked < patience:
            return self.data
        self.looked = time.time()
        count = len(list(self.folder.glob("latents_*.pt")))
        if count > self.count and not (self.count and self.limit):
            self.data, self.count = load_set(self.folder, self.limit).to(self.device), count
            self.pools = {
                (bare, k): torch.nonzero(
                    (self.data.bare == bare) & (self.data.framing == k)
                ).flatten()
                for bare in (False, True)
                for k in range(len(FRAMINGS))
            }
        return self.data

    def draw(self, rng: np.random.Generator, bare: bool, count: int) -> torch.Tensor:
        """Row numbers of a batch, framings by FRAMING_SHARES."""
        shares = [FRAMING_SHARES[name] for name in FRAMINGS]
        chosen = rng.choice(len(FRAMINGS), size=count, p=shares)
        pools = [self.pools[bare, int(k)] for k in chosen]
        return torch.stack([pool[int(rng.integers(len(pool)))] for pool in pools])


class Team:
    """Processes that train one model: each has its own data, gradients are averaged every step."""

    def __init__(self, rank: int, workers: int, out: Path) -> None:
        self.rank, self.workers = rank, workers
        if workers > 1:
            address = f"file://{(out / 'rendezvous').resolve()}"
            dist.init_process_group("gloo", init_method=address, rank=rank, world_size=workers)

    def average(self, model: Denoiser, share_done: float) -> float:
        """Average all gradients; returns the first process' share of the time that is over."""
        if self.workers == 1:
            return share_done
        parameters = [p for p in model.parameters() if p.grad is not None]
        flat = torch.cat([p.grad.flatten() for p in parameters] + [torch.zeros(1)])
        flat[-1] = share_done if self.rank == 0 else 0.0
        dist.all_reduce(flat)
        at = 0
        for p in parameters:
            p.grad.copy_(flat[at : at + p.numel()].view_as(p)).div_(self.workers)
            at += p.numel()
        return float(flat[-1])


def seconds_until(clock: str) -> float:
    """Seconds from now to HH:MM today."""
    hour, minute = map(int, clock.split(":"))
    now = datetime.now()
    return (now.replace(hour=hour, minute=minute, second=0) - now).total_seconds()


def train(rank: int, args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    vae = AutoencoderKLFlux2.from_pretrained(args.vae).eval()
    feed = Feed(args.data, args.limit, args.device)
    data = feed.data
    test = load_set(args.held_out).to(args.device) if rank == 0 else None
    team = Team(rank, args.workers, args.out)
    model = Denoiser(args.size).to(args.device)
    torch.nn.init.zeros_(model.transformer.proj_out.weight)
    counts = [sum(p.numel() for p in m.parameters()) / 1e6 for m in model.children()]
    print(f"text encoder {counts[0]:.2f} M, transformer {counts[1]:.2f} M", flush=True)
    optimisers = Optimisers(model, args.rate, args.constant)
    likeness = Likeness(torch.load(args.likeness, weights_only=True)) if args.likeness else None
    average = {k: v.detach().clone() for k, v in model.state_dict().items()}
    state = {"step": 0, "seen": 0, "seconds": 0.0}
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        average, state = load(checkpoint, model, optimisers)
        print(f"resumed at step {state['step']}", flush=True)
    model.train()
    seed = [args.seed, rank, state["step"]]
    rng = np.random.default_rng(seed)
    torch.manual_seed(int(rng.integers(1 << 31)))
    start, earlier, first = time.time(), state["seconds"], state["seen"]
    total = earlier + seconds_until(args.until)
    last_save, losses, done = start, [], 0.0
    while done < 1:
        slots, wants_bare, _ = BATCHES[rng.choice(len(BATCHES), p=[b[2] for b in BATCHES])]
        data = feed.fresh()
        index = feed.draw(rng, wants_bare, args.batch)
        with torch.autocast(args.device, torch.bfloat16, enabled=args.device == "cuda"):
            index = index.to(args.device)
            drawn = draw_latents(model, data, index, slots)
            loss = error_of(drawn, data, index)
            if likeness and CLOSE_UP in slots:
                told = likeness(drawn, data.target[index].float(), data.framing[index])
                loss = loss + LIKENESS_WEIGHT * told
        loss.backward()
        state["seconds"] = earlier + time.time() - start
        done = team.average(model, state["seconds"] / total)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimisers.step(done, state["step"])
        state["step"] += 1
        state["seen"] += args.batch * args.workers
        decay = min(0.992, (1 + state["step"]) / (10 + state["step"]))
        with torch.no_grad():
            for k, v in model.state_dict().items():
                average[k].lerp_(v, 1 - decay)
        if rank:
            continue
        losses.append(loss.item())
        if state["step"] % 20 == 0:
            speed = (state["seen"] - first) / (time.time() - start)
            mean = float(np.mean(losses[-50:]))
            print(f"{state['step']} {state['seen']} {speed:.1f}/s loss {mean:.4f}", flush=True)
        if time.time() - last_save > 240 or done >= 1:
            save(checkpoint, model, average, optimisers, state)
            vae = AutoencoderKLFlux2.from_pretrained(args.vae).eval()  # its decoder still learns
            averaged = Denoiser(args.size).to(args.device)
            averaged.load_state_dict(average)
            value = held_out_sheet(averaged, vae, test, args.out / "held_out.png")
            print(f"  held-out {value:.4f}, {len(feed.data.target)} targets", flush=True)
            last_save = time.time()
    if rank == 0:
        print(f"final: {state}", flush=True)


def load(path: Path, model: Denoiser, optimisers: Optimisers) -> tuple[dict, dict]:
    """Take up a checkpoint; returns the averaged weights and the counters."""
    saved = torch.load(path, weights_only=True, map_location=next(model.parameters()).device)
    model.load_state_dict(saved["model"])
    if "optimisers" in saved:  # a widened checkpoint has none
        for optimiser, values in zip(optimisers.all, saved["optimisers"], strict=True):
            optimiser.load_state_dict(values)
    return saved["average"], saved["state"]


def save(path: Path, model: Denoiser, average: dict, optimisers: Optimisers, state: dict) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(
        {
            "model": model.state_dict(),
            "average": average,
            "optimisers": [o.state_dict() for o in optimisers.all],
            "state": state,
            "size": model.size,
        },
        temporary,
    )
    temporary.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the transformer.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--vae", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--until", required=True, help="HH:MM; the learning rate ends there")
    parser.add_argument("--limit", type=int, help="files of latents, for a quick trial")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--constant", type=float, default=0.6, help="share of time at full rate")
    parser.add_argument("--likeness", type=Path, help="likeness.py's file: a loss that asks for it")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", choices=("small", "large"), default="small")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    (args.out / "rendezvous").unlink(missing_ok=True)
    if args.workers == 1:
        train(0, args)
    else:
        torch.multiprocessing.spawn(train, args=(args,), nprocs=args.workers)


if __name__ == "__main__":
    main()
