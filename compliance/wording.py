"""Find forbidden words in a text, in spite of the simple ways of hiding them. Pure.

A text is read in several ways: as it is written; with digits and signs as the letters they stand
for (`nud3`, `p0rn`); with letters that were stretched (`nuuude`); with single letters joined
(`n u d e`, `n.u.d.e`, `nu-de`); with a star as a vowel (`n*de`); and with two neighbours joined
(`top less`). Case, accents, look-alike
letters of other alphabets and invisible characters never count.

A pattern is a few words in a row. In it `a|b` is a choice, `*` stands for any ending, `?` after a
word makes it optional, and `#minor` is any age below 18. A pattern matches whole words only: `sex`
is not in Essex. What an allowed pattern covers (`nude heels`) is taken out first; it never reaches
across a comma or a full stop.

What is not seen: a hidden meaning, another language, an emoji, words drawn with other signs. The
picture itself is looked at afterwards; these words are the first gate and not the only one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

COVERED = "_"  # stands where an allowed phrase was
_PAUSE = ","
_LONGEST_RUN = 24  # single letters in a row that are read as one word
_SHORTEST_HIDDEN = 4  # letters of a word that is looked for in such a run
_SHORTEST_SPLIT = 5  # letters of a word that may be split in two: `nu de` is good Dutch
_VOWELS = "aeiou"  # what `*` inside a word stands for: `n*de`
_AGES = r"(?:[0-9]|1[0-7]|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen"
_AGES += r"|fourteen|fifteen|sixteen|seventeen)"
_LOOK_ALIKES = str.maketrans(
    "авекмнопрстухіјѕԁɡոսօαβεηικνορτυχıłøđæœ", "abekmhonpctyxijsdgnuoabenikvoptuxilodao"
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})  # as German is typed without them
_SIGNS = str.maketrans("034578@$€", "oeastbase")
_LETTERS_OF = ("i", "l")  # what 1, ! and | stand for
_WORD = re.compile(r"[^\W_]+(?:[@$€!|+][^\W_]+)*[@$€]?|[@$€][^\W_]+(?:[@$€!|+]?[^\W_]+)*")
_PLAIN = re.compile(r"[^\W_]+")
_BETWEEN = re.compile(r"[^\w|*?#]+")  # of a pattern: `h&m` is two words, as in a text
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_SPELLED = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]{1,3}[^\W_](?![^\W_])){2,}")
_PAUSES = re.compile(r"[,.;:!?()\[\]\n/]+(?=\s|$)|[,;()\[\]\n]")


@dataclass(frozen=True, slots=True)
class Text:
    """One text, read in every way; made once and asked many patterns."""

    readings: tuple[str, ...]  # words with one space between them
    hidden: str  # words that were spelled or split


class Patterns:
    """Some patterns; compiled to one search when they are first asked."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Take the patterns.

        Raises:
            ValueError: one of them is empty.
        """
        self._patterns = tuple(patterns)
        if not all(pattern.strip(" ?*|") for pattern in self._patterns):
            raise ValueError("an empty pattern")

    def found(self, text: Text) -> bool:
        """Say whether one of them is in the text."""
        if any(self._search.search(reading) for reading in text.readings):
            return True
        return bool(text.hidden and self._hidden.search(text.hidden))

    def cover(self, words: str) -> str:
        """Put `COVERED` in the place of everything that they match."""
        return self._search.sub(COVERED, words)

    @cached_property
    def _search(self) -> re.Pattern[str]:
        return _whole([_expression(pattern) for pattern in self._patterns])

    @cached_property
    def _hidden(self) -> re.Pattern[str]:
        """Words by themselves; without their endings, which would meet chance too often."""
        alone = [one for one in self._patterns if " " not in one and "#" not in one]
        words = [word.rstrip("*?") for one in alone for word in one.split("|")]
        return _whole([re.escape(fold(word)) for word in words if len(word) >= _SHORTEST_HIDDEN])


def read(text: str, allowed: Patterns) -> Text:
    """Read a text in every way, without what the allowed patterns cover."""
    plain = fold(text)
    readings = dict.fromkeys(
        allowed.cover(words).replace(f" {_PAUSE}", "")
        for reading in _spelt_out(plain)
        for words in (_words(reading), _words(_STRETCHED.sub(r"\1", reading)))
    )
    return Text(tuple(readings), _hidden_words(plain, tuple(readings)))


def fold(text: str) -> str:
    """Bring to lower case, without accents, look-alikes and invisible characters."""
    decomposed = unicodedata.normalize("NFKD", text)
    kept = "".join(
        letter for letter in decomposed if unicodedata.category(letter) not in ("Mn", "Cf", "Me")
    )
    return kept.casefold().translate(_LOOK_ALIKES)


def _spelt_out(plain: str) -> tuple[str, ...]:
    """The text itself, and with signs as letters where that makes a difference."""
    found = {plain: None}
    for letter in _LETTERS_OF:
        signs = str.maketrans({"1": letter, "!": letter, "|": letter, "+": "t"})

        def spell(match: re.Match[str], signs: dict[int, str] = signs) -> str:
            word = match[0]
            if not any(sign.isalpha() for sign in word):
                return word  # a number or a size stays one
            return word.translate(_SIGNS).translate(signs)

        found[_WORD.sub(spell, plain)] = None
    return tuple(found)


def _words(reading: str) -> str:
    """Words with one space between them; a pause is a word of its own."""
    paused = _PAUSES.sub(f" {_PAUSE} ", reading)
    parts: list[str] = []
    for piece in paused.split():
        parts += [_PAUSE] if piece == _PAUSE else _PLAIN.findall(piece)
    return " ".join(parts)


def _hidden_words(plain: str, readings: tuple[str, ...]) -> str:
    """Every word that can be read from single letters in a row, or from two neighbours."""
    hidden: dict[str, None] = {}
    for match in _SPELLED.finditer(plain):
        spelled = "".join(_PLAIN.findall(match[0]))[:_LONGEST_RUN]
        for run in {spelled, spelled.translate(_SIGNS).replace("1", "i")}:
            for start in range(len(run)):
                for end in range(start + _SHORTEST_HIDDEN, len(run) + 1):
                    hidden[run[start:end]] = None
    for piece in plain.split():
        pieces = _PLAIN.findall(piece)
        if len(pieces) > 1:
            hidden["".join(pieces)] = None
        if "*" in piece.strip("*"):
            hidden |= dict.fromkeys("".join(_PLAIN.findall(piece.replace("*", v))) for v in _VOWELS)
    for reading in readings:
        words = reading.split()
        for first, second in pairwise(words):
            if COVERED not in (first, second) and len(first) + len(second) >= _SHORTEST_SPLIT:
                hidden[first + second] = None
    return " ".join(hidden)


def _whole(alternatives: list[str]) -> re.Pattern[str]:
    either = "|".join(alternatives) or "(?!)"
    return re.compile(rf"(?<![^ ])(?:{either})(?![^ ])")


def _expression(pattern: str) -> str:
    words = _BETWEEN.sub(" ", pattern).split()
    return "".join(_of_word(word, first=index == 0) for index, word in enumerate(words))


def _of_word(word: str, first: bool) -> str:
    """One word of a pattern, with the space before it."""
    optional = word.endswith("?")
    choices = "|".join(_choice(choice) for choice in word.rstrip("?").split("|"))
    if first:  # the first word has no space before it
        return f"(?:(?:{choices}) )?" if optional else f"(?:{choices})"
    return f"(?: (?:{choices}))?" if optional else f" (?:{choices})"


def _choice(choice: str) -> str:
    if choice == "#minor":
        return _AGES
    word = choice.rstrip("*")
    spellings = dict.fromkeys((fold(word), fold(word.translate(_UMLAUTS))))
    stem = "|".join(re.escape(spelling) for spelling in spellings)
    stem = f"(?:{stem})" if len(spellings) > 1 else stem
    return f"{stem}[^ ]*" if choice.endswith("*") else stem
