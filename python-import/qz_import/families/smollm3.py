"""SmolLM3: Llama in which some layers do not turn q and k; those may have a window."""

from __future__ import annotations

from dataclasses import replace

from qz_import.config import Config
from qz_import.decoder import Attention, Decoder
from qz_import.families import Family, register
from qz_import.gguf_architecture import Architecture, rms_epsilon
from qz_import.llama_like import attention_biases, layer_types, llama_like, with_windows


def smollm3(config: Config) -> Decoder:
    biases = replace(attention_biases(config), mlp=config.flag("mlp_bias"))
    decoder = llama_like(config, biases=biases)
    layers = len(decoder.blocks)
    interval = config.size("no_rope_layer_interval")
    turns = [(layer + 1) % interval != 0 for layer in range(layers)]
    if config.has("no_rope_layers"):
        # 1 where a layer does turn.
        turns = config.flags("no_rope_layers", layers)

    def change(layer: int, attention: Attention) -> Attention:
        return attention if turns[layer] else replace(attention, rope=None)

    is_windowed = config.flag("use_sliding_window") and config.has("sliding_window")
    window = config.size("sliding_window") if is_windowed else None
    types = layer_types(config, layers, lambda layer: is_windowed and not turns[layer])
    return with_windows(decoder.by_layer(change), types, window)


GGUF = Architecture(
    "smollm3",
    keys=(rms_epsilon(),),
    given={"hidden_act": "silu", "no_rope_layer_interval": 4, "use_sliding_window": False},
    interleaves=True,
)

register(Family("smollm3", smollm3, gguf=GGUF))
