"""BLOOM: no positions but ALiBi's, a norm of the embeddings; q, k and v of each head side by side
in one tensor."""

from __future__ import annotations

from qz_import.config import Config
from qz_import.decoder import Attention, Block, BlockNorms, Decoder, Dense, Mlp, Norm, fused
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, layer_epsilon
from qz_import.sizes import Keys, read_sizes

KEYS = Keys(
    layers="n_layer",
    heads="n_head",
    kv_heads="",
    head_dim="",
    width="",
    context="seq_length",
    width_factor=4,
    usual_context=2048,
)
# No key of config.json changes it.
ALIBI = 8.0


def bloom(config: Config) -> Decoder:
    sizes = read_sizes(config, KEYS)
    widths = [sizes.head_dim] * 3
    attention = Attention(
        sizes.heads,
        sizes.kv_heads,
        sizes.head_dim,
        *fused("self_attention.query_key_value", *widths, groups=sizes.heads, bias=True),
        o=Dense("self_attention.dense", bias=True),
        scale=sizes.head_dim**-0.5,
        alibi=ALIBI,
    )
    up, down = (Dense(f"mlp.{name}", bias=True) for name in ("dense_h_to_4h", "dense_4h_to_h"))
    return Decoder(
        vocab=sizes.vocab,
        hidden=sizes.hidden,
        prefix="transformer.",
        embed="word_embeddings",
        embed_norm="word_embeddings_layernorm",
        layers="h",
        blocks=(Block(attention, Mlp(sizes.width, "gelu_tanh", up, down)),) * sizes.layers,
        norm=Norm("layer", config.number("layer_norm_epsilon"), bias=True),
        norms=BlockNorms(attention_in="input_layernorm", mlp_in="post_attention_layernorm"),
        final_norm="ln_f",
        tied=config.flag("tie_word_embeddings"),
    )


GGUF = Architecture("bloom", keys=(layer_epsilon("layer_norm_epsilon"),), is_rotary=False)

register(
    Family(
        "bloom",
        bloom,
        keys=KEYS,
        gguf=GGUF,
        # How it was trained, and what old files have beside it.
        ignored="""pretraining_tp slow_but_exact attention_softmax_in_fp32 bias_dropout_fusion
        masked_softmax_fusion offset_alibi skip_bias_add skip_bias_add_qkv unk_token_id""",
        fixed={"apply_residual_connection_post_layernorm": (False,)},
    )
)
