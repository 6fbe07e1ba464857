"""The torch engine: a diffusers transformer, eager, in full precision on a CPU.

NOTE: rows are never stacked. A matrix product over several rows may round differently from the
same product over one row, and then a picture would depend on what shared its batch. Measured on a
2-core CPU, stacking saves little (docs/adr/0008-one-row-at-a-time.md), so each row runs alone and
the picture is the same bytes alone or in any batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Row:
    """What the transformer reads for one picture at one step; tensors have batch size 1."""

    tokens: Tensor  # (1, n, c): target latents, then reference latents
    token_ids: Tensor  # (1, n, 4): t, height, width, layer
    text: Tensor  # (1, m, d)
    text_ids: Tensor  # (1, m, 4)
    timestep: Tensor  # (1,): 1 is pure noise, 0 is a finished picture


class TorchEngine:
    """Runs a loaded transformer module."""

    name = "torch"

    def __init__(self, transformer: Any) -> None:
        self._transformer = transformer.eval()
        self._dtype = next(transformer.parameters()).dtype
        self.channels = int(transformer.config.in_channels)  # numbers per token

    def velocity(self, row: Row) -> Tensor:
        """Predict where the tokens move, (1, n, c) in float32."""
        (out,) = self._transformer(
            hidden_states=row.tokens.to(self._dtype),
            encoder_hidden_states=row.text.to(self._dtype),
            timestep=row.timestep.to(self._dtype),
            img_ids=row.token_ids,
            txt_ids=row.text_ids,
            guidance=None,
            return_dict=False,
        )
        return out.float()
