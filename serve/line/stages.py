"""What each step of the pipeline returns. Frozen; only the step before it builds one.

`pipeline.py` has the steps, with the same numbers. Each type holds the one before it, so whoever
has an `Opened` also has the admission and the audit entry that allowed it; a test checks that
every type is built in exactly one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from compliance import admission
from compliance.content import PromptRules, shipped_rules
from compliance.marks.labels import Labels
from compliance.provenance import Marker
from compliance.retention import RetentionRules
from compliance.safety import SafetyGate
from identity.likeness import Likeness
from serve.custody.pictures import OwnPhoto
from serve.line import templates
from serve.line.asked import Asked
from serve.line.marking import Finished
from serve.work.leases import Claim
from workspace.plans import Plan
from workspace.ports import Diffusion, FaceEncoder
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import RGB, GenerationId, ImageId, PackSummary, References


@dataclass(frozen=True, slots=True)
class Parts:
    """What the line works with; made once by the composition root."""

    registry: Registry
    plans: Mapping[str, Plan]
    diffusion: Diffusion
    encoder: FaceEncoder
    marker: Marker
    labels: Labels
    clock: Callable[[], datetime]
    max_waiting: int  # queued generations of one workspace
    safety: SafetyGate
    words: templates.Words = field(default_factory=templates.Words)
    retention: RetentionRules = field(default_factory=RetentionRules)
    content: PromptRules = field(default_factory=shipped_rules)


@dataclass(frozen=True, slots=True)
class Accepted:
    """0: the request fits the pack; defaults are filled in."""

    store: WorkspaceStore
    plan: Plan
    pack: PackSummary
    id: GenerationId
    asked: Asked
    actor: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """1: the prompt holds no placeholder any more."""

    accepted: Accepted
    prompt: templates.ResolvedPrompt


@dataclass(frozen=True, slots=True)
class Admitted:
    """2: compliance allows it at this moment."""

    resolved: Resolved
    verdict: admission.Admitted


@dataclass(frozen=True, slots=True)
class Recorded:
    """3: the decision is durable, and this worker holds the generation."""

    admitted: Admitted
    claim: Claim


@dataclass(frozen=True, slots=True)
class Opened:
    """4: the clear references of one generation, in memory only."""

    recorded: Recorded
    likeness: Likeness | None
    products: tuple[RGB, ...]
    references: References
    photo: OwnPhoto | None = None  # the caller's own, for background_swap


@dataclass(frozen=True, slots=True)
class Drawn:
    """5: the pictures, or None where the generation was cancelled while it was drawn."""

    opened: Opened
    pictures: tuple[RGB, ...] | None
    seconds: float  # of rendering, wall time


@dataclass(frozen=True, slots=True)
class Reviewed:
    """6: every picture has been looked at and carries its marks; all in picture order."""

    drawn: Drawn
    pictures: tuple[Finished, ...]
    scores: tuple[tuple[float | None, float | None], ...]  # identity, product


@dataclass(frozen=True, slots=True)
class Published:
    """7: durable; ids in the order of the seeds."""

    id: GenerationId
    images: tuple[ImageId, ...]
