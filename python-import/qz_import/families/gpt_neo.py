"""GPT-Neo: GPT-2's blocks with linear layers stored as they are used, scores that are not scaled,
and a window in some layers."""

from __future__ import annotations

from dataclasses import replace

from qz_import.activations import ACTIVATIONS
from qz_import.config import Config
from qz_import.decoder import Attention, Block, BlockNorms, Decoder, Dense, Mlp, Norm, Positions
from qz_import.families import Family, register
from qz_import.sizes import Keys, read_sizes

KEYS = Keys(layers="num_layers", heads="num_heads", kv_heads="", head_dim="", width_factor=4)
GLOBAL, LOCAL = "global", "local"


def kinds_of_layers(config: Config, layers: int) -> list[str]:
    """[[kinds, times], …] in attention_types, as long as there are layers."""
    kinds: list[str] = []
    for item in config.raw("attention_types") or [[[GLOBAL, LOCAL], layers // 2]]:
        match item:
            case [[*some], int(times)] if all(kind in (GLOBAL, LOCAL) for kind in some):
                kinds += some * min(times, layers)
            case _:
                raise config.fail("attention_types", "is not a list of [['global', 'local'], N]")
    if len(kinds) != layers:
        raise config.fail("attention_types", f"is for {len(kinds)} layers, not {layers}")
    return kinds


def gpt_neo(config: Config) -> Decoder:
    sizes = read_sizes(config, KEYS)
    attention = Attention(
        sizes.heads,
        sizes.kv_heads,
        sizes.head_dim,
        *(Dense(f"attn.attention.{role}_proj") for role in "qkv"),
        o=Dense("attn.attention.out_proj", bias=True),
        scale=1.0,
    )
    mlp = Mlp(
        sizes.width,
        config.choice("activation_function", ACTIVATIONS),
        up=Dense("mlp.c_fc", bias=True),
        down=Dense("mlp.c_proj", bias=True),
    )
    local = replace(attention, window=config.size("window_size"))
    kinds = kinds_of_layers(config, sizes.layers)
    return Decoder(
        vocab=sizes.vocab,
        hidden=sizes.hidden,
        prefix="transformer.",
        embed="wte",
        positions=Positions("wpe", sizes.context),
        layers="h",
        blocks=tuple(Block(local if kind == LOCAL else attention, mlp) for kind in kinds),
        norm=Norm("layer", config.number("layer_norm_epsilon"), bias=True),
        norms=BlockNorms(attention_in="ln_1", mlp_in="ln_2"),
        final_norm="ln_f",
        tied=config.flag("tie_word_embeddings"),
    )


register(Family("gpt_neo", gpt_neo, keys=KEYS))
