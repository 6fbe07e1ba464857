"""Is this a usable reference photo? Answers in plain words, with measured value and threshold.

Pure; no biometric template is built, so these checks may run before anyone consented. Each check
has one code when it passes, and says what is wrong by its code when it does not:

    size        too_small (fail)                 framing     head_or_feet_cut (fail)
    resolution  low_resolution (warn)            frontal     not_frontal
    one_person  no_face, several_people (fail)   sharpness   blurred
    face_size   face_too_small (fail)            light       too_dark, too_bright, harsh_shadow

Without a face only the first three are asked. A photo is usable when no check fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from identity import measures
from identity.limits import KindLimits, LightLimits, PeopleLimits, QualityLimits
from workspace.types import RGB, Check, Face, PhotoKind

NAMES: dict[str, str] = {"full_body": "full-body photo", "close_up": "close-up"}
DARK = "It is too dark: take the photo in daylight or switch on more light."
BRIGHT = "The face is overexposed: use less or softer light."
HARSH = "Half of the face is in shadow: use soft light from the front."


def check(
    kind: PhotoKind, image: RGB, faces: Sequence[Face], limits: QualityLimits
) -> tuple[Check, ...]:
    """Judge one photo.

    Args:
        kind: Which of the two photos it is.
        image: Its pixels, upright.
        faces: All faces found in it.
        limits: From `configs/quality.toml`.
    """
    of_kind = limits.of(kind)
    checks = [
        _size(kind, image, of_kind),
        _resolution(kind, image, of_kind),
        _one_person(kind, faces, limits.people),
    ]
    if not faces:
        return tuple(checks)
    face = main_face(faces)
    return (
        *checks,
        _face_size(kind, face, of_kind),
        _framing(kind, image, face, of_kind),
        _frontal(kind, face, of_kind),
        _sharpness(kind, image, face, of_kind),
        _light(kind, image, face, limits.light),
    )


def main_face(faces: Sequence[Face]) -> Face:
    """Pick the face that the photo is about: the largest."""
    return max(faces, key=lambda face: face.width * face.height)


def people(faces: Sequence[Face], limits: PeopleLimits) -> int:
    """Count the faces that are large and certain enough to be people of the photo."""
    if not faces:
        return 0
    largest = main_face(faces)
    others = [
        face
        for face in faces
        if face is not largest
        and face.width >= limits.min_relative_width * largest.width
        and face.score >= limits.min_score
    ]
    return 1 + len(others)


def _size(kind: PhotoKind, image: RGB, limits: KindLimits) -> Check:
    side, least = min(image.shape[:2]), limits.min_short_side
    if side < least:
        hint = f"The {NAMES[kind]} is too small: its shorter side must have {least} pixels."
        return Check("too_small", kind, "fail", side, least, hint)
    return Check("size", kind, "pass", side, least, "The photo is large enough.")


def _resolution(kind: PhotoKind, image: RGB, limits: KindLimits) -> Check:
    height = int(image.shape[0] if kind == "full_body" else max(image.shape[:2]))
    good = limits.good_height
    if height < good:
        hint = f"It works, but more detail is better: send it at least {good} pixels high."
        return Check("low_resolution", kind, "warn", height, good, hint)
    return Check("resolution", kind, "pass", height, good, "The photo has enough detail.")


def _one_person(kind: PhotoKind, faces: Sequence[Face], limits: PeopleLimits) -> Check:
    found = people(faces, limits)
    if found == 1:
        return Check("one_person", kind, "pass", 1, 1, "One person is in the photo.")
    if found == 0:
        hint = (
            f"No face was found in the {NAMES[kind]}: face the camera, without mask or sunglasses."
        )
        return Check("no_face", kind, "fail", 0, 1, hint)
    hint = f"{found} people are in the {NAMES[kind]}; only the model may be in it."
    return Check("several_people", kind, "fail", found, 1, hint)


def _face_size(kind: PhotoKind, face: Face, limits: KindLimits) -> Check:
    width, least = round(face.width), limits.min_face_width
    if face.width < least:
        hint = (
            f"The face is only {width} pixels wide and needs {least}: "
            "step closer or send the original file."
        )
        return Check("face_too_small", kind, "fail", width, least, hint)
    return Check("face_size", kind, "pass", width, least, "The face is large enough.")


def _framing(kind: PhotoKind, image: RGB, face: Face, limits: KindLimits) -> Check:
    """Is everything in the picture? Lengths are in face heights, contact in face widths."""
    height, width = image.shape[:2]
    above = round(face.box[1] / face.height, 2)
    below = round((height - face.box[3]) / face.height, 2)

    def cut(measured: float, threshold: float, hint: str) -> Check:
        return Check("head_or_feet_cut", kind, "fail", measured, threshold, hint)

    if above < limits.min_head_space:
        return cut(above, limits.min_head_space, "The head is cut off: leave room above the hair.")
    beside = round(min(face.box[0], width - face.box[2]) / face.width, 2)
    if beside < 0:
        return cut(beside, 0.0, "The face is cut off at the side: place it in the middle.")
    if below < limits.min_body_space:
        hint = (
            "The body is cut off: show the whole person from head to feet."
            if kind == "full_body"
            else "The chin is cut off: show the whole face and the shoulders."
        )
        return cut(below, limits.min_body_space, hint)
    if below < limits.sure_body_space:
        contact = round(measures.edge_contact(image, face) or 0.0, 2)
        if contact > limits.max_edge_contact:
            hint = "The feet are cut off: leave some floor below the shoes."
            return cut(contact, limits.max_edge_contact, hint)
    hint = "Head to feet are in the photo." if kind == "full_body" else "The face is all there."
    return Check("framing", kind, "pass", below, limits.min_body_space, hint)


def _frontal(kind: PhotoKind, face: Face, limits: KindLimits) -> Check:
    degrees = round(measures.turn(face).largest)
    hint = f"The head is turned by about {degrees} degrees: look straight into the camera."
    if degrees > limits.max_turn:
        return Check("not_frontal", kind, "fail", degrees, limits.max_turn, hint)
    if degrees > limits.good_turn:
        return Check("not_frontal", kind, "warn", degrees, limits.good_turn, hint)
    return Check("frontal", kind, "pass", degrees, limits.good_turn, "The face looks ahead.")


def _sharpness(kind: PhotoKind, image: RGB, face: Face, limits: KindLimits) -> Check:
    sharp = round(measures.sharpness(image, face, limits.sharpness_face_width), 2)
    if sharp < limits.min_sharpness:
        hint = "The face is blurred: hold the camera still and focus on the eyes."
        return Check("blurred", kind, "fail", sharp, limits.min_sharpness, hint)
    if sharp < limits.good_sharpness:
        hint = "The face is a little soft; a sharper photo gives a better likeness."
        return Check("blurred", kind, "warn", sharp, limits.good_sharpness, hint)
    return Check("sharpness", kind, "pass", sharp, limits.good_sharpness, "The face is sharp.")


def _light(kind: PhotoKind, image: RGB, face: Face, limits: LightLimits) -> Check:
    """The worst of four questions about light."""
    seen = measures.light(image, face)
    low, high = limits.min_face_highlight, limits.good_face_highlight
    picture_low, picture_high = limits.min_picture_highlight, limits.good_picture_highlight
    questions = (
        _Question("too_dark", seen.face_highlight, low, high, DARK),
        _Question("too_dark", seen.picture_highlight, picture_low, picture_high, DARK),
        _Question("too_bright", seen.clipped, limits.max_clipped, limits.good_clipped, BRIGHT),
        _Question(
            "harsh_shadow", seen.half_ratio, limits.max_half_ratio, limits.good_half_ratio, HARSH
        ),
    )
    for asked in questions:
        if asked.beyond(asked.refused):
            measured = round(asked.measured, 2)
            return Check(asked.code, kind, "fail", measured, asked.refused, asked.hint)
    for asked in questions:
        if asked.beyond(asked.good):
            measured = round(asked.measured, 2)
            return Check(asked.code, kind, "warn", measured, asked.good, asked.hint)
    measured = round(seen.face_highlight, 2)
    return Check("light", kind, "pass", measured, high, "The face is well lit.")


@dataclass(frozen=True, slots=True)
class _Question:
    """One number with the limit that refuses and the one that warns, in either direction."""

    code: str
    measured: float
    refused: float
    good: float
    hint: str

    def beyond(self, limit: float) -> bool:
        more_is_better = self.refused < self.good
        return self.measured < limit if more_is_better else self.measured > limit
