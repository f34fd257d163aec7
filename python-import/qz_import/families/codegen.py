"""CodeGen: GPT-J with q, v and k in one tensor, which four parts hold side by side, as the four
devices did on which it was trained."""

from __future__ import annotations

from qz_import.config import Config
from qz_import.decoder import Decoder, fused
from qz_import.families import Family, register
from qz_import.families.gpt2 import KEYS
from qz_import.families.gptj import gptj_like
from qz_import.sizes import read_sizes

DEVICES = 4


def codegen(config: Config) -> Decoder:
    sizes = read_sizes(config, KEYS)
    if sizes.hidden % DEVICES:
        raise config.fail("n_embd", f"{sizes.hidden} is no multiple of {DEVICES}")
    q, v, k = fused("attn.qkv_proj", *[sizes.hidden // DEVICES] * 3, groups=DEVICES)
    return gptj_like(config, sizes, q, k, v)


register(Family("codegen", codegen, keys=KEYS, ignored="n_ctx"))
