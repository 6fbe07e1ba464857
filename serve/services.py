"""What the routes work with: one frozen object, made once by the composition root.

`make_services` wires the parts that belong together (pipeline parts, dispatcher); it reads no
settings and starts nothing. `services.dispatcher.start()` does, or the application's lifespan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from compliance.content import PromptRules, shipped_rules
from compliance.guidelines import Guidelines
from compliance.marks.labels import Labels, load_labels
from compliance.own_photos import OwnPhotoRules, shipped_own_photos
from compliance.provenance import ProvenanceConfig, open_marker
from compliance.retention import RetentionRules
from compliance.safety import SafetyGate, SafetyLimits
from compliance.synthetic import SyntheticTexts, load_synthetic
from identity.cast import Cast
from identity.limits import Limits
from serve import VERSION
from serve.callers.provider import Provider
from serve.callers.ways_in import WaysIn
from serve.custody import withdrawal
from serve.dispatcher import Dispatcher, Policy
from serve.line.stages import Parts
from serve.settings import PROJECT
from serve.work.in_process import InProcess
from workspace.plans import Plan
from workspace.ports import Diffusion, FaceEncoder, Fleet, Safety
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import Caller

MIB = 1 << 20
SCRATCH = PROJECT / "configs" / "guidelines" / "synthetic"


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a route may call."""

    parts: Parts  # registry, plans, ports and clock, as the pipeline has them
    dispatcher: Dispatcher
    guidelines: Guidelines
    limits: Limits
    max_upload_bytes: int  # one request body, all files together
    session_hours: int
    fleet: Fleet
    pack_shelves: tuple[Path, ...] = ()  # where packs lie
    own_photos: OwnPhotoRules = field(default_factory=shipped_own_photos)
    scratch: SyntheticTexts = field(default_factory=lambda: load_synthetic(SCRATCH))
    cast: Cast | None = None  # fictional people who come with the pack
    ways_in: WaysIn = field(default_factory=WaysIn)
    provider: Provider | None = None  # of sign-ins; None: there is none

    @property
    def registry(self) -> Registry:
        return self.parts.registry

    @property
    def plans(self) -> Mapping[str, Plan]:
        return self.parts.plans

    @property
    def retention(self) -> RetentionRules:
        return self.parts.retention

    @property
    def encoder(self) -> FaceEncoder:
        return self.parts.encoder

    @property
    def diffusion(self) -> Diffusion:
        return self.parts.diffusion

    def now(self) -> datetime:
        """The present time, in UTC."""
        return self.parts.clock()

    def store_of(self, caller: Caller) -> WorkspaceStore:
        """Open the caller's own store.

        Raises:
            Locked: its workspace is locked.
        """
        return self.registry.store(caller.workspace_id)


def utc_now() -> datetime:
    """The clock of the real thing."""
    return datetime.now(UTC)


def make_services(
    registry: Registry,
    plans: Mapping[str, Plan],
    guidelines: Guidelines,
    limits: Limits,
    diffusion: Diffusion,
    encoder: FaceEncoder,
    safety: Safety,
    *,
    provenance: ProvenanceConfig | None = None,
    labels: Labels | None = None,
    retention: RetentionRules | None = None,
    safety_limits: SafetyLimits | None = None,
    content: PromptRules | None = None,
    fleet: Fleet | None = None,
    pack_shelves: tuple[Path, ...] = (),
    own_photos: OwnPhotoRules | None = None,
    scratch: SyntheticTexts | None = None,
    cast: Cast | None = None,
    ways_in: WaysIn | None = None,
    max_upload_mib: int = 64,
    session_hours: int = 12,
    max_waiting: int = 500,
    lease_seconds: float = 60.0,
    max_attempts: int = 3,
    workers: int = 1,
    clock: Callable[[], datetime] = utc_now,
) -> Services:
    """Wire the service.

    Args:
        provenance: Whose certificate signs pictures; None for a development certificate.
        labels: Visible labels; None for those that ship.
        retention: How long things are kept; None for the numbers that ship.
        safety_limits: From which score on nudity is refused; None for the numbers that ship.
        content: What prompts may not ask for; None for the word lists that ship.
        fleet: Who knows the processes; None where all is this one.
        pack_shelves: Folders that hold packs, for whoever runs the appliance to see.
        own_photos: What is declared of own photos; None for the words that ship.
        scratch: Words and boxes of people made from scratch; None for those that ship.
        cast: Fictional people who come with the pack; None where it has none.
        ways_in: How people sign in; None for names and passwords.
        workers: Batches rendered at the same time: one per diffusion replica.

    Raises:
        MarkingFailed: the certificate can't sign, so no picture could ever leave.
        Fault: the register of the erased can't be written, so nobody could ever be erased.
    """
    registry.erase_again = withdrawal.erase_again
    registry.tombstones.check()
    _ = registry.signer  # made before the first backup, so that what is put back signs alike
    marker = open_marker(registry, provenance or ProvenanceConfig(), VERSION, clock())
    parts = Parts(
        registry,
        plans,
        diffusion,
        encoder,
        marker,
        labels or load_labels(PROJECT / "configs" / "labels"),
        clock,
        max_waiting,
        SafetyGate(safety, safety_limits or SafetyLimits()),
        retention=retention or RetentionRules(),
        content=content or shipped_rules(),
    )
    dispatcher = Dispatcher(parts, Policy(lease_seconds, max_attempts, workers))
    return Services(
        parts=parts,
        dispatcher=dispatcher,
        guidelines=guidelines,
        limits=limits,
        max_upload_bytes=max_upload_mib * MIB,
        session_hours=session_hours,
        fleet=fleet or InProcess(diffusion, dispatcher.drawing),
        pack_shelves=pack_shelves,
        own_photos=own_photos or shipped_own_photos(),
        scratch=scratch or load_synthetic(SCRATCH),
        cast=cast,
        ways_in=ways_in or WaysIn(),
        provider=Provider(ways_in.client) if ways_in and ways_in.client else None,
    )
