"""Colours, type and spacing: the fonts that the machine has, and nothing fetched from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="8" fill="#2b5a4e"/>'
    '<circle cx="16" cy="11" r="4.5" fill="#fff"/>'
    '<path d="M7 27c0-6 4-9.500 9-9.5s9 3.5 9 9.5z" fill="#fff"/></svg>'
)
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

_INK = gr.themes.Color(
    name="ink",
    c50="#f1f4f3",
    c100="#dde5e2",
    c200="#bccbc6",
    c300="#94aba4",
    c400="#678a80",
    c500="#3f6f62",
    c600="#2b5a4e",
    c700="#23493f",
    c800="#1c3932",
    c900="#152a25",
    c950="#0c1916",
)


def theme() -> Any:
    """Calm: paper and ink, one green for what is chosen, round but not soft."""
    return gr.themes.Base(
        primary_hue=_INK,
        secondary_hue=_INK,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_md,
        font=list(FONTS),
        font_mono=list(MONO),
    ).set(
        body_background_fill="#faf9f7",
        body_background_fill_dark="#161514",
        body_text_color="#1f1d1b",
        body_text_color_dark="#ece9e5",
        body_text_color_subdued="#5f5a55",
        body_text_color_subdued_dark="#b0a9a2",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#1e1c1b",
        background_fill_secondary="#f3f1ee",
        background_fill_secondary_dark="#262422",
        border_color_primary="#dcd8d3",
        border_color_primary_dark="#3a3633",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_padding="0px",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_title_text_color="*body_text_color",
        block_title_text_weight="600",
        block_info_text_color="*body_text_color_subdued",
        block_info_text_color_dark="*body_text_color_subdued",
        input_background_fill="#ffffff",
        input_background_fill_dark="#1e1c1b",
        input_border_color="#b9b3ac",
        input_border_color_dark="#57514c",
        input_border_width="1px",
        input_placeholder_color="#77716b",
        input_placeholder_color_dark="#8f8882",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_hover_dark="*primary_400",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="*background_fill_secondary",
        button_secondary_background_fill_hover_dark="*background_fill_secondary",
        button_secondary_border_color="#b9b3ac",
        button_secondary_border_color_dark="#57514c",
        button_border_width="1px",
        button_secondary_text_color="*body_text_color",
        button_secondary_text_color_dark="*body_text_color",
        button_large_text_weight="600",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_500",
        checkbox_border_color="#8d867f",
        checkbox_border_color_dark="#7a736d",
        checkbox_label_background_fill="*background_fill_primary",
        checkbox_label_background_fill_dark="*background_fill_primary",
        layout_gap="18px",
    )


def script() -> bytes:
    """Our scripts as one file; `console.js` first, because the others use its `hm`."""
    files = sorted(ASSETS.glob("*.js"), key=lambda file: (file.name != "console.js", file.name))
    return b"\n;\n".join(file.read_bytes() for file in files)


def head(script_address: str) -> str:
    """What goes into the page's head, before Gradio's own script runs."""
    return (
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="data:image/svg+xml,{quote(_ICON)}">'
        f'<script src="{script_address}"></script>'
    )


def style_sheet() -> str:
    """The theme's style sheets: `style.css` first, then one per page that needs it."""
    files = sorted(ASSETS.glob("*.css"), key=lambda file: (file.name != "style.css", file.name))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
