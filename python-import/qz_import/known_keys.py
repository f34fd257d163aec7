"""What config.json may say beside what a family's code asks for.

Every key is either followed, because the code asks for it; or refused unless it has the value that
the graph stands for (`fixed`); or known to change nothing that is computed here (`ignored`). A key
that nobody knows gets a warning: then it is the reader who knows what it should have done.

transformers_keys.json has what transformers' classes read and their defaults; a script makes it
(tests/golden/make_transformers_keys.py). What keys of one family mean, its own module says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

Allowed = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class KnownKeys:
    """Null is as good as absent everywhere."""

    # What transformers' configuration class takes where the key is missing.
    defaults: Mapping[str, Any] = field(default_factory=dict)
    # Other name → the usual one, over which it wins where a file has both: transformers sets the
    # class's own fields first and then the rest (attribute_map).
    aliases: Mapping[str, str] = field(default_factory=dict)
    # The values that may stand there, or in a list that stands there.
    fixed: Allowed = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()


NOTHING_KNOWN = KnownKeys()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Settings of generate(), which older files keep in config.json. The executable's call decides them.
SAMPLING = _words(
    """
    assistant_confidence_threshold assistant_early_exit assistant_ensemble_weight
    assistant_lookbehind bad_words_ids begin_suppress_tokens cache_config cache_implementation
    compile_config constraints continuous_batching_config disable_compile diversity_penalty
    do_sample dola_layers early_stopping encoder_no_repeat_ngram_size encoder_repetition_penalty
    epsilon_cutoff eta_cutoff exponential_decay_length_penalty force_words_ids forced_bos_token_id
    forced_eos_token_id guidance_scale is_assistant length_penalty low_memory max_cache_len
    max_length max_matching_ngram_size max_new_tokens max_time min_length min_new_tokens min_p
    no_repeat_ngram_size num_assistant_tokens num_assistant_tokens_schedule num_beam_groups
    num_beams num_return_sequences output_attentions output_hidden_states output_logits
    output_scores penalty_alpha prefill_chunk_size prompt_lookup_num_tokens remove_invalid_values
    renormalize_logits repetition_penalty return_dict_in_generate sequence_bias speculation_type
    stop_strings suppress_tokens target_lookbehind temperature token_healing top_h top_k top_p
    typical_p use_cache use_mtp watermarking_config
    """
)
# Of training.
TRAINING = _words(
    """
    activation_dropout attention_dropout attn_pdrop classifier_dropout dropout embd_pdrop
    embed_dropout embedding_dropout hidden_dropout init_std initializer_range layerdrop
    resid_dropout resid_pdrop residual_dropout
    """
)
COMMON_IGNORED = (
    SAMPLING
    | TRAINING
    | _words(
        """
    _attn_implementation _attn_implementation_autoset _attn_implementation_internal _commit_hash
    _experts_implementation_internal _flash_attn_2_enabled _from_model_config _name_or_path
    architectures attn_implementation chunk_size_feed_forward decoder_start_token_id dtype
    experts_implementation finetuning_task gradient_checkpointing id2label is_decoder label2id
    name_or_path num_labels output_past pad_token_id prefix problem_type return_dict sep_token_id
    task_specific_params tf_legacy_loss tie_encoder_decoder tie_last_hidden_states tokenizer_class
    torch_dtype torchscript transformers.js_config transformers_version unsloth_fixed
    unsloth_version use_bfloat16 use_return_dict
    """
    )
)
COMMON_FIXED: Allowed = {
    "add_cross_attention": (False,),
    "attention_chunk_size": (),
    "cross_attention_hidden_size": (),
    "is_encoder_decoder": (False,),
    "layer_types": ("full_attention",),
    "per_layer_config": (),
    "pruned_heads": (),
    "sliding_window": (),
}


# generation_config.json.
GENERATION_KEYS = KnownKeys(
    ignored=SAMPLING
    | _words("_from_model_config decoder_start_token_id transformers_version")
    | _words("pad_token_id")
)
# Those of them that would change what is generated and that an executable has no option for, with
# the values that change nothing.
UNFOLLOWED_SETTINGS: Allowed = {
    "bad_words_ids": (),
    "begin_suppress_tokens": (),
    "diversity_penalty": (0.0,),
    "dola_layers": (),
    "epsilon_cutoff": (0.0,),
    "eta_cutoff": (0.0,),
    "exponential_decay_length_penalty": (),
    "force_words_ids": (),
    "forced_bos_token_id": (),
    "forced_eos_token_id": (),
    "guidance_scale": (1.0,),
    "min_length": (0,),
    "min_new_tokens": (0,),
    "min_p": (0.0,),
    "no_repeat_ngram_size": (0,),
    "num_beams": (1,),
    "penalty_alpha": (0.0,),
    "repetition_penalty": (1.0,),
    "sequence_bias": (),
    "stop_strings": (),
    "suppress_tokens": (),
    "top_h": (),
    "typical_p": (1.0,),
    "watermarking_config": (),
}

# tokenizer_config.json. Special tokens may stand under any key; those are asked for.
TOKENIZER_KEYS = KnownKeys(
    fixed={"split_special_tokens": (False,), "fix_mistral_regex": (False,)},
    ignored=_words(
        """
        add_bos_token add_eos_token add_prefix_space auto_map backend chat_template
        clean_up_tokenization_spaces device_map do_lower_case errors extra_special_tokens from_slow
        init_inputs is_local legacy local_files_only max_len max_length merges_file
        model_input_names model_max_length name_or_path pad_to_multiple_of pad_token_type_id
        padding padding_side processor_class response_schema response_template sp_model_kwargs
        spaces_between_special_tokens special_tokens_map_file stride tokenizer_file trim_offsets
        truncation truncation_side truncation_strategy unk_id use_default_system_prompt use_fast
        verbose vocab_file vocab_size
        """
    ),
)


@cache
def transformers_keys() -> dict[str, Any]:
    """The keys of the pinned transformers' classes: "common" and "generation" to all, and of each
    of "families" its "defaults" and "aliases"."""
    return json.loads(Path(__file__).with_name("transformers_keys.json").read_text())


def known_keys(model_type: str, ignored: str, fixed: Allowed) -> KnownKeys:
    """What is known of a family's config.json: what all have in common, transformers' class, and
    what the family adds: words that change nothing, and keys with their only values."""
    keys = transformers_keys()["families"].get(model_type, {"defaults": {}, "aliases": {}})
    return KnownKeys(
        keys["defaults"],
        keys["aliases"],
        {**COMMON_FIXED, **fixed},
        COMMON_IGNORED | _words(ignored),
    )


def is_allowed(value: Any, allowed: Iterable[Any]) -> bool:
    """Whether a value, or every value of a list, is one of those allowed. True is not 1."""
    items = value if isinstance(value, (list, dict)) else [value]
    return all(
        any(
            item == other and isinstance(item, bool) == isinstance(other, bool) for other in allowed
        )
        for item in items
    )
