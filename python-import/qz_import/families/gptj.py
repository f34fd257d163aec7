"""GPT-J: both halves of a block read its input through one norm, neighbouring elements of a part of
each head turn."""

from __future__ import annotations

from qz_import.activations import ACTIVATIONS
from qz_import.builder import Rope
from qz_import.config import Config
from qz_import.decoder import Attention, Block, BlockNorms, Decoder, Dense, Mlp, Norm
from qz_import.families import Family, register
from qz_import.families.gpt2 import KEYS
from qz_import.sizes import Sizes, read_sizes

# No key of config.json changes it.
THETA = 10000.0


def gptj_like(config: Config, sizes: Sizes, q: Dense, k: Dense, v: Dense) -> Decoder:
    """GPT-J and what shares its blocks, but for where q, k and v are."""
    dim = config.size("rotary_dim")
    if dim % 2 or dim > sizes.head_dim:
        raise config.fail("rotary_dim", f"{dim} is not even and at most {sizes.head_dim}, a head")
    attention = Attention(
        sizes.heads,
        sizes.kv_heads,
        sizes.head_dim,
        *(q, k, v, Dense("attn.out_proj")),
        scale=sizes.head_dim**-0.5,
        rope=Rope(dim, THETA, style="interleaved"),
    )
    mlp = Mlp(
        sizes.width,
        config.choice("activation_function", ACTIVATIONS),
        up=Dense("mlp.fc_in", bias=True),
        down=Dense("mlp.fc_out", bias=True),
    )
    return Decoder(
        vocab=sizes.vocab,
        hidden=sizes.hidden,
        prefix="transformer.",
        embed="wte",
        layers="h",
        blocks=(Block(attention, mlp),) * sizes.layers,
        norm=Norm("layer", config.number("layer_norm_epsilon"), bias=True),
        norms=BlockNorms(attention_in="ln_1"),
        is_parallel=True,
        final_norm="ln_f",
        tied=config.flag("tie_word_embeddings"),
        head=Dense("lm_head", bias=True),
    )


def gptj(config: Config) -> Decoder:
    q, k, v = (Dense(f"attn.{role}_proj") for role in "qkv")
    return gptj_like(config, read_sizes(config, KEYS), q, k, v)


register(Family("gptj", gptj, keys=KEYS))
