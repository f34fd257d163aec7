"""OPT in both forms: norms before each half of a block (125m, 1.3b) or after it (350m).

Layer norms, learned positions, a plain MLP with ReLU. Where embeddings are narrower than the
blocks, linear layers lead in and out (350m).
"""

from __future__ import annotations

from qz_import.activations import ACTIVATIONS
from qz_import.config import Config
from qz_import.decoder import Attention, Block, BlockNorms, Decoder, Dense, Mlp, Norm, Positions
from qz_import.families import Family, register
from qz_import.sizes import Keys, read_sizes

KEYS = Keys(kv_heads="", head_dim="", width="ffn_dim")
# Of torch.nn.LayerNorm; no key of config.json changes it.
EPSILON = 1e-5
# The position table begins with two rows that no position uses.
POSITION_OFFSET = 2
ATTENTION_NORM, MLP_NORM = "self_attn_layer_norm", "final_layer_norm"


def opt(config: Config) -> Decoder:
    sizes = read_sizes(config, KEYS)
    bias = config.flag("enable_bias", True)
    affine = config.flag("layer_norm_elementwise_affine", True)
    norm_first = config.flag("do_layer_norm_before", True)
    norm_last = norm_first and not config.flag("_remove_final_layer_norm", False)
    embedding = config.size("word_embed_proj_dim", sizes.hidden)
    projections = ("q_proj", "k_proj", "v_proj", "out_proj")
    attention = Attention(
        sizes.heads,
        sizes.kv_heads,
        sizes.head_dim,
        *(Dense(f"self_attn.{name}", bias) for name in projections),
        scale=sizes.head_dim**-0.5,
    )
    activation = config.choice("activation_function", ACTIVATIONS, "relu")
    mlp = Mlp(sizes.width, activation, up=Dense("fc1", bias), down=Dense("fc2", bias))
    return Decoder(
        vocab=sizes.vocab,
        hidden=sizes.hidden,
        prefix="model.decoder.",
        embed="embed_tokens",
        embedding=embedding if embedding != sizes.hidden else None,
        project_in="project_in",
        project_out="project_out",
        positions=Positions("embed_positions", sizes.context + POSITION_OFFSET, POSITION_OFFSET),
        layers="layers",
        blocks=(Block(attention, mlp),) * sizes.layers,
        norm=Norm("layer", EPSILON, weight=affine, bias=affine),
        norms=(
            BlockNorms(attention_in=ATTENTION_NORM, mlp_in=MLP_NORM)
            if norm_first
            else BlockNorms(attention_sum=ATTENTION_NORM, mlp_sum=MLP_NORM)
        ),
        final_norm="final_layer_norm" if norm_last else None,
        tied=config.flag("tie_word_embeddings", True),
    )


register(Family("opt", opt, keys=KEYS))
