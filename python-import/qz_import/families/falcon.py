"""Falcon: q, k and v in one tensor, for each group of query heads side by side; both halves of a
block read its input, in the first models one the other's sum."""

from __future__ import annotations

from qz_import.activations import ACTIVATIONS
from qz_import.config import Config
from qz_import.decoder import Attention, Block, BlockNorms, Decoder, Dense, Mlp, Norm, fused
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, Described, Values, layer_epsilon
from qz_import.rotary import read_rope
from qz_import.sizes import Keys, read_sizes

KEYS = Keys(kv_heads="num_kv_heads", head_dim="", width="ffn_hidden_size", width_factor=4)
ONE_NORM = BlockNorms(attention_in="input_layernorm")
TWO_NORMS = BlockNorms(attention_in="ln_attn", mlp_in="ln_mlp")
IN_TURN = BlockNorms(attention_in="input_layernorm", mlp_in="post_attention_layernorm")


def falcon(config: Config) -> Decoder:
    sizes = read_sizes(config, KEYS)
    is_new, is_parallel = config.flag("new_decoder_architecture"), config.flag("parallel_attn")
    kv_heads = sizes.kv_heads if is_new else 1 if config.flag("multi_query") else sizes.heads
    if is_new and not is_parallel:
        raise config.fail("parallel_attn", "is false, which new_decoder_architecture does not have")
    norm_count = config.size("num_ln_in_parallel_attn", 2 if is_new else 1)
    if norm_count > (2 if is_new else 1):
        raise config.fail("num_ln_in_parallel_attn", f"{norm_count} is not supported")
    norms = (ONE_NORM, TWO_NORMS)[norm_count - 1] if is_parallel else IN_TURN
    bias, head = config.flag("bias"), sizes.head_dim
    widths = (sizes.heads // kv_heads * head, head, head)
    attention = Attention(
        sizes.heads,
        kv_heads,
        head,
        *fused("self_attention.query_key_value", *widths, groups=kv_heads, bias=bias),
        o=Dense("self_attention.dense", bias),
        scale=head**-0.5,
        rope=read_rope(config, head),
    )
    activation = config.choice("activation", ACTIVATIONS)
    up, down = (Dense(f"mlp.{name}", bias) for name in ("dense_h_to_4h", "dense_4h_to_h"))
    return Decoder(
        vocab=sizes.vocab,
        hidden=sizes.hidden,
        prefix="transformer.",
        embed="word_embeddings",
        layers="h",
        blocks=(Block(attention, Mlp(sizes.width, activation, up, down)),) * sizes.layers,
        norm=Norm("layer", config.number("layer_norm_epsilon"), bias=True),
        norms=norms,
        is_parallel=is_parallel,
        final_norm="ln_f",
        tied=config.flag("tie_word_embeddings"),
    )


def renamed(decoder: Decoder) -> dict[str, str]:
    """The feed-forward's norm is the first where there are two."""
    return {"attn_norm": "attn_norm_2", "ffn_norm": "attn_norm"} if decoder.norms.mlp_in else {}


def read_gguf(file: Described, config: Values) -> Values:
    has_two = "blk.0.attn_norm_2.weight" in file.shapes
    is_new = has_two or config["num_kv_heads"] != 1
    return {
        "new_decoder_architecture": is_new,
        "multi_query": not is_new,
        "num_ln_in_parallel_attn": 2 if has_two else 1,
    }


GGUF = Architecture(
    "falcon",
    keys=(layer_epsilon("layer_norm_epsilon"),),
    given={"activation": "gelu", "bias": False, "alibi": False, "parallel_attn": True},
    read=read_gguf,
    approximates_gelu=True,
    renamed=renamed,
)

# Its ALiBi is rounded to bf16 on the way, which is not computed.
register(Family("falcon", falcon, keys=KEYS, fixed={"alibi": (False,)}, gguf=GGUF))
