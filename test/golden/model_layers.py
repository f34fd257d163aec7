"""Where the linear layers that can be selected are in transformers' models (needs torch)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from transformers.pytorch_utils import Conv1D


@dataclass(frozen=True)
class Layer:
    """A linear layer by its module's name, or one of `parts` layers that share it: equal parts of
    its outputs in GPT-2. In other families they lie otherwise, and only all of them together can
    be selected."""

    module: str
    part: int = 0
    parts: int = 1


@dataclass(frozen=True)
class Layout:
    """Components in blocks, and those outside of them."""

    blocks: str
    inside: dict[str, Layer]
    outside: dict[str, tuple[Layer, ...]] = field(default_factory=dict)


LAYOUTS = {
    "llama": Layout(
        "model.layers",
        {
            "q": Layer("self_attn.q_proj"),
            "k": Layer("self_attn.k_proj"),
            "v": Layer("self_attn.v_proj"),
            "o": Layer("self_attn.o_proj"),
            "gate": Layer("mlp.gate_proj"),
            "up": Layer("mlp.up_proj"),
            "down": Layer("mlp.down_proj"),
        },
    ),
    "gpt2": Layout(
        "transformer.h",
        {
            "q": Layer("attn.c_attn", 0, 3),
            "k": Layer("attn.c_attn", 1, 3),
            "v": Layer("attn.c_attn", 2, 3),
            "o": Layer("attn.c_proj"),
            "up": Layer("mlp.c_fc"),
            "down": Layer("mlp.c_proj"),
        },
    ),
    "opt": Layout(
        "model.decoder.layers",
        {
            "q": Layer("self_attn.q_proj"),
            "k": Layer("self_attn.k_proj"),
            "v": Layer("self_attn.v_proj"),
            "o": Layer("self_attn.out_proj"),
            "up": Layer("fc1"),
            "down": Layer("fc2"),
        },
        {"proj": (Layer("model.decoder.project_in"), Layer("model.decoder.project_out"))},
    ),
    "phi": Layout(
        "model.layers",
        {
            "q": Layer("self_attn.q_proj"),
            "k": Layer("self_attn.k_proj"),
            "v": Layer("self_attn.v_proj"),
            "o": Layer("self_attn.dense"),
            "up": Layer("mlp.fc1"),
            "down": Layer("mlp.fc2"),
        },
    ),
    "gptj": Layout(
        "transformer.h",
        {
            "q": Layer("attn.q_proj"),
            "k": Layer("attn.k_proj"),
            "v": Layer("attn.v_proj"),
            "o": Layer("attn.out_proj"),
            "up": Layer("mlp.fc_in"),
            "down": Layer("mlp.fc_out"),
        },
    ),
    "gpt_neo": Layout(
        "transformer.h",
        {
            "q": Layer("attn.attention.q_proj"),
            "k": Layer("attn.attention.k_proj"),
            "v": Layer("attn.attention.v_proj"),
            "o": Layer("attn.attention.out_proj"),
            "up": Layer("mlp.c_fc"),
            "down": Layer("mlp.c_proj"),
        },
    ),
    "starcoder2": Layout(
        "model.layers",
        {
            "q": Layer("self_attn.q_proj"),
            "k": Layer("self_attn.k_proj"),
            "v": Layer("self_attn.v_proj"),
            "o": Layer("self_attn.o_proj"),
            "up": Layer("mlp.c_fc"),
            "down": Layer("mlp.c_proj"),
        },
    ),
    "phi3": Layout(
        "model.layers",
        {
            "q": Layer("self_attn.qkv_proj", 0, 3),
            "k": Layer("self_attn.qkv_proj", 1, 3),
            "v": Layer("self_attn.qkv_proj", 2, 3),
            "o": Layer("self_attn.o_proj"),
            "gate": Layer("mlp.gate_up_proj", 0, 2),
            "up": Layer("mlp.gate_up_proj", 1, 2),
            "down": Layer("mlp.down_proj"),
        },
    ),
    "gpt_neox": Layout(
        "gpt_neox.layers",
        {
            "q": Layer("attention.query_key_value", 0, 3),
            "k": Layer("attention.query_key_value", 1, 3),
            "v": Layer("attention.query_key_value", 2, 3),
            "o": Layer("attention.dense"),
            "up": Layer("mlp.dense_h_to_4h"),
            "down": Layer("mlp.dense_4h_to_h"),
        },
    ),
    "codegen": Layout(
        "transformer.h",
        {
            "q": Layer("attn.qkv_proj", 0, 3),
            "k": Layer("attn.qkv_proj", 1, 3),
            "v": Layer("attn.qkv_proj", 2, 3),
            "o": Layer("attn.out_proj"),
            "up": Layer("mlp.fc_in"),
            "down": Layer("mlp.fc_out"),
        },
    ),
    "bloom": Layout(
        "transformer.h",
        {
            "q": Layer("self_attention.query_key_value", 0, 3),
            "k": Layer("self_attention.query_key_value", 1, 3),
            "v": Layer("self_attention.query_key_value", 2, 3),
            "o": Layer("self_attention.dense"),
            "up": Layer("mlp.dense_h_to_4h"),
            "down": Layer("mlp.dense_4h_to_h"),
        },
    ),
    "falcon": Layout(
        "transformer.h",
        {
            "q": Layer("self_attention.query_key_value", 0, 3),
            "k": Layer("self_attention.query_key_value", 1, 3),
            "v": Layer("self_attention.query_key_value", 2, 3),
            "o": Layer("self_attention.dense"),
            "up": Layer("mlp.dense_h_to_4h"),
            "down": Layer("mlp.dense_4h_to_h"),
        },
    ),
}
# Where Llama has them.
LIKE_LLAMA = (
    *("mistral", "qwen2", "qwen3", "olmo", "olmo2", "granite", "smollm3", "stablelm"),
    *("gemma", "gemma2", "gemma3_text"),
    "cohere",
)
LAYOUTS |= dict.fromkeys(LIKE_LLAMA, LAYOUTS["llama"])


def _selected(
    model: torch.nn.Module, components: tuple[str, ...], blocks: range | None
) -> dict[torch.nn.Module, list[Layer]]:
    """Modules with their selected layers."""
    layout = LAYOUTS[model.config.model_type]
    modules = model.get_submodule(layout.blocks)
    found: dict[torch.nn.Module, list[Layer]] = {}
    for index in blocks if blocks is not None else range(len(modules)):
        for component in components:
            if component in layout.inside:
                layer = layout.inside[component]
                found.setdefault(modules[index].get_submodule(layer.module), []).append(layer)
    for component in components:
        for layer in layout.outside.get(component, ()):
            # OPT has projections only where its widths differ.
            parent, _, name = layer.module.rpartition(".")
            module = getattr(model.get_submodule(parent), name)
            if module is not None:
                found.setdefault(module, []).append(layer)
    return found


@torch.no_grad()
def replace_weights(
    model: torch.nn.Module,
    components: tuple[str, ...],
    blocks: range | None,
    decoded: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    """Replaces each selected weight w, seen as [out, in], by decoded(w): a module's weight as it
    is, or the selected parts of it each on its own. `blocks` limits only what is in blocks."""
    for module, layers in _selected(model, components, blocks).items():
        assert module.weight.dtype == torch.float32
        weight = module.weight.T if isinstance(module, Conv1D) else module.weight
        parts = [weight]
        if len(layers) < layers[0].parts:
            chunks = weight.chunk(layers[0].parts)
            parts = [chunks[layer.part] for layer in layers]
        for part in parts:
            part.copy_(decoded(part.contiguous()))
