"""A small model of each family beyond the first three: whatever the family has of its own, sizes
that divide nothing, heads that are not the width's, fewer key-value heads where there may be.

config.json is written in the form in which such repositories have it (`old_config`).
"""

from __future__ import annotations

import torch

F32, F16, BF16 = torch.float32, torch.float16, torch.bfloat16
SMALL = {"vocab_size": 277, "max_position_embeddings": 300}
# With the names of most families.
COMMON = {
    **SMALL,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 34,
    "tie_word_embeddings": True,
}
GROUPED = {**COMMON, "num_key_value_heads": 2}
# With those of GPT-2.
GPT = {
    "vocab_size": 277,
    "n_positions": 300,
    "n_embd": 24,
    "n_layer": 2,
    "n_head": 3,
    "n_inner": 50,
}


def plain_rope(theta: float, dtype: str = "bfloat16") -> dict[str, object]:
    return {"rope_theta": theta, "rope_scaling": None, "torch_dtype": dtype}


# Name → the arguments of a Fixture.
FAMILY_FIXTURES: dict[str, dict[str, object]] = {
    "mistral": {
        "seed": 101,
        "dtype": BF16,
        "config": {**GROUPED, "head_dim": 14, "sliding_window": 23, "rms_norm_eps": 1e-5},
        "old_config": plain_rope(10000.0),
    },
    "qwen2": {
        "seed": 102,
        "dtype": BF16,
        "config": {
            **GROUPED,
            "num_hidden_layers": 3,
            "use_sliding_window": True,
            "sliding_window": 21,
            "max_window_layers": 1,
        },
        "old_config": {"rope_theta": 1000000.0, "torch_dtype": "bfloat16"},
    },
    "qwen3": {
        "seed": 103,
        "dtype": BF16,
        "config": {**GROUPED, "head_dim": 14},
        "old_config": plain_rope(1000000.0),
    },
    "phi": {
        "seed": 104,
        "dtype": F16,
        "config": {
            **COMMON,
            "num_attention_heads": 3,
            "num_key_value_heads": 1,
            "tie_word_embeddings": False,
        },
        "old_config": {"partial_rotary_factor": 0.5, **plain_rope(10000.0, "float16")},
    },
    "phi-norms": {
        "family": "phi",
        "seed": 105,
        "dtype": F16,
        "config": {**COMMON, "qk_layernorm": True},
        "old_config": {"partial_rotary_factor": 0.4, **plain_rope(20000.0, "float16")},
    },
    "olmo": {
        "seed": 106,
        "dtype": F16,
        "config": {**GROUPED, "clip_qkv": 1.5},
        "old_config": plain_rope(10000.0, "float16"),
    },
    "olmo2": {
        "seed": 107,
        "dtype": BF16,
        "config": GROUPED,
        "old_config": plain_rope(500000.0),
    },
    "granite": {
        "seed": 108,
        "dtype": BF16,
        "config": {
            **GROUPED,
            "embedding_multiplier": 3.0,
            "residual_multiplier": 0.6,
            "attention_multiplier": 0.4,
            "logits_scaling": 1.7,
        },
        "old_config": plain_rope(10000.0),
    },
    "smollm3": {
        "seed": 109,
        "dtype": BF16,
        "config": {
            **GROUPED,
            "num_hidden_layers": 3,
            "no_rope_layers": [1, 0, 1],
            "use_sliding_window": True,
            "sliding_window": 19,
            "pad_token_id": None,
        },
        "old_config": plain_rope(5000000.0),
    },
    "gemma": {
        "seed": 110,
        "embed_std": 0.15,
        "dtype": BF16,
        "config": {**COMMON, "num_key_value_heads": 1, "head_dim": 14},
        "old_config": {"hidden_act": "gelu", **plain_rope(10000.0)},
    },
    "gemma2": {
        "seed": 111,
        "embed_std": 0.2,
        "dtype": BF16,
        "config": {
            **GROUPED,
            "head_dim": 14,
            "query_pre_attn_scalar": 11,
            "sliding_window": 23,
            "attn_logit_softcapping": 5.0,
            "final_logit_softcapping": 12.0,
        },
        "old_config": {"rope_theta": 10000.0, "layer_types": None, "torch_dtype": "bfloat16"},
    },
    "gemma3": {
        "family": "gemma3_text",
        "seed": 112,
        "embed_std": 0.15,
        "dtype": BF16,
        "config": {
            **GROUPED,
            "num_hidden_layers": 3,
            "head_dim": 10,
            "query_pre_attn_scalar": 11,
            "sliding_window": 19,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
        "old_config": {
            "rope_theta": 1000000.0,
            "rope_local_base_freq": 10000.0,
            "rope_scaling": {"rope_type": "linear", "factor": 2.0},
            "layer_types": None,
            "sliding_window_pattern": 2,
            "torch_dtype": "bfloat16",
        },
    },
    # With what sees; the text model alone is imported.
    "gemma3-vision": {
        "family": "gemma3",
        "seed": 130,
        "embed_std": 0.15,
        "dtype": BF16,
        "config": {
            "text_config": {
                **GROUPED,
                "head_dim": 10,
                "query_pre_attn_scalar": 11,
                "sliding_window": 19,
                "layer_types": ["sliding_attention", "full_attention"],
            },
            "vision_config": {
                "hidden_size": 8,
                "intermediate_size": 12,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "image_size": 16,
                "patch_size": 8,
            },
            "mm_tokens_per_image": 4,
        },
    },
    "gptj": {
        "seed": 1130,
        "dtype": F16,
        "tokenizer": "gpt2",
        "config": {**GPT, "rotary_dim": 6, "tie_word_embeddings": False},
        "old_config": {"torch_dtype": "float16"},
    },
    "gpt_neo": {
        "seed": 114,
        "dtype": F16,
        "tokenizer": "gpt2",
        "config": {
            **SMALL,
            "hidden_size": 21,
            "num_layers": 3,
            "num_heads": 3,
            "window_size": 17,
            "attention_types": [[["global", "local"], 1], [["local"], 1]],
            "intermediate_size": 34,
        },
        "old_config": {"torch_dtype": "float16"},
    },
    "starcoder2": {
        "seed": 115,
        "dtype": BF16,
        "config": {**GROUPED, "sliding_window": 29},
        "old_config": {"rope_theta": 999999.4420358813, "torch_dtype": "bfloat16"},
    },
    "stablelm": {
        "seed": 116,
        "dtype": F16,
        "config": {**GROUPED, "use_qkv_bias": True},
        "old_config": {"partial_rotary_factor": 0.7, **plain_rope(10000.0, "float16")},
    },
    "stablelm-parallel": {
        "family": "stablelm",
        "seed": 118,
        "dtype": F16,
        "config": {
            **COMMON,
            "num_key_value_heads": 4,
            "use_parallel_residual": True,
            "tie_word_embeddings": False,
        },
        "old_config": {"partial_rotary_factor": 0.4, **plain_rope(10000.0, "float16")},
    },
    "phi3": {
        "seed": 120,
        "dtype": BF16,
        "config": {**GROUPED, "sliding_window": 21, "pad_token_id": None},
        "old_config": {"partial_rotary_factor": 0.7, **plain_rope(10000.0)},
    },
    # Tokens below and beyond the original context.
    "phi3-long": {
        "family": "phi3",
        "seed": 126,
        "dtype": BF16,
        "config": {
            **GROUPED,
            "hidden_size": 40,
            "original_max_position_embeddings": 90,
            "pad_token_id": None,
        },
        "old_config": {
            "rope_theta": 10000.0,
            "rope_scaling": {
                "type": "longrope",
                "short_factor": [1.0, 1.02, 1.1, 1.3, 1.7],
                "long_factor": [1.1, 1.9, 4.2, 9.5, 21.0],
            },
            "torch_dtype": "bfloat16",
        },
    },
    "llama-yarn": {
        "family": "llama",
        "seed": 127,
        "dtype": BF16,
        "config": {**GROUPED, "head_dim": 14},
        "old_config": {
            "rope_theta": 10000.0,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 75,
            },
            "torch_dtype": "bfloat16",
        },
    },
    "llama-dynamic": {
        "family": "llama",
        "seed": 128,
        "dtype": BF16,
        "config": {**GROUPED, "head_dim": 14, "max_position_embeddings": 130},
        "old_config": {
            "rope_theta": 10000.0,
            "rope_scaling": {"type": "dynamic", "factor": 2.0},
            "torch_dtype": "bfloat16",
        },
    },
    "gpt_neox": {
        "seed": 121,
        "dtype": F16,
        "config": {**COMMON, "tie_word_embeddings": False},
        "old_config": {"rotary_pct": 0.4, "rotary_emb_base": 10000, "torch_dtype": "float16"},
    },
    "gpt_neox-turns": {
        "family": "gpt_neox",
        "seed": 122,
        "dtype": F16,
        "config": {
            **COMMON,
            "use_parallel_residual": False,
            "attention_bias": False,
        },
        "old_config": {"rotary_pct": 1.0, "rotary_emb_base": 20000, "torch_dtype": "float16"},
    },
    "codegen": {
        "seed": 123,
        "dtype": F16,
        "tokenizer": "gpt2",
        "config": {**GPT, "rotary_dim": 8, "tie_word_embeddings": False},
        "old_config": {"torch_dtype": "float16"},
    },
    "falcon": {
        "seed": 124,
        "dtype": BF16,
        "config": {**COMMON, "ffn_hidden_size": 34},
        "old_config": {"torch_dtype": "bfloat16"},
    },
    # Six heads: slopes of four and of eight.
    "bloom": {
        "seed": 129,
        "dtype": F16,
        "config": {
            "vocab_size": 277,
            "hidden_size": 30,
            "n_layer": 2,
            "n_head": 6,
        },
        "old_config": {"seq_length": 300, "torch_dtype": "float16"},
    },
    "falcon-groups": {
        "family": "falcon",
        "seed": 125,
        "dtype": BF16,
        "config": {
            **COMMON,
            "hidden_size": 36,
            "ffn_hidden_size": 34,
            "num_attention_heads": 6,
            "num_kv_heads": 2,
            "new_decoder_architecture": True,
            "bias": True,
        },
        "old_config": {"torch_dtype": "bfloat16"},
    },
    "cohere": {
        "seed": 1131,
        "dtype": BF16,
        "config": {
            **GROUPED,
            "hidden_size": 36,
            "num_attention_heads": 6,
            "logit_scale": 0.4,
            "pad_token_id": None,
        },
        "old_config": plain_rope(10000.0),
    },
}
