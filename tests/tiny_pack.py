"""A complete pack of the flux2_klein family with tiny random weights, made in a second.

It draws noise, not people: it proves the line, not the picture.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

MANIFEST = """
name = "tiny"
version = "1"
family = "flux2_klein"
summary = "Random weights for tests; it draws noise."
tools = ["editorial", "flatlay_to_catalog", "background_swap"]

[render]
steps = 3
guidance = {guidance}
text_tokens = 12
text_layers = [1, 2]
default_aspect_ratio = "3:4"
[render.sizes]
"3:4" = [48, 64]
"1:1" = [48, 48]

[references]
close_up = {{ size = [64, 64], t = 10 }}
full_body = {{ size = [64, 80], t = 20 }}
product = {{ size = [64, 64], t = 30 }}
[references.crop]
close_up_face_width = 0.5
close_up_face_center = [0.5, 0.45]

[limits]
max_products = 2
max_batch = 4

[faces]
encoder_id = "yunet_sface_fp32"
pass = 0.5
warn = 0.4

[[licences]]
spdx = "Apache-2.0"
covers = "weights"
commercial = "yes"

[people]
from = "words"

[training]
material = "none: the weights are random"

[files]
"""


def make_tiny_pack(folder: Path, guidance: float = 1.0) -> Path:
    """Write the pack into a new folder and give the folder back."""
    import torch
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(7)
    channels = (8, 8, 8)  # two halvings: one token is 8x8 pixels
    vae = AutoencoderKLFlux2(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        decoder_block_out_channels=channels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=32,
    )
    vae.bn.running_mean.normal_(std=0.2)
    vae.bn.running_var.uniform_(0.5, 1.5)
    text_encoder = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=300,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            max_position_embeddings=64,
        )
    )
    transformer = Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        timestep_guidance_channels=16,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    pipeline = Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=2.0),
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=_tokenizer(),
        transformer=transformer,
        is_distilled=guidance <= 1,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    write_manifest(folder, MANIFEST.format(guidance=guidance))
    return folder


def write_manifest(folder: Path, head: str = "") -> None:
    """Write `pack.toml` with the hashes of the files as they are now."""
    head = head or MANIFEST.format(guidance=1.0)
    lines = [
        f'"{path.relative_to(folder).as_posix()}" = "{sha256(path.read_bytes()).hexdigest()}"'
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "pack.toml"
    ]
    (folder / "pack.toml").write_text(head + "\n".join(lines) + "\n")


def _tokenizer() -> object:
    """A byte-level tokenizer of 256 letters and the chat marks."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import Qwen2TokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {letter: place for place, letter in enumerate(letters)}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(marks)
    tokenizer = Qwen2TokenizerFast(
        tokenizer_object=core, eos_token=marks[0], pad_token=marks[0], unk_token=None
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer
