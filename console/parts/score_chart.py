"""Scores over time as a small drawing (SVG), with the same said in words for who does not see it.

Pure: pictures of a model in, HTML out. The gates are the pack's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.client import Json
from console.parts.html import day, text

_WIDTH, _HEIGHT = 640, 180  # units of the drawing
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 632, 10, 152


def chart(images: Sequence[Json], passed: float | None, warn: float | None) -> str:
    """How well a model was met, oldest picture first.

    Args:
        images: Newest first, as the service lists them; those without a score are left out.
        passed: From which score on a picture certainly shows the person; None where unknown.
        warn: Below which it probably does not.
    """
    scored = [one for one in reversed(images) if isinstance(one.get("identity_score"), int | float)]
    if not scored:
        return ""
    scores = [float(one["identity_score"]) for one in scored]
    places = [(_x(k, len(scores)), _y(score)) for k, score in enumerate(scores)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(
        f'<circle class="hm-dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>'
        f"{score:.2f}, {text(day(one.get('created_at')))}</title></circle>"
        for (x, y), score, one in zip(places, scores, scored, strict=True)
    )
    drawn = (
        _level(0.0, "0", "hm-axis") + _level(1.0, "1", "hm-axis") + _gate(passed) + _gate(warn)
        + f'<polyline class="hm-line" points="{line}"/>{dots}'
        + _when(scored[0], _LEFT, "start") + _when(scored[-1], _RIGHT, "end")
    )  # fmt: skip
    return (
        f'<figure class="hm-figure"><svg class="hm-chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'role="img" aria-label="{text(in_words(scores))}">{drawn}</svg>'
        f"<figcaption><small>{text(in_words(scores))} {text(_meaning(passed, warn))}</small>"
        "</figcaption></figure>"
    )


def in_words(scores: Sequence[float]) -> str:
    """The drawing as a sentence."""
    mean = sum(scores) / len(scores)
    count = "One picture" if len(scores) == 1 else f"{len(scores)} pictures"
    return f"{count}: newest {scores[-1]:.2f}, on average {mean:.2f}, lowest {min(scores):.2f}."


def _meaning(passed: float | None, warn: float | None) -> str:
    if passed is None or warn is None:
        return "1 is the very same face."
    return f"From {passed:.2f} up it is the same face without doubt, below {warn:.2f} probably not."


def _x(k: int, count: int) -> float:
    return _RIGHT if count == 1 else _LEFT + 6 + (_RIGHT - _LEFT - 12) * k / (count - 1)


def _y(score: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * max(0.0, min(1.0, score))


def _level(score: float, words: str, look: str) -> str:
    y = _y(score)
    return (
        f'<line class="{look}" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>'
    )


def _gate(score: float | None) -> str:
    return "" if score is None else _level(score, f"{score:.2f}", "hm-gate")


def _when(image: Json, x: float, anchor: str) -> str:
    return (
        f'<text x="{x:.0f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">'
        f"{text(day(image.get('created_at')))}</text>"
    )
