"""The appliance's own retention and destruction policy, in plain words with the numbers in force.

Pure. Shown at `/policy` without sign-in, so that a person can read it before anything of them is
taken, and part of the exports. The text has a hash; the version is in `configs/retention.toml`.
A workspace may publish a policy of its own instead (`retention_url`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from compliance.retention import RetentionRules

TITLE = "How long we keep what belongs to a person, and how it is destroyed"


@dataclass(frozen=True, slots=True)
class Section:
    """One heading with its paragraphs."""

    title: str
    paragraphs: tuple[str, ...]


def sections(rules: RetentionRules) -> tuple[Section, ...]:
    """Write the policy with these numbers."""
    grace, longest = _days(rules.grace_days), _span(rules.last_interaction_days)
    hours, undecided = _hours(rules.unfetched_hours), _days(rules.undecided_days)
    return (
        Section(
            "What this is about",
            (
                "This appliance makes pictures that show a person who agreed to it. For that it "
                "keeps two photos of the person, and measures of the face that are computed from "
                "them (biometric data). The company that runs the appliance is responsible for "
                "them; ask it who decides there, and how to reach them.",
                "Nothing is measured before the person's written consent is on record. Everything "
                "is kept encrypted, each thing under a key of its own, on the company's own "
                "machines. Nothing is sold, leased, traded or sent elsewhere, and no other "
                "system is trained with it.",
            ),
        ),
        Section(
            "What is kept, and for how long",
            (
                "Photos, face measures, the name, the signed forms and every picture of the "
                "person: until the first of these days.",
                f"- The consent has ended, and {grace} have passed in which it could have been "
                "renewed. From the end of the consent on, no picture is made."
                if rules.grace_days
                else "- The consent has ended.",
                "- The purpose is met: the company says on which day.",
                f"- {longest} after the person last agreed to something or last used their own "
                "page, however much the company uses the pictures.",
                "- The person withdraws. It takes effect at once.",
                "Photos that are only checked, and enrolments that are refused, leave no photo and "
                "no face measure behind. An enrolment that was begun and not finished is kept, "
                "encrypted, for whoever began it and for nobody else; nothing is measured. It is "
                f"destroyed {_hours(rules.draft_hours)} after its last change, at the latest "
                f"{_days(rules.draft_most_days)} after it was begun, or as soon as it is "
                "discarded.",
                "The company may set a number of days after which pictures are destroyed sooner. "
                "Where it asked not to store them, they go as soon as they were fetched, and at "
                f"the latest after {hours}. A picture that waits for the person's approval "
                f"is kept for the answer then, for {undecided} at most.",
            ),
        ),
        Section(
            "What stays afterwards",
            (
                "Numbers and times without a name: that there was a consent and what it allowed, "
                "how many pictures were made and published for which purpose (pay depends on it), "
                "the log of what was done, and the certificate of the destruction. The signed "
                "forms are named there by a checksum only.",
                "Pictures that were published before are outside of this appliance; the company "
                "can list them, and has to take them back where the agreement says so.",
            ),
        ),
        Section(
            "How it is destroyed",
            (
                "The keys are destroyed first, and overwritten on the appliance's disks: what they "
                "sealed can't be read any more. Then the files are removed.",
                "A backup that was made before still holds the old keys until the company deletes "
                "it. A register outside of the appliance's storage remembers who was erased, so "
                "that a backup that is put back is erased again before anybody can use it.",
                "A certificate lists what was destroyed, when and why. It is signed, and anybody "
                "can check it with the appliance's public key.",
            ),
        ),
        Section(
            "How to withdraw",
            (
                "Withdrawing is as easy as agreeing: on your own page, if the company gave you a "
                "link to it, or by telling the company, which needs one step for it. You need "
                "give no reason. You can also ask for a copy of everything that is kept about you.",
            ),
        ),
    )


def digest(rules: RetentionRules) -> str:
    """SHA-256 of the text with these numbers."""
    words = "\n".join(
        line for section in sections(rules) for line in (section.title, *section.paragraphs)
    )
    return hashlib.sha256(words.encode()).hexdigest()


def as_markdown(rules: RetentionRules) -> str:
    """The whole text, for exports."""
    lines = [f"# {TITLE}", f"Version {rules.version}"]
    for section in sections(rules):
        lines += [f"## {section.title}", *section.paragraphs]
    return "\n\n".join(lines).replace("\n\n- ", "\n- ") + "\n"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _hours(count: int) -> str:
    return "1 hour" if count == 1 else f"{count} hours"


def _span(days: int) -> str:
    years, rest = divmod(days, 365)
    if rest or not years:
        return _days(days)
    return "One year" if years == 1 else f"{years} years"
