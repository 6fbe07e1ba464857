"""The prompt grammar: what a fashion user would write about framing, pose, background and light."""

from __future__ import annotations

import numpy as np

FRAMING = {
    "close_up": (
        "close-up",
        "closeup",
        "portrait",
        "headshot",
        "face shot",
        "close up portrait",
        "head and shoulders",
    ),
    "half_body": ("half body", "half-body", "waist up", "medium shot", "upper body", "half length"),
    "full_body": (
        "full body",
        "full-body",
        "full length",
        "head to toe",
        "whole body",
        "long shot",
        "full outfit",
    ),
}
POSE = {
    "standing": ("standing", "standing relaxed", "posing", "standing still", "natural pose"),
    "walking": ("walking", "striding", "mid step", "walk", "taking a step"),
    "hand_on_hip": ("hand on hip", "one hand on hip", "hand on waist", "confident pose"),
    "arms_open": ("arms open", "arms out", "open arms", "arms away from body"),
}
TURN = {
    "front": ("facing camera", "front view", "frontal", "looking at camera"),
    "turned": ("three-quarter view", "turned to side", "side view", "looking away", "turned"),
}
BACKGROUND = {
    "white": (
        "white background",
        "plain white studio",
        "white studio",
        "clean white backdrop",
        "catalog background",
        "plain background",
    ),
    "grey": ("grey background", "gray studio", "grey backdrop", "neutral studio", "gray wall"),
    "black": (
        "black background",
        "dark studio",
        "dark background",
        "black backdrop",
        "at night",
        "midnight",
    ),
    "beige": (
        "beige background",
        "sand coloured studio",
        "cream backdrop",
        "beige wall",
        "tan wall",
    ),
    "pink": ("pink background", "pastel pink studio", "pink wall", "rose backdrop"),
    "blue": ("blue background", "light blue studio", "blue wall", "sky blue backdrop"),
    "park": (
        "park",
        "forest",
        "garden",
        "green trees",
        "outdoors nature",
        "meadow",
        "grass",
        "woods",
        "countryside",
        "lawn",
    ),
    "beach": (
        "beach",
        "seaside",
        "by the sea",
        "sandy beach",
        "ocean",
        "sunny coast",
        "shore",
        "sand",
        "sea",
    ),
    "street": (
        "street",
        "city street",
        "urban",
        "downtown",
        "city",
        "sidewalk",
        "town",
        "road",
        "pavement",
        "buildings",
    ),
    "sunset": ("sunset", "golden sunset sky", "dusk", "orange sky", "evening sky", "twilight"),
    "room": (
        "living room",
        "wooden room",
        "indoors",
        "cosy room",
        "interior",
        "cafe",
        "loft",
        "home",
        "apartment",
        "bedroom",
        "office",
        "restaurant",
        "inside",
    ),
}
LIGHT = {
    "soft": ("soft light", "even light", "diffuse light", "daylight", "natural light", "bright"),
    "side": ("side light", "dramatic light", "hard light", "moody light", "high contrast"),
    "warm": ("warm light", "golden light", "golden hour", "warm tones", "sunny light"),
}
SUBJECT = {
    "female": ("woman", "female model", "model", "she", "lady", "person"),
    "male": ("man", "male model", "model", "he", "person"),
}
FILLER = (
    "photo",
    "fashion photo",
    "editorial",
    "lookbook",
    "catalog",
    "photography",
    "campaign",
    "e-commerce",
    "high quality",
    "wearing the product",
    "wearing it",
    "outfit",
    "style",
    "magazine",
    "shot",
    "picture",
)
# words that the model has never learnt show up in real prompts: teach it to ignore them
NOISE = (
    "zaxu",
    "queru",
    "vilmo",
    "trane",
    "brillo",
    "kest",
    "moru",
    "elpin",
    "dask",
    "ruvie",
    "soltan",
    "pirrel",
)


def _pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[rng.integers(len(words))]


def write_prompt(
    rng: np.random.Generator,
    framing: str,
    pose: str,
    turn: str,
    background: str,
    light: str,
    gender: str,
) -> str:
    """One prompt, in any order. What is left out: half body, standing, front, white, soft.

    So a prompt leaves nothing to chance, and training does not average over what it left open.
    """
    wanted = (
        (FRAMING[framing], framing == "half_body", 0.9),
        (POSE[pose], pose == "standing" or framing == "close_up", 0.4),
        (TURN[turn], turn == "front", 0.4),
        (BACKGROUND[background], background == "white", 0.9),
        (LIGHT[light], light == "soft", 0.35),
    )
    if all(usual for _, usual, _ in wanted) and rng.random() < 0.3:
        return ""
    parts: list[str] = []
    for words, usual, share in wanted:
        if not usual or rng.random() < share:
            small = ("in ", "on ", "", "in front of ", "at ", "")
            before = _pick(rng, small) if words is BACKGROUND[background] else ""
            parts.append(before + _pick(rng, words))
    if rng.random() < 0.4:
        parts.insert(0, _pick(rng, SUBJECT[gender]))
    if rng.random() < 0.35:
        parts.append(_pick(rng, FILLER))
    if rng.random() < 0.1:
        parts.append(_pick(rng, NOISE))
    if rng.random() < 0.5:
        order = rng.permutation(len(parts))
        parts = [parts[i] for i in order]
    return (", " if rng.random() < 0.5 else " ").join(parts)


def vocabulary() -> list[str]:
    """Every word that the grammar can write, for the tokenizer."""
    tables = (FRAMING, POSE, TURN, BACKGROUND, LIGHT, SUBJECT)
    phrases = [p for t in tables for words in t.values() for p in words]
    phrases += list(FILLER)
    return sorted({w for p in phrases for w in p.lower().replace("-", " ").split()})
