"""The fixture models: configurations, random weights, and the folders they are written to (needs
torch, transformers)."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from family_fixtures import FAMILY_FIXTURES
from fixture_tokenizers import KINDS, save_tokenizer, set_chat_template, write_json
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chat"))
from chat_templates import BY_MODEL_TYPE

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Fixture:
    seed: int
    dtype: torch.dtype
    config: dict[str, object]
    weight_std: float
    embed_std: float
    family: str = "llama"
    tokenizer: str = "smollm"
    # vocab.json and merges.txt instead of tokenizer.json.
    has_tokenizer_parts: bool = False
    # Writes the weights; None for what save_pretrained does.
    save_weights: Callable[[Path, PreTrainedModel], None] | None = None
    max_shard_size: str = "5GB"
    # Keys of config.json written in their older form.
    old_config: dict[str, object] = field(default_factory=dict)
    # Golden values of fewer counts of tokens and selections.
    is_short: bool = False

    @property
    def vocab(self) -> int:
        return self.config.get("text_config", self.config)["vocab_size"]


def save_base_model(folder: Path, model: PreTrainedModel) -> None:
    """One safetensors file with the names of the model without its head."""
    state = model.base_model.state_dict()
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def save_old_gpt2(folder: Path, model: PreTrainedModel) -> None:
    """pytorch_model.bin as OpenAI's GPT-2 has it: the layout before torch 1.6, names without
    prefix, and the masks that old versions of transformers kept (smaller ones). torch calls its
    storages by their addresses there, so that the file differs from run to run."""
    state = model.transformer.state_dict()
    for layer in range(model.config.n_layer):
        mask = torch.tril(torch.ones(8, 8, dtype=torch.uint8)).view(1, 1, 8, 8)
        state[f"h.{layer}.attn.bias"] = mask
        state[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    path = folder / "pytorch_model.bin"
    torch.save(state, path, _use_new_zipfile_serialization=False)


def save_torch_shards(folder: Path, model: PreTrainedModel) -> None:
    """Two zipped shards and their index; the tied head is stored once more, in the second."""
    state = model.state_dict()
    names = list(state)
    weight_map = {}
    for number, part in enumerate((names[: len(names) // 2], names[len(names) // 2 :])):
        shard = f"pytorch_model-{number + 1:05}-of-00002.bin"
        torch.save({name: state[name] for name in part}, folder / shard)
        weight_map |= dict.fromkeys(part, shard)
    assert weight_map["lm_head.weight"] != weight_map["model.decoder.embed_tokens.weight"]
    size = sum(tensor.nbytes for tensor in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    write_json(folder / "pytorch_model.bin.index.json", index)


FIXTURES = {
    "llama-bf16": Fixture(
        seed=1,
        dtype=torch.bfloat16,
        weight_std=0.15,
        embed_std=0.35,
        config={
            "vocab_size": 301,
            "hidden_size": 40,
            "num_attention_heads": 5,
            "num_key_value_heads": 1,
            "intermediate_size": 72,
            "num_hidden_layers": 3,
            "max_position_embeddings": 640,
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": True,
        },
        old_config={"rope_theta": 10000.0, "rope_scaling": None, "torch_dtype": "bfloat16"},
    ),
    "llama-f32": Fixture(
        seed=2,
        dtype=torch.float32,
        weight_std=0.1,
        embed_std=0.25,
        tokenizer="llama3",
        max_shard_size="400KB",
        config={
            "vocab_size": 320,
            "hidden_size": 96,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "intermediate_size": 172,
            "num_hidden_layers": 2,
            "max_position_embeddings": 1024,
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": False,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 128,
            },
        },
    ),
    "llama-bias": Fixture(
        seed=3,
        dtype=torch.float16,
        weight_std=0.17,
        embed_std=0.4,
        config={
            "vocab_size": 299,
            "hidden_size": 44,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 14,
            "intermediate_size": 50,
            "num_hidden_layers": 2,
            "max_position_embeddings": 700,
            "rms_norm_eps": 1e-6,
            "attention_bias": True,
            "mlp_bias": True,
            "tie_word_embeddings": False,
        },
        old_config={
            "rope_theta": 20000.0,
            "rope_scaling": {"type": "linear", "factor": 2.5},
            "torch_dtype": "float16",
        },
    ),
    "gpt2-f32": Fixture(
        seed=4,
        dtype=torch.float32,
        weight_std=0.15,
        embed_std=0.3,
        family="gpt2",
        tokenizer="gpt2",
        config={
            "vocab_size": 315,
            "n_positions": 640,
            "n_embd": 64,
            "n_layer": 2,
            "n_head": 4,
            "n_inner": 96,
            "scale_attn_by_inverse_layer_idx": True,
        },
    ),
    "gpt2-bf16": Fixture(
        seed=8,
        dtype=torch.bfloat16,
        weight_std=0.2,
        embed_std=0.4,
        family="gpt2",
        tokenizer="gpt2",
        has_tokenizer_parts=True,
        save_weights=save_old_gpt2,
        config={
            "vocab_size": 307,
            "n_positions": 620,
            "n_embd": 36,
            "n_layer": 3,
            "n_head": 3,
            "layer_norm_epsilon": 3e-5,
        },
    ),
    # The sizes of the tiny GPT-2 that other projects' tests use.
    "gpt2-tiny": Fixture(
        seed=9,
        dtype=torch.float32,
        weight_std=0.4,
        embed_std=0.5,
        family="gpt2",
        tokenizer="gpt2",
        config={
            "vocab_size": 300,
            "n_positions": 600,
            "n_embd": 2,
            "n_layer": 2,
            "n_head": 2,
        },
    ),
    "opt-post": Fixture(
        seed=6,
        dtype=torch.float16,
        weight_std=0.15,
        embed_std=0.5,
        family="opt",
        tokenizer="opt",
        has_tokenizer_parts=True,
        save_weights=save_torch_shards,
        config={
            "vocab_size": 318,
            "hidden_size": 64,
            "word_embed_proj_dim": 32,
            "ffn_dim": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 640,
            "do_layer_norm_before": False,
        },
        old_config={"torch_dtype": "float16"},
    ),
    "opt-pre": Fixture(
        seed=7,
        dtype=torch.float32,
        weight_std=0.17,
        embed_std=0.35,
        family="opt",
        tokenizer="opt",
        save_weights=save_base_model,
        config={
            "vocab_size": 305,
            "hidden_size": 44,
            "ffn_dim": 70,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 610,
        },
    ),
}


FIXTURES |= {
    name: Fixture(
        **{
            "family": name,
            "weight_std": 0.15,
            "embed_std": 0.35,
            "is_short": True,
            **arguments,
        }
    )
    for name, arguments in FAMILY_FIXTURES.items()
}


@torch.no_grad()
def random_model(fixture: Fixture) -> PreTrainedModel:
    random = torch.Generator().manual_seed(fixture.seed)
    kind = KINDS[fixture.tokenizer]
    tokens = {"bos_token_id": kind.bos, "eos_token_id": kind.eos[0]}
    old = {k: v for k, v in fixture.old_config.items() if k != "torch_dtype"}
    config = AutoConfig.for_model(fixture.family, **tokens, **{**fixture.config, **old})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    for name, weight in model.named_parameters():
        is_embedding = any(part in name for part in ("embed", "lm_head.weight", "wte", "wpe"))
        is_norm = ("norm" in name or ".ln_" in name) and name.endswith("weight")
        std = fixture.embed_std if is_embedding else fixture.weight_std
        values = torch.empty(weight.shape).normal_(0, std, generator=random)
        weight.copy_(values + 1 if is_norm else values)
    return model.to(fixture.dtype)


def save_fixture(name: str, fixture: Fixture, text: str) -> Path:
    """Writes the folder anew, without golden values."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model = random_model(fixture)
    if fixture.save_weights:
        folder.mkdir()
        fixture.save_weights(folder, model)
        model.config.architectures = [type(model).__name__]
        model.config.save_pretrained(folder)
    else:
        model.save_pretrained(folder, max_shard_size=fixture.max_shard_size)
    for weights in (*folder.glob("*.safetensors"), *folder.glob("*.bin")):
        weights.chmod(0o644)
    config = json.loads((folder / "config.json").read_text())
    config.pop("transformers_version", None)
    if fixture.old_config:
        for key in ("rope_parameters", "dtype"):
            config.pop(key, None)
        config |= fixture.old_config
        config = {k: v for k, v in config.items() if v is not None or k not in fixture.old_config}
    write_json(folder / "config.json", config)
    kind = KINDS[fixture.tokenizer]
    ends = {"eos_token_id": list(kind.eos) if len(kind.eos) > 1 else kind.eos[0]}
    write_json(folder / "generation_config.json", {"bos_token_id": kind.bos, **ends})
    save_tokenizer(folder, kind, fixture.vocab, text, as_parts=fixture.has_tokenizer_parts)
    if fixture.family in BY_MODEL_TYPE:
        set_chat_template(folder, BY_MODEL_TYPE[fixture.family])
    return folder
