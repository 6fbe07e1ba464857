"""Prompt templates: `$model`, `$product` -> the words that a pack understands. Pure.

Rules:
- `$model` (or `$model1`) stands for the chosen custom model, `$product` (or `$product1`) for the
  first product, `$product2`, `$product3`, ... for the others; `$$` writes a dollar sign.
- A placeholder ends where letters, digits and underscores end: `$product's` is `$product` + `'s`.
- Anything else after a `$` is an error that names it; nothing is guessed.

It knows no consent and no pack; whether a tool may have a model at all is asked in the pipeline
(`names_model` answers only what the prompt says).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workspace.errors import UnresolvedPlaceholder

_TOKEN = re.compile(r"\$(\$|\w+)?")
_NAME = re.compile(r"(model|product)([1-9][0-9]?)?")
_LONGEST_SHOWN = 32  # characters of a wrong placeholder that an error repeats
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True, slots=True)
class Words:
    """What the placeholders become for a pack."""

    model: str = "the person"
    product: str = "product"  # follows "the" or "the first"


@dataclass(frozen=True, slots=True)
class ResolvedPrompt:
    """A prompt without placeholders, and what it named."""

    text: str
    names_model: bool
    products: tuple[int, ...]  # 0-based, in the order of their first mention


def names_model(prompt: str) -> bool:
    """Tell whether the prompt holds `$model` or `$model1`, `$model2`, ..., whatever else it holds.

    Case and number don't matter here: a rule that forbids a model must not be dodged by `$Model7`.
    """
    return any(
        (match[1] or "").lower().rstrip("0123456789") == "model"
        for match in _TOKEN.finditer(prompt)
    )


def resolve(
    prompt: str, has_model: bool, products: int, words: Words | None = None
) -> ResolvedPrompt:
    """Replace every placeholder.

    Args:
        prompt: The template as the caller wrote it.
        has_model: Whether a custom model was chosen.
        products: How many products were chosen.
        words: What the pack calls them.

    Raises:
        UnresolvedPlaceholder: a placeholder is unknown or nothing was chosen for it.
    """
    words = words or Words()
    mentioned: dict[int, None] = {}
    saw_model = False

    def replace(match: re.Match[str]) -> str:
        nonlocal saw_model
        token = match[1]
        if token == "$":
            return "$"
        kind, number = _split(token)
        if kind == "model":
            _check_model(token or "", number, has_model)
            saw_model = True
            return words.model
        _check_product(token or "", number, products)
        mentioned[number - 1] = None
        return _product_words(words.product, number, products)

    text = _TOKEN.sub(replace, prompt)
    return ResolvedPrompt(text, saw_model, tuple(mentioned))


def _split(token: str | None) -> tuple[str, int]:
    """Take `product2` apart into ("product", 2); no number means the first."""
    if token is None:
        raise _unresolved("A `$` stands alone; write `$$` for a dollar sign.")
    found = _NAME.fullmatch(token)
    if found is None:
        known = "$model, $product, $product2, ..."
        raise _unresolved(f"There is no placeholder `{_shown(token)}`; known are {known}.")
    return found[1], int(found[2] or 1)


def _check_model(token: str, number: int, has_model: bool) -> None:
    if not has_model:
        raise _unresolved(f"`{_shown(token)}` needs a model; none is chosen.")
    if number > 1:
        raise _unresolved(f"`{_shown(token)}` has no model; one model can be chosen.")


def _check_product(token: str, number: int, products: int) -> None:
    if products == 0:
        raise _unresolved(f"`{_shown(token)}` needs a product; none is chosen.")
    if number > products:
        chosen = "one product is" if products == 1 else f"{products} products are"
        raise _unresolved(f"`{_shown(token)}` has no product; {chosen} chosen.")


def _product_words(product: str, number: int, products: int) -> str:
    if products == 1 or number > len(_ORDINALS):
        return f"the {product}"
    return f"the {_ORDINALS[number - 1]} {product}"


def _shown(token: str) -> str:
    """The placeholder as an error repeats it: cut, so that no prompt travels in an error."""
    return f"${token[:_LONGEST_SHOWN]}"


def _unresolved(detail: str) -> UnresolvedPlaceholder:
    return UnresolvedPlaceholder(detail, (), None, "/prompt")
