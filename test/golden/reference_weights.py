"""What quantizing and decoding a weight gives, by outside references (needs torch, bitsandbytes).

nf4 is bitsandbytes' own CPU code; int8 is the rule of LLM.int8()'s weights: one f32 scale a row,
codes rounded half to even.
"""

from __future__ import annotations

import bitsandbytes.functional as bnb
import torch

BLOCK_COMPONENTS = {
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
ALL_COMPONENTS = tuple(BLOCK_COMPONENTS)
FFN = ("gate", "up", "down")


def decoded_nf4(weight: torch.Tensor) -> torch.Tensor:
    """Blocks of 64 over the flattened f32 tensor.

    It is flattened here: given a matrix, the CPU decoder of bitsandbytes 0.50 starts its count of
    blocks anew in every row, which is not how the codes were made.
    """
    codes, state = bnb.quantize_4bit(weight.reshape(-1), blocksize=64, quant_type="nf4")
    return bnb.dequantize_4bit(codes, state).reshape(weight.shape)


def decoded_int8(weight: torch.Tensor) -> torch.Tensor:
    absmax = weight.abs().amax(dim=1, keepdim=True)
    scale = torch.where(absmax > 0, 127.0 / absmax, torch.zeros_like(absmax))
    return torch.round(weight * scale) * (absmax / 127.0)


DECODED = {"nf4": decoded_nf4, "int8": decoded_int8}


@torch.no_grad()
def quantize_llama(
    model: torch.nn.Module,
    scheme: str,
    components: tuple[str, ...] = ALL_COMPONENTS,
    blocks: range | None = None,
) -> None:
    """Replaces the selected weights of a float32 LlamaForCausalLM by their decoded selves."""
    if scheme == "none":
        return
    layers = model.model.layers
    for index in blocks if blocks is not None else range(len(layers)):
        for component in components:
            linear = layers[index].get_submodule(BLOCK_COMPONENTS[component])
            assert linear.weight.dtype == torch.float32
            linear.weight.copy_(DECODED[scheme](linear.weight))
