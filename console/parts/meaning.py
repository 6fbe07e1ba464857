"""What a finished picture's scores and marks mean, in words that a creative would say.

The words follow the gates of the pack (`GET /v1/capabilities`) and what the service says of the
picture; nothing is judged here.
"""

from __future__ import annotations

from console.client import Json
from console.parts.html import score, text

LABELS = {"eu": "European Union", "us_ny": "New York", "cn": "China"}


def scores(image: Json, pack: Json) -> list[tuple[str, str, str]]:
    """Name, figure and verdict of each score that the picture has something to be scored by."""
    found = image.get("product_score")
    product = [("Product", score(found), "")] if found is not None else []
    if image.get("model_version", 1) is None:
        return product
    verdict = identity(image, pack) if image.get("model_version") else ""
    return [("Identity", score(image.get("identity_score")), verdict), *product]


def identity(image: Json, pack: Json) -> str:
    """The identity score as the pack's own gates read it."""
    found = image.get("identity_score")
    if not isinstance(found, int | float):
        return "no face to compare"
    clear, maybe = pack.get("identity_pass"), pack.get("identity_warn")
    if not isinstance(clear, int | float) or not isinstance(maybe, int | float):
        return ""
    if found >= clear:
        return "clearly the model"
    return "probably the model" if found >= maybe else "not clearly the model"


def explained(pack: Json) -> str:
    """What the two scores are, to be opened by whoever asks."""
    clear, maybe = score(pack.get("identity_pass")), score(pack.get("identity_warn"))
    gates = (
        f" With this pack, {clear} or more is clearly the model, and less than {maybe} is not."
        if pack.get("identity_pass")
        else ""
    )
    return (
        '<details class="hm-more"><summary>What the scores mean</summary>'
        "<p><b>Identity</b>: how alike the face in the picture and your model's photos are. "
        f"Strangers are near 0, two photos of one person near 1.{gates}</p>"
        "<p><b>Product</b>: how much of the product's colours the picture shows, from 0 to 1. "
        "It doesn't see shapes or patterns, so look yourself.</p>"
        "<p><b>Seed</b>: the number that the picture started from. The same request with the same "
        "seed gives the same picture again.</p></details>"
    )


def marks(image: Json) -> str:
    """Which marks the picture carries, and the caption that goes with it."""
    rows = [_signed(image), _watermark(image), _label(image)]
    caption = (image.get("caption") or {}).get("en")
    if caption:
        rows.append(
            f'<b>Caption to publish beside it:</b> “{text(caption)}” <button type="button" '
            f'class="hm-mini" data-hm-copy="{text(caption)}">Copy</button>'
        )
    listed = "".join(f"<li>{row}</li>" for row in rows)
    return (
        f'<details class="hm-more"><summary>Marks: {text(_short(image))}</summary>'
        f"<ul>{listed}</ul></details>"
    )


def label_words(image: Json) -> str:
    """For where the visible label was asked for, or that there is none."""
    return ", ".join(_labels(image)) or "None"


def _short(image: Json) -> str:
    found = [
        "signed" if (image.get("c2pa") or {}).get("state") == "signed" else "",
        "watermark" if image.get("watermark_id") else "",
        "label" if _labels(image) else "",
    ]
    return ", ".join(each for each in found if each) or "none"


def _signed(image: Json) -> str:
    mark = image.get("c2pa") or {}
    if mark.get("state") != "signed":
        return "<b>No signed manifest.</b>"
    words = "<b>Signed manifest (C2PA)</b>: says that the picture was made with AI."
    if mark.get("certificate") == "development":
        words += " Signed by this appliance itself, so other programs can't confirm who signed."
    return words


def _watermark(image: Json) -> str:
    found = image.get("watermark_id")
    if not found:
        return "<b>No invisible watermark</b>: the picture is too small for one."
    return f"<b>Invisible watermark</b> {text(found)}: stays when the file is saved again."


def _label(image: Json) -> str:
    if image.get("label_applied") == "too_small":
        return "<b>No visible label</b>: the picture is too small for one."
    found = _labels(image)
    if not found:
        return "<b>No visible label.</b>"
    return f"<b>Visible label</b> as asked for in: {text(', '.join(found))}."


def _labels(image: Json) -> list[str]:
    applied = str(image.get("label_applied") or "none").split("+")
    return [LABELS.get(each, each) for each in applied if each not in ("none", "too_small")]
