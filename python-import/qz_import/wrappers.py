"""Text models inside models that see or hear as well: where their config.json and their tensors
are."""

from __future__ import annotations

from qz_import.config import Config
from qz_import.weights import StoredTensor

# model_types whose text model does with a text alone what it does on its own.
WRAPPERS = (
    "gemma3",
    "idefics3",
    "internvl",
    "llava",
    "llava_next",
    "llava_onevision",
    "mistral3",
    "smolvlm",
)
# What transformers' versions have put before the names of its tensors, and the tensors of its head.
PREFIXES = ("model.language_model.", "language_model.", "model.text_model.")
HEAD = "lm_head."
# Keys that count for the text model where the wrapper has them.
SHARED = (
    "bos_token_id",
    "compression_config",
    "dtype",
    "eos_token_id",
    "quantization_config",
    "tie_word_embeddings",
    "torch_dtype",
    "transformers_weights",
)


def text_config(config: Config) -> Config | None:
    """The text model's config.json in that of a wrapper; None where it is no wrapper's."""
    if not config.has("model_type") or config.raw("model_type") not in WRAPPERS:
        return None
    inner = config.section("text_config")
    if inner is None:
        raise config.fail("text_config", "is missing, which has the text model of a wrapper")
    own, shared = inner.keys(), filter(config.has, SHARED)
    values = {key: inner.raw(key) for key in own} | {key: config.raw(key) for key in shared}
    return Config(values, inner.where)


def text_tensors(tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    """The text model's tensors among those of a wrapper, by the names that it has for them."""
    found = {name: tensor for name, tensor in tensors.items() if name.startswith(HEAD)}
    for name, tensor in tensors.items():
        prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
        if prefix:
            found[name.removeprefix(prefix)] = tensor
    return found
