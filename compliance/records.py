"""Records that a brand's data protection officer starts from: Art. 30 and DPIA, pre-filled.

What the appliance knows is filled in: what is processed, for what, how long, how it is protected,
and the figures of this workspace. What only the company knows stays as a line that begins with
`TO FILL`. Pure, but for `figures`, which counts rows and reads the consents in force. No names, no
prompts. It is a start, no legal advice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from compliance import consent, policy, retention, retention_page
from compliance.retention import RetentionRules
from workspace.errors import SealBroken
from workspace.store import WorkspaceStore

_FILL = "TO FILL: "


@dataclass(frozen=True, slots=True)
class Figures:
    """What is there now: counts and codes."""

    workspace: str
    models: dict[str, int]  # status -> how many
    purposes: tuple[str, ...]  # of the consents in force
    channels: tuple[str, ...]
    territories: tuple[str, ...]
    images: int
    two_person: bool
    results_days: int | None
    policy_url: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """One heading with its lines."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A whole document."""

    title: str
    made_at: str
    note: str
    parts: tuple[Part, ...]

    def as_json(self) -> dict[str, Any]:
        """Show it as plain JSON."""
        return asdict(self)

    def as_markdown(self) -> str:
        """Write it as a page to edit."""
        lines = [f"# {self.title}", f"Made at {self.made_at}. {self.note}"]
        for part in self.parts:
            lines += [f"## {part.title}", "\n".join(f"- {line}" for line in part.lines)]
        return "\n\n".join(lines) + "\n"


def figures(store: WorkspaceStore, rules: RetentionRules, now: datetime) -> Figures:
    """Count what is there.

    Raises:
        SealBroken: the workspace's policy was changed or damaged.
    """
    rules_here = policy.read(store)
    counted: Counter[str] = Counter()
    words: dict[str, set[str]] = {"purposes": set(), "channels": set(), "territories": set()}
    for row in store.db.query("SELECT id, status FROM models WHERE kind <> 'synthetic'"):
        counted[row["status"]] += 1
        with suppress(SealBroken):  # `doctor` lists what is damaged
            given = consent.current(store, row["id"])
            if given is not None and consent.in_force(given, now):
                for name, found in words.items():
                    found.update(getattr(given.terms, name))
    return Figures(
        workspace=store.workspace.name,
        models=dict(sorted(counted.items())),
        purposes=tuple(sorted(words["purposes"])),
        channels=tuple(sorted(words["channels"])),
        territories=tuple(sorted(words["territories"])),
        images=store.count("images"),
        two_person=rules_here.two_person,
        results_days=rules_here.results_days,
        policy_url=retention.page_url(store, rules),
    )


def processing_record(known: Figures, rules: RetentionRules, now: datetime) -> Record:
    """Art. 30 GDPR: the record of processing activities of the controller."""
    return Record(
        f"Record of processing activities (Art. 30 GDPR): custom models of {known.workspace}",
        now.isoformat(),
        "Pre-filled by the appliance; check every line. No legal advice.",
        (
            Part(
                "Controller",
                (
                    _FILL + "name and contact of the controller, its representative, its data "
                    "protection officer",
                ),
            ),
            Part(
                "Purposes",
                (
                    "Pictures of products worn by a person who agreed to it, made by a generative "
                    "network on the controller's own machines.",
                    f"Purposes of the consents in force: {_listed(known.purposes)}",
                    f"Channels: {_listed(known.channels)}",
                    f"Territories: {_listed(known.territories)}",
                ),
            ),
            Part(
                "Legal basis",
                (
                    "Explicit consent, Art. 6(1)(a) and 9(2)(a): recorded with its text hashes, "
                    "who ticked, when, and the signed forms.",
                    _FILL + "contract with the person or the agency, if there is one beside it",
                ),
            ),
            Part(
                "Categories of persons and data",
                (
                    "Models: name, gender as stated, a full-body photo, a close-up, a face vector "
                    "(biometric data, Art. 9), signed forms, terms, pay, uses, pictures.",
                    "Staff: ids of API keys and people in the audit log, names of accounts.",
                    f"Models now, by status: {_counts(known.models)}; pictures: {known.images}",
                ),
            ),
            Part(
                "Recipients and transfers",
                (
                    "None by the appliance: it sends nothing anywhere and has no telemetry.",
                    _FILL + "who receives published pictures; transfers to third countries",
                ),
            ),
            Part("Time limits for erasure", _limits(known, rules)),
            Part("Security, Art. 32", _MEASURES),
        ),
    )


