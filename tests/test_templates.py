"""Prompt templates: what a placeholder becomes, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.line.templates import Words, names_model, resolve
from workspace.errors import UnresolvedPlaceholder


def test_model_and_product_become_the_packs_words() -> None:
    words = Words(model="the woman", product="coat")
    done = resolve("$model wearing $product on a roof", True, 1, words)
    assert done.text == "the woman wearing the coat on a roof"
    assert done.names_model and done.products == (0,)


def test_several_products_are_told_apart_and_keep_their_order() -> None:
    done = resolve("$product2 over $product1", False, 2)
    assert done.text == "the second product over the first product"
    assert done.products == (1, 0)


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("costs $$5", "costs $5"),
        ("$$model", "$model"),
        ("$$$model", "$the person"),
        ("$model1's hat", "the person's hat"),
        ("no placeholder", "no placeholder"),
        ("", ""),
    ],
)
def test_dollar_signs_and_endings(prompt: str, text: str) -> None:
    assert resolve(prompt, True, 0).text == text


@pytest.mark.parametrize(
    ("prompt", "has_model", "products", "named"),
    [
        ("$model in rain", False, 0, "$model"),
        ("$model2", True, 0, "$model2"),
        ("$product", True, 0, "$product"),
        ("$product3", True, 2, "$product3"),
        ("$modell", True, 1, "$modell"),
        ("$Model", True, 1, "$Model"),
        ("$productos", True, 1, "$productos"),
        ("$model01", True, 1, "$model01"),
        ("$product0", True, 1, "$product0"),
        ("a 5 $ hat", True, 1, "`$`"),
        ("$5", True, 1, "$5"),
        ("$modelé", True, 1, "$modelé"),
    ],
)
def test_an_error_names_the_placeholder(
    prompt: str, has_model: bool, products: int, named: str
) -> None:
    with pytest.raises(UnresolvedPlaceholder) as refused:
        resolve(prompt, has_model, products)
    assert named in refused.value.detail
    assert refused.value.pointer == "/prompt"


def test_an_error_does_not_carry_the_prompt() -> None:
    with pytest.raises(UnresolvedPlaceholder) as refused:
        resolve("secret launch $" + "x" * 500, True, 1)
    assert "secret" not in refused.value.detail and len(refused.value.detail) < 200


@pytest.mark.parametrize("prompt", ["$model", "x $model1 y", "$MODEL9", "$$$model"])
def test_a_prompt_that_names_a_model_is_seen(prompt: str) -> None:
    assert names_model(prompt)


@pytest.mark.parametrize("prompt", ["$$model", "model", "$product", "$modelling", "$"])
def test_a_prompt_that_names_no_model_is_not_accused(prompt: str) -> None:
    assert not names_model(prompt)


@given(st.text(max_size=60), st.booleans(), st.integers(0, 4))
def test_any_text_is_resolved_or_refused_and_never_breaks(
    prompt: str, has_model: bool, products: int
) -> None:
    try:
        done = resolve(prompt, has_model, products)
    except UnresolvedPlaceholder:
        return
    if "$" not in prompt:
        assert done.text == prompt
    assert all(index < products for index in done.products)
