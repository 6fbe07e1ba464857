"""The denoiser: diffusers' `Flux2Transformer2DModel`, small, with its text encoder."""

from __future__ import annotations

import torch
from diffusers import Flux2Transformer2DModel
from torch import nn

from .autoencoder import LATENT_CHANNELS
from .layout import TEXT_LAYERS, TEXT_TOKENS, Slot
from .text import TEXT_WIDTH, build_text_encoder


def build_transformer() -> Flux2Transformer2DModel:
    return Flux2Transformer2DModel(
        patch_size=1,
        in_channels=4 * LATENT_CHANNELS,
        num_layers=2,
        num_single_layers=4,
        attention_head_dim=48,
        num_attention_heads=3,
        joint_attention_dim=TEXT_WIDTH * len(TEXT_LAYERS),
        timestep_guidance_channels=128,
        mlp_ratio=3.0,
        axes_dims_rope=(8, 16, 16, 8),
        rope_theta=2000,
        guidance_embeds=False,
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


class Denoiser(nn.Module):
    """Prompt tokens, noisy target and references in; velocity of the target out."""

    def __init__(self) -> None:
        super().__init__()
        self.text_encoder = build_text_encoder()
        self.transformer = build_transformer()

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
        noisy: torch.Tensor,
        time: torch.Tensor,
        text: torch.Tensor,
        references: torch.Tensor,
        ids: torch.Tensor,
    ) -> torch.Tensor:
        """noisy (N, T, C), time (N,), text (N, L, W), references (N, R, C), ids (T + R, 4)."""
        n = len(noisy)
        out = self.transformer(
            hidden_states=torch.cat([noisy, references], dim=1),
            encoder_hidden_states=text,
            timestep=time,
            img_ids=ids[None].expand(n, -1, -1),
            txt_ids=text_ids(text.shape[1])[None].expand(n, -1, -1),
        )
        return out.sample[:, : noisy.shape[1]]