def dpia(known: Figures, rules: RetentionRules, now: datetime) -> Record:
    """Art. 35 GDPR: the start of a data protection impact assessment."""
    return Record(
        f"Data protection impact assessment (Art. 35 GDPR): custom models of {known.workspace}",
        now.isoformat(),
        "Pre-filled by the appliance; the assessment is yours. No legal advice.",
        (
            Part(
                "What is done, and why",
                (
                    "A person is enrolled from two photos after a written consent. A face vector "
                    "is computed only after the consent is on record. Pictures are drawn, scored "
                    "against the face, marked as made by a machine, and kept encrypted.",
                    f"Purposes: {_listed(known.purposes)}; channels: {_listed(known.channels)}; "
                    f"territories: {_listed(known.territories)}",
                    _FILL + "why this is needed, and which milder means were considered",
                ),
            ),
            Part(
                "Necessity and proportion",
                (
                    "Every picture is asked of the consent three times: when it is requested, "
                    "before it is drawn, before it is stored. What is not covered is refused.",
                    "A face is compared within one workspace only: with its own photos, with the "
                    "pictures made of it, and once with the workspace's other models.",
                    "No training of networks, no search for persons, no sale.",
                    *_limits(known, rules),
                ),
            ),
            Part(
                "Rights of the person",
                (
                    f"Information: policy at {known.policy_url or _FILL + 'its address'}; access "
                    "and portability: the subject export; pause and withdrawal: at once, one step.",
                    "Erasure: keys destroyed, with a signed certificate; copies that are put back "
                    "are erased again.",
                    _FILL + "how the person reaches you",
                ),
            ),
            Part(
                "Risks, and what is done against them",
                (
                    "Use outside of the consent: refused in the serving path, audited.",
                    "Somebody inside looks without need: roles, the admin sees no likeness, every "
                    "look is audited; break-glass needs a reason.",
                    "Two people are needed to activate a person."
                    if known.two_person
                    else "Two people to activate a person: off in this workspace (policy).",
                    "Pictures taken for real photos: signed manifest, watermark, visible labels.",
                    "Intimate or degrading pictures: word lists and a classifier; no switch.",
                    "Theft of disks or backups: everything is sealed; the root key is kept apart "
                    "if you mount it from elsewhere.",
                    "Minors: attestation, and the look of your people; the appliance can't tell.",
                    _FILL + "likelihood and severity of each for the persons concerned",
                    _FILL + "what remains, who accepts it, and when it is looked at again",
                ),
            ),
            Part("Measures", _MEASURES),
            Part(
                "Advice", (_FILL + "opinion of the data protection officer, views of the models",)
            ),
        ),
    )


_MEASURES = (
    "AES-256-GCM, one key per object, wrapped by a key per workspace, wrapped by the root key.",
    "Replicas that draw hold no keys; what they get is sealed to them.",
    "Append-only audit log, hash-chained, with signed checkpoints; sensitive values as keyed "
    "hashes only.",
    "Roles and scopes; other workspaces are not found; sign-in is throttled.",
    "No data leaves the machine; models and fonts are local.",
    _FILL + "physical protection, backups and how long they live, patching, contacts for incidents",
)


def _limits(known: Figures, rules: RetentionRules) -> tuple[str, ...]:
    days = known.results_days
    results = (
        "no limit was set in this workspace"
        if days is None
        else f"{days} days"
        if days
        else f"destroyed once fetched, at the latest after {rules.unfetched_hours} hours"
    )
    return (
        f"Person: {rules.grace_days} days after the consent ended, when the purpose is met, or "
        f"{rules.last_interaction_days} days after the last interaction; withdrawal: at once.",
        f"Enrolments that were begun only: {rules.draft_hours} hours after the last change, "
        f"at the latest {rules.draft_most_days} days after they were begun; "
        "two photos and what was entered, encrypted, for whoever began them; no biometric data.",
        f"Results: {results}; pictures of a person go with the person in any case.",
        "Afterwards: ids, codes, times and hashes only (proof, pay); the audit log is kept.",
        f"Published policy: {known.policy_url or _FILL + 'none yet; nobody can be enrolled'}"
        f" (version {rules.version}, text {retention_page.digest(rules)[:16]}).",
    )


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) if words else "none now"


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.items()) or "none"
