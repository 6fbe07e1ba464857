"""The prompt side: a word tokenizer that never fails, and a tiny Qwen3 that turns words to tokens.

Words outside the vocabulary become one unknown token each, little words without meaning are
dropped, so that free text fits into a short fixed length.
"""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from .layout import TEXT_TOKENS
from .prompts import vocabulary

PAD, UNKNOWN = "<pad>", "<unk>"
DROPPED = (
    "a",
    "an",
    "the",
    "of",
    "in",
    "on",
    "at",
    "to",
    "with",
    "and",
    "is",
    "are",
    "by",
    "her",
    "his",
    "it",
    "from",
    "for",
    "very",
    "this",
    "that",
    "be",
    "as",
)
# one word always leads, so that an empty prompt still has a token to attend to
CHAT_TEMPLATE = "photo {% for message in messages %}{{ message['content'] }}{% endfor %}"
# spare entries keep the table's size when the grammar gains words
VOCABULARY_SIZE = 320
TEXT_WIDTH = 128


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Lower-case words; hyphens and punctuation separate; `in front of` is dropped as a whole."""
    words = [w for w in vocabulary() if w not in DROPPED]
    table = {PAD: 0, UNKNOWN: 1} | {w: i + 2 for i, w in enumerate(words)}
    if len(table) > VOCABULARY_SIZE:
        raise ValueError(f"{len(table)} words do not fit in {VOCABULARY_SIZE}")
    tokenizer = Tokenizer(models.WordLevel(table, unk_token=UNKNOWN))
    dropped = "|".join(DROPPED)
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"[^\p{L}\p{N}]+"), " "),
            normalizers.Replace(Regex(rf"\b(in front of|{dropped})\b"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        padding_side="right",
        model_max_length=TEXT_TOKENS,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def build_text_encoder() -> Qwen3ForCausalLM:
    """Three layers; the pipeline joins the hidden states that layout.TEXT_LAYERS names."""
    config = Qwen3Config(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=TEXT_WIDTH,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
        use_cache=False,
    )
    return Qwen3ForCausalLM(config)


def tokenize(tokenizer: PreTrainedTokenizerFast, prompts: list[str]) -> dict:
    """The pipeline's own call: fixed length, padded on the right. Tensors (N, TEXT_TOKENS)."""
    texts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": p}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )
        for p in prompts
    ]
    return tokenizer(
        texts,
        return_tensors="pt",
        padding="max_length",
        truncation=True,
        max_length=TEXT_TOKENS,
    )
