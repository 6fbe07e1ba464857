"""Sets the encoder of `AutoencoderKLFlux2` by hand: principal components of 8x8 pixel blocks.

The class has normalisations and non-linearities on the way; they are made harmless, not removed:
- the three strided convolutions copy pixels into channels (2x2, then 4x4 blocks) and project;
- residual branches are silent (their last convolution is zero);
- the group norm sees every signal together with its negative on top of large constant offsets, so
  that mean and spread hardly depend on the picture;
- SiLU works around +14, where it is the identity to six digits.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKLFlux2

OFFSET = 8.0  # the constant under every signal, in standard deviations of a component
LINEAR = 14.0  # where SiLU(x) = x
FOUR_COPIES = 4  # the first components have a non-zero mean: they need both offsets and both signs
SPREAD, EXPONENT = 1.6, 0.35  # spread of normalised latents: SPREAD * (relative size) ** EXPONENT


def block_components(pictures: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
    """Mean (192,), components (count, 192) and their standard deviations of 8x8x3 blocks.

    pictures: (N, H, W, 3) uint8. A block is flattened as (row, column, colour).
    """
    x = pictures.astype(np.float32) / 127.5 - 1
    n, h, w, _ = x.shape
    blocks = x.reshape(n, h // 8, 8, w // 8, 8, 3).transpose(0, 1, 3, 2, 4, 5).reshape(-1, 192)
    mean = blocks.mean(0)
    values, vectors = np.linalg.eigh(np.cov((blocks - mean).T))
    order = np.argsort(values)[::-1][:count]
    return mean, vectors[:, order].T, np.sqrt(values[order])


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
def set_encoder(model: AutoencoderKLFlux2, pictures: np.ndarray) -> None:
    """Fill encoder, quant_conv and the statistics of `bn` from example pictures (uint8)."""
    count = model.config.latent_channels
    mean, components, spread = block_components(pictures, count)
    encoder = model.encoder
    width = encoder.conv_in.out_channels
    copies = _copies(count)
    if len(copies) > width or width < 48:
        raise ValueError("the encoder is too narrow")
    for p in (encoder.conv_in, *(b.downsamplers[0].conv for b in encoder.down_blocks[:3])):
        p.weight.zero_()
        p.bias.zero_()
    for c in range(3):
        encoder.conv_in.weight[c, c, 1, 1] = 1.0
    first, second, third = (b.downsamplers[0].conv for b in encoder.down_blocks[:3])
    _unfold(3, first.weight)
    _unfold(12, second.weight)
    # where pixel (row, column, colour) of an 8x8 block ends up: third tap, then channel
    for channel, (k, offset, sign) in enumerate(copies):
        direction = torch.from_numpy((components[k] / spread[k]).astype(np.float32))
        for row in range(8):
            for column in range(8):
                for c in range(3):
                    tap = (row // 4, column // 4)
                    inner = (2 * (row // 2 % 2) + column // 2 % 2) * 12
                    inner += (2 * (row % 2) + column % 2) * 3 + c
                    value = direction[(row * 8 + column) * 3 + c]
                    third.weight[channel, inner, tap[0], tap[1]] = sign * value
        shift = float((components[k] * mean).sum() / spread[k])
        third.bias[channel] = offset - sign * shift
    for channel in range(len(copies), width):
        third.bias[channel] = OFFSET if channel % 2 else -OFFSET
    encoder.conv_norm_out.weight.fill_(1.0)
    encoder.conv_norm_out.bias.fill_(LINEAR)
    used = sum(1.0 for _ in copies) / width
    sigma = float(np.sqrt(OFFSET**2 + used))  # every component has unit variance
    encoder.conv_out.weight.zero_()
    encoder.conv_out.bias.zero_()
    for channel, (k, offset, sign) in enumerate(copies):
        share = sigma * sign / (4 if k < FOUR_COPIES else 2)
        encoder.conv_out.weight[k, channel, 1, 1] = share
        encoder.conv_out.bias[k] -= share * (LINEAR + offset / sigma)
    encoder.conv_out.bias[count:] = -6.0  # log-variance; the mode is what everyone uses
    model.quant_conv.weight.copy_(torch.eye(2 * count)[:, :, None, None])
    model.quant_conv.bias.zero_()
    wanted = SPREAD * (spread / spread[0]) ** EXPONENT
    model.bn.running_mean.zero_()
    variance = torch.from_numpy((1 / wanted**2).astype(np.float32))
    model.bn.running_var.copy_(variance.repeat_interleave(4))
