"""What a caller asked for: one generation, free of wire and storage. Pure.

`Asked` is what the queue keeps sealed and what the pipeline starts from. It holds the prompt as
it was written; resolving and admitting happen anew each time it is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from workspace.types import ModelId, ProductId, Tool

SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for 1 to 4 pictures."""

    tool: Tool
    prompt: str
    model_id: ModelId | None
    product_ids: tuple[ProductId, ...]
    n: int
    aspect_ratio: str
    seed: int
    purpose: str
    channel: str
    territories: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    refined_from: str | None = None
    label: str = "auto"  # visible label: "auto", "none" or a preset
    label_reason: str = ""  # why `label` is "none"
    campaign: str | None = None  # its id once it was found, else as the caller named it
    picture_id: str | None = None  # the own photo that background_swap works on
    candidate_id: str | None = None  # whose close-up is drawn, with the full body as reference

    def seed_of(self, k: int) -> int:
        """Seed of image k, counted from 0; wraps around after 2^32 - 1."""
        return (self.seed + k) % SEEDS

    @property
    def compat_key(self) -> str:
        """Generations with equal keys may share a batch: same size, steps and references."""
        return (
            f"{self.aspect_ratio}|model={int(self.model_id is not None)}"
            + (f"|products={len(self.product_ids)}")
            + ("|candidate" if self.candidate_id else "")
        )

    def for_audit(self) -> dict[str, str | int | None]:
        """What the audit log may say in clear: no prompt, no name, no metadata."""
        return {
            "tool": self.tool.value,
            "model_id": self.model_id,
            "n": self.n,
            "purpose": self.purpose,
            "channel": self.channel,
            "territories": ",".join(self.territories),
            "label": self.label,
            "campaign": self.campaign if (self.campaign or "").startswith("cmp_") else None,
        }

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for the sealed part of a row."""
        return {**asdict(self), "metadata": dict(self.metadata)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Asked:
        """Read what `to_json` wrote."""
        return cls(
            **{
                **raw,
                "tool": Tool(raw["tool"]),
                "product_ids": tuple(raw["product_ids"]),
                "territories": tuple(raw["territories"]),
            }
        )
