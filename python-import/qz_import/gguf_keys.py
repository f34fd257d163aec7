"""What a GGUF's metadata may say beside what is asked for: as known_keys.py does for config.json,
for the keys that llama.cpp's loader reads.

ARCHITECTURE stands for general.architecture. What has another first part (general, quantize, split)
tells about a file and is no part of the model.
"""

from __future__ import annotations

from qz_import.errors import ImportFailure, shown, warn
from qz_import.gguf_architecture import Architecture
from qz_import.gguf_metadata import Metadata
from qz_import.known_keys import is_allowed

_IGNORED = """
ARCHITECTURE.attention.key_length_mla ARCHITECTURE.classifier.activation
ARCHITECTURE.classifier.output_labels ARCHITECTURE.classifier.pooling_type
ARCHITECTURE.pooling_type ARCHITECTURE.rope.scaling.finetuned
ARCHITECTURE.rope.scaling.original_context_length ARCHITECTURE.tensor_data_layout
ARCHITECTURE.vocab_size
tokenizer.chat_template tokenizer.chat_templates tokenizer.ggml.cls_token_id
tokenizer.ggml.fim_mid_token_id tokenizer.ggml.fim_pad_token_id tokenizer.ggml.fim_pre_token_id
tokenizer.ggml.fim_rep_token_id tokenizer.ggml.fim_sep_token_id tokenizer.ggml.fim_suf_token_id
tokenizer.ggml.mask_token_id tokenizer.ggml.middle_token_id tokenizer.ggml.padding_token_id
tokenizer.ggml.prefix_token_id tokenizer.ggml.remove_extra_whitespaces tokenizer.ggml.scores
tokenizer.ggml.seperator_token_id tokenizer.ggml.suffix_token_id tokenizer.ggml.token_type_count
tokenizer.ggml.unknown_token_id tokenizer.huggingface.json
"""
IGNORED = frozenset(_IGNORED.split())
# Where nothing read the key of this file: values that mean what is emitted. None: another value
# than that of the other layers can be meant.
FIXED = {
    "ARCHITECTURE.attention.causal": (True,),
    "ARCHITECTURE.attention.clamp_kqv": (0.0,),
    "ARCHITECTURE.attention.key_length_swa": (),
    "ARCHITECTURE.attention.max_alibi_bias": (0.0,),
    "ARCHITECTURE.attention.sliding_window": (0,),
    "ARCHITECTURE.attention.value_length_swa": (),
    "ARCHITECTURE.deepstack_mapping": (),
    "ARCHITECTURE.embedding_length_out": (0,),
    "ARCHITECTURE.expert_count": (0,),
    "ARCHITECTURE.expert_group_count": (0,),
    "ARCHITECTURE.expert_group_used_count": (0,),
    "ARCHITECTURE.expert_shared_feed_forward_length": (0,),
    "ARCHITECTURE.expert_used_count": (0,),
    "ARCHITECTURE.nextn_predict_layers": (0,),
    "ARCHITECTURE.rope.dimension_count_swa": (),
    "ARCHITECTURE.rope.freq_base_swa": (),
    "ARCHITECTURE.rope.scaling.alpha": (0.0,),
    "ARCHITECTURE.rope.scaling.attn_factor": (1.0,),
    "ARCHITECTURE.use_parallel_residual": (False,),
    "tokenizer.ggml.add_sep_token": (False,),
    "tokenizer.ggml.add_space_prefix": (False,),
    "tokenizer.ggml.normalizer.lowercase": (False,),
    "tokenizer.ggml.normalizer.strip_accents": (False,),
    "tokenizer.ggml.precompiled_charsmap": (),
    "tokenizer.ggml.suppress_tokens": (),
}
# Where positions are learned, nothing rotates.
ROTARY = "ARCHITECTURE.rope."


def check_keys(meta: Metadata, name: str, architecture: Architecture | None) -> None:
    """Refuses a key that would have to be followed, and warns of those that nobody knows. Without a
    name, the architecture's own do not matter."""
    unknown = []
    for key in meta.unused():
        first = key.partition(".")[0]
        if first not in (name, "tokenizer"):
            continue
        general = f"ARCHITECTURE{key.removeprefix(name)}" if first == name else key
        if general in IGNORED or general.startswith("tokenizer.chat_template"):
            continue
        if general.startswith(ROTARY) and architecture and not architecture.is_rotary:
            continue
        if general not in FIXED:
            unknown.append(key)
        elif not is_allowed(meta.value(key), FIXED[general]):
            known = ", ".join(map(repr, FIXED[general])) or "none"
            raise ImportFailure(
                f"{meta.where}: metadata {key!r} is {shown(meta.value(key))}, which is not "
                f"supported (known: {known})"
            )
    if unknown:
        warn(f"{meta.where}: unknown metadata was not followed: {', '.join(unknown)}")
