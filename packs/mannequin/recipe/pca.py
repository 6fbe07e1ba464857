"""Sets the encoder of `AutoencoderKLFlux2` by hand: principal components of 16x16 pixel blocks.

The class has normalisations and non-linearities on the way; they are made harmless, not removed:
- three strided convolutions copy pixels into channels and keep the strongest components of 8x8
  blocks, a fourth projects four such blocks on the components of 16x16 blocks;
- residual branches are silent (their last convolution is zero);
- the group norm sees every signal together with its negative on top of large constant offsets, so
  that mean and spread hardly depend on the picture;
- SiLU works around +14, where it is the identity to six digits.

The last latent channel stays empty. Packed, it gives each token SEED_CHANNELS numbers that no
picture uses: there the starting noise reaches the transformer undisturbed, and the decoder ignores
it. All other channels are scaled so that pictures are NOISE_SCALE times as strong as noise.

The first GENERAL components are those of whole pictures; the rest are the components of what these
leave over in faces, which are few of a picture's blocks and what likeness is told by. An encoder
with fewer components can be grown into one with more: its own come first and stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKLFlux2

OFFSET = 8.0  # the constant under every signal, in standard deviations of a component
LINEAR = 14.0  # where SiLU(x) = x
FOUR_COPIES = 4  # the first components have a non-zero mean: they need both offsets and both signs
# spread of latents, before NOISE_SCALE: SPREAD * (size relative to the first) ** EXPONENT
SPREAD, EXPONENT = 1.6, 0.4
NOISE_SCALE = 24.0
GENERAL = 31  # components of whole pictures; all others are of faces


@dataclass(frozen=True)
class Components:
    """Means, directions (rows) and standard deviations of 8x8 (small) and 16x16 blocks."""

    small: np.ndarray  # (kept, 192): an 8x8x3 block, flattened as (row, column, colour)
    mean: np.ndarray  # (4 * kept,): of four small blocks' components, (row, column, component)
    large: np.ndarray  # (count, 4 * kept)
    spread: np.ndarray  # (count,)


def blocks_of(x: np.ndarray, side: int) -> np.ndarray:
    """(N, H, W, C) -> (rows, side * side * C)."""
    n, h, w, c = x.shape
    x = x.reshape(n, h // side, side, w // side, side, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, side * side * c)


def _directions(x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    x = x[:: max(1, len(x) // 30_000)]
    values, vectors = np.linalg.eigh(np.cov(x.T))
    order = np.argsort(values)[::-1][:count]
    return vectors[:, order].T, np.sqrt(values[order])


def _beside(x: np.ndarray, known: np.ndarray) -> np.ndarray:
    """What rows of x leave over when the orthonormal rows of `known` are taken out of them."""
    return x - (x @ known.T) @ known


def find_components(
    pictures: np.ndarray, faces: np.ndarray, count: int, kept: int, first: Components | None = None
) -> Components:
    """pictures: (N, H, W, 3) uint8, sides multiples of 16; faces: (M, 16, 16, 3) uint8 blocks of
    them. first: components to begin with instead of GENERAL new ones."""
    x = pictures.astype(np.float32) / 127.5 - 1
    y = faces.astype(np.float32) / 127.5 - 1
    eighths = np.concatenate([blocks_of(x, 8)[::4], blocks_of(y, 8)])
    small = first.small if first else np.zeros((0, 192), np.float32)
    rest, _ = _directions(_beside(eighths, small), kept - len(small))
    small = np.concatenate([small, rest]).astype(np.float32)

    def four(z: np.ndarray) -> np.ndarray:
        n, h, w, _ = z.shape
        inner = (blocks_of(z, 8) @ small.T).reshape(n, h // 8, w // 8, kept)
        return blocks_of(inner, 2)

    whole, of_faces = four(x), four(y)
    mean = whole.mean(0)
    if first:
        large = np.zeros((len(first.large), 4, kept), np.float32)
        large[..., : len(first.small)] = first.large.reshape(len(large), 4, -1)
        large, spread = large.reshape(len(large), -1), first.spread
        mean.reshape(4, kept)[:, : len(first.small)] = first.mean.reshape(4, -1)
    else:
        large, spread = _directions(whole, min(count, GENERAL))
    more, of_more = _directions(_beside(of_faces - mean, large), count - len(large))
    return Components(small, mean, np.concatenate([large, more]), np.concatenate([spread, of_more]))


@torch.no_grad()
def read_components(model: AutoencoderKLFlux2) -> Components:
    """What `set_encoder` was given; the mean is exact in these directions only."""
    count = model.config.latent_channels - 1
    third, fourth = [b.downsamplers[0].conv for b in model.encoder.down_blocks[2:4]]
    kept = third.weight.shape[0]
    small = torch.zeros(kept, 8, 8, 3)
    for row, column, c, inner in _inner_channels():
        small[:, row, column, c] = third.weight[:, inner, row // 4, column // 4]
    taps, offsets = torch.zeros(count, 4 * kept), torch.zeros(count)
    seen = set()
    for channel, (k, offset, sign) in enumerate(_copies(count)):
        if k not in seen and sign > 0 and offset > 0:
            taps[k] = fourth.weight[channel, :, :2, :2].permute(1, 2, 0).flatten()
            offsets[k] = offset - fourth.bias[channel]
            seen.add(k)
    length = taps.norm(dim=1)  # 1 / spread
    mean = taps.T @ (offsets / length**2)
    return Components(
        small.reshape(kept, -1).numpy(),
        mean.numpy(),
        (taps / length[:, None]).numpy(),
        (1 / length).numpy(),
    )


def _inner_channels():
    """Of the pixels of an 8x8 block: row, column, colour, channel at the third convolution."""
    for row in range(8):
        for column in range(8):
            for c in range(3):
                inner = (2 * (row // 2 % 2) + column // 2 % 2) * 12
                yield row, column, c, inner + (2 * (row % 2) + column % 2) * 3 + c


def _unfold(channels_in: int, weight: torch.Tensor) -> None:
    """A strided 3x3 convolution that copies 2x2 pixels: output (2 * row + column) * C + channel."""
    weight.zero_()
    for row in range(2):
        for column in range(2):
            for c in range(channels_in):
                weight[(2 * row + column) * channels_in + c, c, row, column] = 1.0


def _copies(count: int) -> list[tuple[int, float, float]]:
    """(component, offset, sign) of every channel before the norm; offsets and signs cancel out."""
    out = []
    for k in range(count):
        if k < FOUR_COPIES:
            out += [(k, o, s) for o in (OFFSET, -OFFSET) for s in (1.0, -1.0)]
        else:
            out += [(k, OFFSET, 1.0), (k, -OFFSET, -1.0)]
    return out


@torch.no_grad()
def set_encoder(model: AutoencoderKLFlux2, found: Components) -> None:
    """Fill encoder, quant_conv and the statistics of `bn`."""
    count = model.config.latent_channels - 1
    encoder = model.encoder
    width = encoder.conv_in.out_channels
    copies = _copies(count)
    if len(copies) > width or width < 48:
        raise ValueError("the encoder is too narrow")
    if found.small.shape[0] != width:
        raise ValueError(f"{width} components of 8x8 blocks are needed")
    convolutions = [b.downsamplers[0].conv for b in encoder.down_blocks[:4]]
    for p in (encoder.conv_in, *convolutions):
        p.weight.zero_()
        p.bias.zero_()
    for c in range(3):
        encoder.conv_in.weight[c, c, 1, 1] = 1.0
    first, second, third, fourth = convolutions
    _unfold(3, first.weight)
    _unfold(12, second.weight)
    for row, column, c, inner in _inner_channels():
        taps = torch.from_numpy(found.small[:, (row * 8 + column) * 3 + c])
        third.weight[:, inner, row // 4, column // 4] = taps
    for channel, (k, offset, sign) in enumerate(copies):
        direction = (found.large[k] / found.spread[k]).astype(np.float32)
        taps = torch.from_numpy(direction.reshape(2, 2, width))
        fourth.weight[channel, :, :2, :2] = sign * taps.permute(2, 0, 1)
        fourth.bias[channel] = offset - sign * float(direction @ found.mean)
    for channel in range(len(copies), width):
        fourth.bias[channel] = OFFSET if channel % 2 else -OFFSET
    encoder.conv_norm_out.weight.fill_(1.0)
    encoder.conv_norm_out.bias.fill_(LINEAR)
    sigma = float(np.sqrt(OFFSET**2 + len(copies) / width))  # components have unit variance
    encoder.conv_out.weight.zero_()
    encoder.conv_out.bias.zero_()
    for channel, (k, offset, sign) in enumerate(copies):
        share = sigma * sign / (4 if k < FOUR_COPIES else 2)
        encoder.conv_out.weight[k, channel, 1, 1] = share
        encoder.conv_out.bias[k] -= share * (LINEAR + offset / sigma)
    latents = count + 1
    encoder.conv_out.bias[latents:] = -6.0  # log-variance; the mode is what everyone uses
    model.quant_conv.weight.copy_(torch.eye(2 * latents)[:, :, None, None])
    model.quant_conv.bias.zero_()
    wanted = NOISE_SCALE * SPREAD * (found.spread / found.spread[0]) ** EXPONENT
    variance = torch.ones(latents)
    variance[:count] = torch.from_numpy((1 / wanted**2).astype(np.float32))
    model.bn.running_mean.zero_()
    model.bn.running_var.copy_(variance.repeat_interleave(4))
    model.post_quant_conv.weight[:, count] = 0.0


@torch.no_grad()
def linear_map(model: AutoencoderKLFlux2) -> tuple[torch.Tensor, torch.Tensor]:
    """What the encoder computes, as one matrix: latents = block (768,) @ matrix (768, C) + (C,).

    A block is 16x16x3, flattened as (row, column, colour), in [-1, 1]. Fifty times faster than the
    convolutions, and equal to them up to the group norm's small error.
    """
    count = model.config.latent_channels - 1
    convolutions = [b.downsamplers[0].conv for b in model.encoder.down_blocks[:4]]
    third, fourth = convolutions[2:]
    width = third.weight.shape[0]
    small = torch.zeros(width, 8, 8, 3)
    for row, column, c, inner in _inner_channels():
        small[:, row, column, c] = third.weight[:, inner, row // 4, column // 4]
    matrix, offset = torch.zeros(16, 16, 3, count + 1), torch.zeros(count + 1)
    first = {}
    for channel, (k, constant, sign) in enumerate(_copies(count)):
        if k not in first and sign > 0 and constant > 0:
            first[k] = channel
    for k, channel in first.items():
        taps = fourth.weight[channel, :, :2, :2]
        for row in range(2):
            for column in range(2):
                part = torch.einsum("w,wyxc->yxc", taps[:, row, column], small)
                matrix[8 * row : 8 * row + 8, 8 * column : 8 * column + 8, :, k] = part
        offset[k] = fourth.bias[channel] - OFFSET
    return matrix.reshape(768, count + 1), offset


@torch.no_grad()
def linear_pictures(
    model: AutoencoderKLFlux2, latents: torch.Tensor, mean: torch.Tensor
) -> torch.Tensor:
    """Latents (N, C, H, W) as pictures (N, 3, 16 H, 16 W): the sum of their components, no network.

    mean: the average block (768,), which stands for all that the components do not span.
    """
    matrix, offset = (part[..., :-1] for part in linear_map(model))
    inverse = torch.linalg.pinv(matrix)
    n, _, h, w = latents.shape
    values = latents[:, :-1].permute(0, 2, 3, 1) - offset
    blocks = (values - mean @ matrix) @ inverse + mean
    pictures = blocks.reshape(n, h, w, 16, 16, 3).permute(0, 5, 1, 3, 2, 4)
    return pictures.reshape(n, 3, 16 * h, 16 * w).clamp(-1, 1)
