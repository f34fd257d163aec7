"""StarCoder2: Llama's attention with layer norms, biases and a plain feed-forward; every layer may
have a window."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Block, Decoder, Dense, Norm
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, layer_epsilon
from qz_import.llama_like import Biases, llama_like


def starcoder2(config: Config) -> Decoder:
    bias = config.flag("use_bias")
    norm = Norm("layer", config.number("norm_epsilon"), bias=True)
    decoder = llama_like(config, norm=norm, biases=Biases(bias, bias))
    block = decoder.blocks[0]
    attention = replace(block.attention, window=config.optional_size("sliding_window"))
    up, down = (Dense(f"mlp.{name}", bias) for name in ("c_fc", "c_proj"))
    mlp = replace(block.mlp, gate=None, up=up, down=down)
    return replace(decoder, blocks=(Block(attention, mlp),) * len(decoder.blocks))


GGUF = Architecture(
    "starcoder2",
    keys=(layer_epsilon("norm_epsilon"),),
    given={"hidden_act": "gelu_pytorch_tanh", "sliding_window": None, "use_bias": True},
)

register(Family("starcoder2", starcoder2, gguf=GGUF))
