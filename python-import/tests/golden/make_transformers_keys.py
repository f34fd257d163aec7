"""Writes qz_import/transformers_keys.json: what transformers' configuration classes of the families
read, with its defaults (needs transformers as pinned in requirements.txt, and python-import on
PYTHONPATH). To be run again for a new family.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import transformers
from transformers import GenerationConfig, PreTrainedConfig
from transformers.models.auto import tokenization_auto as auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.tokenization_python import PythonBackend
from transformers.tokenization_utils_tokenizers import TokenizersBackend

import qz_import
from qz_import.families import model_types
from qz_import.wrappers import WRAPPERS

# What the classes take beside their fields, and rename or remove (PreTrainedConfig.__post_init__,
# RotaryEmbeddingConfigMixin), and what loading a model reads beside.
OTHERS = [
    "attn_implementation",
    "experts_implementation",
    "name_or_path",
    "num_labels",
    "output_attentions",
    "per_layer_config",
    "quantization_config",
    "tokenizer_class",
    "torch_dtype",
    "transformers_weights",
]
ROTARY = ["rope_scaling", "partial_rotary_factor", "original_max_position_embeddings"]
# Names that classes take in their own __post_init__ or convert_rope_params_to_dict.
OTHER_NAMES = {
    "bloom": {"n_embed": "hidden_size"},
    "gpt_neox": {"rotary_emb_base": "rope_theta", "rotary_pct": "partial_rotary_factor"},
}
OTHER_KEYS = {"gemma3_text": ["sliding_window_pattern"]}


def defaults(config: type[PreTrainedConfig]) -> dict[str, object]:
    return {
        field.name: None if field.default is dataclasses.MISSING else field.default
        for field in dataclasses.fields(config)
    }


def describe(model_type: str) -> dict[str, dict[str, object]]:
    config = CONFIG_MAPPING[model_type]
    common = defaults(PreTrainedConfig)
    own = {
        key: value
        for key, value in defaults(config).items()
        if key not in common or value != common[key]
    }
    if "rope_parameters" in own:
        own |= dict.fromkeys(ROTARY) | rotary(config)
    own |= dict.fromkeys(OTHER_KEYS.get(model_type, []))
    aliases = dict(config.attribute_map) | OTHER_NAMES.get(model_type, {})
    # attribute_map has the class's own names on either side.
    return {"defaults": own, "aliases": {k: v for k, v in aliases.items() if k not in own}}


def rotary(config: type[PreTrainedConfig]) -> dict[str, object]:
    """What of the rotary settings is not a field of the class but has a default all the same."""
    theta = config.default_theta
    part = {"partial_rotary_factor": config().rope_parameters.get("partial_rotary_factor")}
    if isinstance(theta, dict):
        return part | {"rope_theta": theta["global"], "rope_local_base_freq": theta["local"]}
    return part | {"rope_theta": theta}


def tokenizers() -> dict[str, object]:
    """How AutoTokenizer chooses a class: the one registered for a family, the families whose
    repositories are not believed, and what each name that a repository may give stands for: itself,
    or the class that takes a tokenizer.json as it is."""
    names = {name for name in auto.TOKENIZER_MAPPING_NAMES.values() if name}
    names |= {"PreTrainedTokenizer", "PreTrainedTokenizerFast", "PythonBackend", "BloomTokenizer"}
    names |= {name for name in dir(transformers) if name.endswith(("Tokenizer", "TokenizerFast"))}
    classes = {}
    for name in sorted(names | {f"{name.removesuffix('Fast')}Fast" for name in names}):
        found = auto.tokenizer_class_from_name(name)
        if found is None or found is PythonBackend:
            found = TokenizersBackend
        is_fast = issubclass(found, TokenizersBackend)
        as_it_is = is_fast and (found is TokenizersBackend or "__init__" not in vars(found))
        classes[name] = "TokenizersBackend" if as_it_is else found.__name__
    types = [*model_types(), *WRAPPERS]
    return {
        "registered": {key: auto.TOKENIZER_MAPPING_NAMES.get(key) for key in types},
        "distrusted": sorted(set(types) & auto.MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS),
        "classes": classes,
    }


def main() -> None:
    document = {
        "transformers": transformers.__version__,
        "generation": sorted(key for key in vars(GenerationConfig()) if not key.startswith("_")),
        "common": defaults(PreTrainedConfig) | dict.fromkeys(OTHERS),
        "tokenizers": tokenizers(),
        "families": {model_type: describe(model_type) for model_type in model_types()},
    }
    path = Path(qz_import.__file__).with_name("transformers_keys.json")
    path.write_text(json.dumps(document, indent=1) + "\n")


main()
