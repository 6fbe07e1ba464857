"""What a prompt may not ask for: forbidden uses, alterations that were not granted, children.

Pure, but for `load_rules`, which reads the word lists once.

The words are data in `configs/content/<language>.toml`; `wording.py` finds them in spite of simple
disguises. All languages are asked at once, because nobody says in which one a prompt is written.

- Intimate use is refused in every prompt, also without a custom model.
- With a custom model: its consent's `forbidden`, what is always forbidden, and children.
- Changes of hair, make-up, pose, garment, background or light need the consent's `alterations`.
  Ordinary light belongs to a scene; only light that changes how skin looks needs the grant.

Words are a gate, not a judge: what is not asked for in words is left to the look at the picture
(`Safety`), and competitors are only the names of `brands.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from compliance import wording
from compliance.terms import ALWAYS_FORBIDDEN
from workspace.errors import ContentRefused, Fault

INTIMATE = "intimate"
BRANDS = "competitor_brands"
_SHIPPED = Path(__file__).parents[1] / "configs" / "content"
_BRANDS_FILE = "brands.toml"
_PLAIN_WORDS: Mapping[str, str] = {
    "intimate": "intimate pictures",
    "political": "political use",
    "medical": "medical use",
    "defamatory": "pictures that put the person in a bad light",
    "body_reshape": "changes of the body",
    BRANDS: "other brands",
    "religious": "religious use",
    "gambling": "gambling",
    "alcohol_tobacco": "alcohol and tobacco",
    "hair": "other hair",
    "makeup": "other make-up",
    "lighting": "light that changes how the person looks",
    "pose": "other poses",
    "garment": "other clothes",
    "background": "other backgrounds",
}


@dataclass(frozen=True, slots=True)
class PromptRules:
    """All word lists, compiled."""

    version: str
    allowed: wording.Patterns
    minors: wording.Patterns
    forbidden: Mapping[str, wording.Patterns]
    alterations: Mapping[str, wording.Patterns]


def check_prompt(
    prompt: str,
    forbidden: Iterable[str] = (),
    alterations: Iterable[str] | None = None,
    rules: PromptRules | None = None,
) -> None:
    """Refuse a prompt that asks for what must not be drawn. The answer never repeats the prompt.

    Args:
        prompt: The words as the engine will read them.
        forbidden: The uses that the consent forbids.
        alterations: What the consent allows to change; None for a picture without a custom model.
        rules: The word lists; those that ship when it is left out.

    Raises:
        ContentRefused: names the clause.
    """
    rules = rules or shipped_rules()
    text = wording.read(prompt, rules.allowed)
    _ask(text, rules.forbidden, (INTIMATE,))
    if alterations is None:
        return
    if rules.minors.found(text):
        raise _refused("A custom model is an adult, and no child may be in its pictures.")
    _ask(text, rules.forbidden, dict.fromkeys((*ALWAYS_FORBIDDEN, *forbidden)))
    granted = frozenset(alterations)
    for name, patterns in rules.alterations.items():
        if name not in granted and patterns.found(text):
            raise _refused(f"The consent does not allow {_PLAIN_WORDS.get(name, name)} ({name}).")


def load_rules(folder: Path) -> PromptRules:
    """Read every language of a folder, and the brands.

    Raises:
        Fault: there is none, or one is not complete.
    """
    allowed: list[str] = []
    minors: list[str] = []
    forbidden: dict[str, list[str]] = {}
    alterations: dict[str, list[str]] = {}
    versions: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            versions.append(f"{path.stem}-{table['version']}")
            if path.name == _BRANDS_FILE:
                _add(forbidden, {BRANDS: _brands(table)})
                continue
            allowed += _words(table["allowed"])
            minors += _words(table["minors"])
            _add(forbidden, table["forbidden"])
            _add(alterations, table["alterations"])
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise Fault(f"The word list {path.name} is not complete.") from error
    if not allowed or INTIMATE not in forbidden:
        raise Fault("The word lists of the prompt rules are missing from configs/content.")
    return PromptRules(
        " ".join(versions),
        wording.Patterns(allowed),
        wording.Patterns(minors),
        {name: wording.Patterns(words) for name, words in forbidden.items()},
        {name: wording.Patterns(words) for name, words in alterations.items()},
    )


@cache
def shipped_rules() -> PromptRules:
    """The word lists that ship with the product."""
    return load_rules(_SHIPPED)


def _ask(text: wording.Text, rules: Mapping[str, wording.Patterns], clauses: Iterable[str]) -> None:
    for name in clauses:
        if name in rules and rules[name].found(text):
            what = _PLAIN_WORDS.get(name, name)
            whose = "No prompt may ask for" if name == INTIMATE else "The consent forbids"
            raise _refused(f"{whose} {what} ({name}).")


def _brands(table: Mapping[str, Any]) -> list[str]:
    own = {wording.fold(name) for name in _words(table["own"])}
    return [name for name in _words(table["brands"]) if wording.fold(name) not in own]


def _words(words: object) -> list[str]:
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise TypeError("a list of words")
    return words


def _add(lists: dict[str, list[str]], more: Mapping[str, object]) -> None:
    for name, words in more.items():
        if name not in _PLAIN_WORDS:
            raise ValueError("an unknown clause")
        lists.setdefault(name, []).extend(_words(words))


def _refused(detail: str) -> ContentRefused:
    return ContentRefused(detail, (), None, "/prompt")
