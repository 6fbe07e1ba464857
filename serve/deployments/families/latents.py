"""Tensor shapes of the FLUX.2 family: pictures, latents, tokens, position ids.

Pure functions on tensors with batch size 1. A latent is (1, c, h, w); 2x2 patches of it become one
token, so tokens are (1, h/2 * w/2, 4c). Position ids are (t, height, width, layer); the target has
t = 0 and every reference slot its own t, so that a missing reference does not move the others.
"""

from __future__ import annotations

import torch
from torch import Tensor

from workspace.types import RGB


def picture_to_tensor(picture: RGB, dtype: torch.dtype) -> Tensor:
    """Turn uint8 (h, w, 3) into (1, 3, h, w) between -1 and 1."""
    values = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].to(torch.float32)
    return (values / 255.0 * 2.0 - 1.0).to(dtype)


def tensor_to_picture(values: Tensor) -> RGB:
    """Turn (1, 3, h, w) between -1 and 1 into uint8 (h, w, 3)."""
    scaled = (values[0].float() / 2 + 0.5).clamp(0, 1).permute(1, 2, 0) * 255
    picture: RGB = scaled.round().to(torch.uint8).cpu().numpy()
    return picture


def patchify(latent: Tensor) -> Tensor:
    """(1, c, h, w) -> (1, 4c, h/2, w/2)."""
    one, channels, height, width = latent.shape
    cut = latent.reshape(one, channels, height // 2, 2, width // 2, 2).permute(0, 1, 3, 5, 2, 4)
    return cut.reshape(one, channels * 4, height // 2, width // 2)


def unpatchify(patches: Tensor) -> Tensor:
    """(1, 4c, h, w) -> (1, c, 2h, 2w)."""
    one, channels, height, width = patches.shape
    cut = patches.reshape(one, channels // 4, 2, 2, height, width).permute(0, 1, 4, 2, 5, 3)
    return cut.reshape(one, channels // 4, height * 2, width * 2)


def to_tokens(patches: Tensor) -> Tensor:
    """(1, c, h, w) -> (1, h*w, c)."""
    return patches.flatten(2).transpose(1, 2).contiguous()


def from_tokens(tokens: Tensor, height: int, width: int) -> Tensor:
    """(1, h*w, c) -> (1, c, h, w)."""
    one, _, channels = tokens.shape
    return tokens.transpose(1, 2).reshape(one, channels, height, width)


def grid_ids(height: int, width: int, t: int) -> Tensor:
    """Position ids of a picture of height x width tokens."""
    one = torch.arange(1)
    ids = torch.cartesian_prod(one + t, torch.arange(height), torch.arange(width), one)
    return ids[None]


def text_ids(text: Tensor) -> Tensor:
    """Position ids of (1, m, d) text tokens: only the last coordinate counts up."""
    zero = torch.arange(1)
    return torch.cartesian_prod(zero, zero, zero, torch.arange(text.shape[1]))[None]


def noise(seed: int, channels: int, height: int, width: int) -> Tensor:
    """Starting noise of one picture. Drawn on the CPU, so every device starts from the same."""
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn((1, channels, height, width), generator=generator, dtype=torch.float32)
