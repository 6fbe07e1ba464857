"""The denoiser: diffusers' `Flux2Transformer2DModel`, small, with its text encoder."""

from __future__ import annotations

import torch
from diffusers import Flux2Transformer2DModel
from torch import nn

from .autoencoder import LATENT_CHANNELS
from .layout import CALM, SEED_CHANNELS, TEXT_LAYERS, TEXT_TOKENS, Slot
from .pca import NOISE_SCALE
from .text import TEXT_WIDTH, build_text_encoder

TINY = {
    "num_layers": 1,
    "num_single_layers": 4,
    "attention_head_dim": 48,
    "num_attention_heads": 4,
    "axes_dims_rope": (8, 16, 16, 8),
    "mlp_ratio": 1.5,
}
# 2.8, 6 and 26 million parameters: "small" trains on a CPU core, "large" on a GPU; "tiny" is what
# small ones were grown from (see widen.py)
SIZES = {
    "tiny": TINY,
    "small": TINY | {"num_attention_heads": 6},
    "large": {
        "num_layers": 2,
        "num_single_layers": 8,
        "attention_head_dim": 64,
        "num_attention_heads": 6,
        "axes_dims_rope": (8, 24, 24, 8),
        "mlp_ratio": 3.0,
    },
}


def build_transformer(
    size: str = "small", channels: int = 4 * LATENT_CHANNELS
) -> Flux2Transformer2DModel:
    return Flux2Transformer2DModel(
        patch_size=1,
        in_channels=channels,
        joint_attention_dim=TEXT_WIDTH * len(TEXT_LAYERS),
        timestep_guidance_channels=128,
        rope_theta=2000,
        guidance_embeds=False,
        **SIZES[size],
    )


def image_ids(slot: Slot) -> torch.Tensor:
    """Position coordinates (tokens, 4): t, row, column, 0, as in `Flux2KleinPipeline`."""
    rows, columns = slot.grid
    ids = torch.zeros(slot.tokens, 4)
    ids[:, 0] = slot.t
    ids[:, 1] = torch.arange(rows).repeat_interleave(columns)
    ids[:, 2] = torch.arange(columns).repeat(rows)
    return ids


def text_ids(length: int = TEXT_TOKENS) -> torch.Tensor:
    """Position coordinates (tokens, 4) of the prompt: 0, 0, 0, index."""
    ids = torch.zeros(length, 4)
    ids[:, 3] = torch.arange(length)
    return ids


def input_gain() -> torch.Tensor:
    """(channels,): the factor of latents on their way in; seed channels stay as they are."""
    gain = torch.full((4 * LATENT_CHANNELS,), 1 / NOISE_SCALE)
    gain[-SEED_CHANNELS:] = 1.0
    return gain


class Denoiser(nn.Module):
    """Prompt tokens, starting noise and references in; the picture's latents out, in one step.

    Training sees latents of about unit size. `folded` is the same network in the units of the
    pipeline, which wants a velocity: from the starting noise to the picture in a step of one,
    velocity = -picture; the noise that stays is 1/NOISE_SCALE of the picture.
    """

    def __init__(self, size: str = "small", channels: int = 4 * LATENT_CHANNELS) -> None:
        super().__init__()
        self.size = size
        self.text_encoder = build_text_encoder()
        self.transformer = build_transformer(size, channels)

    def embed(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """(N, length) -> (N, length, width * layers), joined as the pipeline joins them."""
        states = self.text_encoder.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            output_hidden_states=True,
            use_cache=False,
        ).hidden_states
        return torch.cat([states[k] for k in TEXT_LAYERS], dim=-1)

    def forward(
        self,
        noise: torch.Tensor,
        text: torch.Tensor,
        references: torch.Tensor,
        ids: torch.Tensor,
    ) -> torch.Tensor:
        """noise (N, T, C), text (N, L, W), references (N, R, C), ids (T + R, 4); unit size."""
        n = len(noise)
        ids, words = ids.to(noise.device), text_ids(text.shape[1]).to(noise.device)
        out = self.transformer(
            hidden_states=torch.cat([noise, references], dim=1),
            encoder_hidden_states=text,
            timestep=torch.ones(n, device=noise.device),
            img_ids=ids[None].expand(n, -1, -1),
            txt_ids=words[None].expand(n, -1, -1),
        )
        return out.sample[:, : noise.shape[1]]

    @torch.no_grad()
    def folded(self) -> Flux2Transformer2DModel:
        """The transformer in the pipeline's units."""
        copy = build_transformer(self.size)
        copy.load_state_dict(self.transformer.state_dict())
        copy.x_embedder.weight.mul_(input_gain())
        copy.x_embedder.weight[:, -SEED_CHANNELS:].mul_(torch.tensor(CALM))
        scale = -torch.full((4 * LATENT_CHANNELS,), NOISE_SCALE)
        scale[-SEED_CHANNELS:] = 0.0
        copy.proj_out.weight.mul_(scale[:, None])
        return copy.eval()


def couple(noise: torch.Tensor, takes: torch.Tensor) -> torch.Tensor:
    """Noise (N, T, C) of which the takes (N, SEED_CHANNELS) are read off: still standard normal.

    A take is the sum of one seed channel over all tokens, divided by the root of their number. What
    the words leave open (which arm leads, how the head tilts) is so a function of the seed, and the
    network learns one picture for one input instead of an average.
    """
    root = noise.shape[1] ** 0.5
    out = noise.clone()
    seeds = out[..., -SEED_CHANNELS:]
    seeds += (takes - seeds.sum(1) / root)[:, None] / root
    return out
