"""Makes the tiny models of this folder and their golden values (needs torch, transformers,
bitsandbytes, tokenizers):

    make_models.py [NAME…]

A model NAME is a folder as Hugging Face would have it, with random weights and a tokenizer trained
on text.txt. NAME/golden holds what transformers computes in float32 from the stored weights, after
quantizing and decoding them by reference:

  SCHEME.npz    tokens_N, rows_N, logits_N: rows `rows_N` of the logits of N tokens, all at once;
                continuation: the greedy tokens that follow tokens_17
  scores.json   selections by name: the compiler's options, and what scoring text.txt gives
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from reference_weights import ALL_COMPONENTS, DECODED, FFN, quantize_llama  # noqa: E402

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
BOS, EOS = 1, 2
COUNTS = (1, 17, 600)
ROW_STEP = 40
CONTINUATION = 16
# A greedy choice closer than this could tip with the order of summation.
LEAST_MARGIN = 1e-3
CONTEXT, STRIDE = 256, 96
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Fixture:
    seed: int
    dtype: torch.dtype
    config: dict[str, object]
    weight_std: float
    embed_std: float
    is_llama3_tokenizer: bool = False
    max_shard_size: str = "5GB"
    # Keys of config.json written in their older form.
    old_config: dict[str, object] = field(default_factory=dict)


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
        is_llama3_tokenizer=True,
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
}


@dataclass(frozen=True)
class Selection:
    options: str
    scheme: str
    components: tuple[str, ...] = ALL_COMPONENTS
    blocks: range | None = None
    has_head: bool = False
    # Only these have golden logits of 1 and 600 tokens, and a continuation.
    is_whole: bool = False


SELECTIONS = {
    "none": Selection("--quantize=none", "none", is_whole=True),
    "int8": Selection("--quantize=int8", "int8", is_whole=True),
    "nf4": Selection("--quantize=nf4", "nf4", is_whole=True),
    "int8-blocks": Selection("--quantize=int8 --blocks=0:1", "int8", blocks=range(1)),
    "int8-ffn": Selection("--quantize=int8 --components=ffn", "int8", FFN),
    "nf4-head": Selection("--quantize=nf4 --components=head", "nf4", (), has_head=True),
}


def train_tokenizer(fixture: Fixture, text: str) -> Tokenizer:
    """Byte-level BPE of the fixture's vocabulary, split as SmolLM2 or as Llama 3 does it."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=fixture.is_llama3_tokenizer))
    if fixture.is_llama3_tokenizer:
        split = pre_tokenizers.Split(Regex(LLAMA3_SPLIT), behavior="isolated")
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    else:
        split = pre_tokenizers.Digits(individual_digits=True)
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        [text],
        trainers.BpeTrainer(
            vocab_size=fixture.config["vocab_size"],
            special_tokens=SPECIAL,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    assert tokenizer.get_vocab_size() == fixture.config["vocab_size"]
    if fixture.is_llama3_tokenizer:
        start = SPECIAL[BOS]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{start} $A",
            pair=f"{start} $A {start}:1 $B:1",
            special_tokens=[(start, BOS)],
        )
    return tokenizer


@torch.no_grad()
def random_model(fixture: Fixture) -> LlamaForCausalLM:
    random = torch.Generator().manual_seed(fixture.seed)
    config = LlamaConfig(bos_token_id=BOS, eos_token_id=EOS, **fixture.config)
    if fixture.old_config:
        config = LlamaConfig(**{**config.to_dict(), **rope_of(fixture)})
    model = LlamaForCausalLM(config)
    for name, weight in model.named_parameters():
        std = fixture.embed_std if "embed" in name or "lm_head" in name else fixture.weight_std
        values = torch.empty(weight.shape).normal_(0, std, generator=random)
        weight.copy_(values + 1 if "norm" in name else values)
    return model.to(fixture.dtype)


def rope_of(fixture: Fixture) -> dict[str, object]:
    """The older form of the rotary settings as transformers' new one."""
    scaling = fixture.old_config["rope_scaling"] or {"type": "default"}
    parameters = {"rope_type" if key == "type" else key: v for key, v in scaling.items()}
    return {"rope_parameters": {"rope_theta": fixture.old_config["rope_theta"], **parameters}}


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")


def save(name: str, fixture: Fixture, text: str) -> Path:
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    random_model(fixture).save_pretrained(folder, max_shard_size=fixture.max_shard_size)
    for weights in folder.glob("*.safetensors"):
        weights.chmod(0o644)
    config = json.loads((folder / "config.json").read_text())
    config.pop("transformers_version", None)
    if fixture.old_config:
        for key in ("rope_parameters", "dtype"):
            config.pop(key)
        config |= fixture.old_config
    write_json(folder / "config.json", config)
    write_json(folder / "generation_config.json", {"bos_token_id": BOS, "eos_token_id": [EOS, 0]})
    tokenizer_config = {"tokenizer_class": "PreTrainedTokenizerFast"}
    tokenizer_config |= {"bos_token": SPECIAL[BOS], "eos_token": SPECIAL[EOS]}
    if not fixture.is_llama3_tokenizer:
        tokenizer_config |= {"add_bos_token": False, "chat_template": CHAT_TEMPLATE}
    write_json(folder / "tokenizer_config.json", tokenizer_config)
    train_tokenizer(fixture, text).save(str(folder / "tokenizer.json"))
    return folder


@torch.no_grad()
def load(folder: Path, selection: Selection) -> LlamaForCausalLM:
    """The stored model in float32, with the selected weights quantized and decoded."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    quantize_llama(model, selection.scheme, selection.components, selection.blocks)
    if selection.has_head:
        # The embedding of a tied model keeps its values.
        decoded = DECODED[selection.scheme](model.lm_head.weight.detach())
        model.lm_head.weight = torch.nn.Parameter(decoded)
    return model


@torch.no_grad()
def logits_of(model: LlamaForCausalLM, tokens: list[int]) -> torch.Tensor:
    return model(torch.tensor([tokens])).logits[0]


def continuation(model: LlamaForCausalLM, tokens: list[int]) -> list[int]:
    tokens, start = list(tokens), len(tokens)
    for _ in range(CONTINUATION):
        best = logits_of(model, tokens)[-1].topk(2)
        assert best.values[0] - best.values[1] > LEAST_MARGIN, "a greedy choice is too close"
        tokens.append(int(best.indices[0]))
    return tokens[start:]


def score(model: LlamaForCausalLM, tokens: list[int], stride: int) -> dict[str, object]:
    """Windows of CONTEXT tokens that start every `stride` tokens, each scoring what no window
    before it has scored. The first one's first token and a last short window are left out."""
    losses: list[float] = []
    for first in range(0, len(tokens) - CONTEXT + 1, stride):
        window = torch.tensor(tokens[first : first + CONTEXT])
        logits = logits_of(model, window.tolist())[:-1].double()
        nll = torch.nn.functional.cross_entropy(logits, window[1:], reduction="none")
        new = CONTEXT - 1 if first == 0 or stride == CONTEXT else stride
        losses += nll[-new:].tolist()
    mean = math.fsum(losses) / len(losses)
    return {
        "context": CONTEXT,
        "stride": stride,
        "tokens_scored": len(losses),
        "mean_nll": round(mean, 7),
        "perplexity": round(math.exp(mean), 6),
    }


def golden_values(model: LlamaForCausalLM, tokens: list[int], is_whole: bool) -> dict[str, object]:
    values: dict[str, object] = {}
    for count in COUNTS if is_whole else COUNTS[1:2]:
        rows = np.arange(count) if count < 100 else np.r_[0:count:ROW_STEP, count - 1]
        values[f"tokens_{count}"] = np.array(tokens[:count], dtype=np.int32)
        values[f"rows_{count}"] = rows.astype(np.int32)
        values[f"logits_{count}"] = logits_of(model, tokens[:count])[rows].numpy()
    if is_whole:
        found = continuation(model, tokens[: COUNTS[1]])
        values["continuation"] = np.array(found, dtype=np.int32)
    return values


def main() -> None:
    torch.set_num_threads(1)
    raw = (HERE / "text.txt").read_bytes()
    for name in sys.argv[1:] or FIXTURES:
        fixture = FIXTURES[name]
        folder = save(name, fixture, raw.decode())
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        text_tokens = tokenizer.encode(raw.decode(), add_special_tokens=False).ids
        random = np.random.default_rng(fixture.seed)
        tokens = random.integers(0, fixture.config["vocab_size"], max(COUNTS)).tolist()
        golden = folder / "golden"
        golden.mkdir()
        results = {}
        for key, selection in SELECTIONS.items():
            model = load(folder, selection)
            np.savez(golden / f"{key}.npz", **golden_values(model, tokens, selection.is_whole))
            results[key] = {
                "options": selection.options,
                "windows": score(model, text_tokens, CONTEXT),
                "stride": score(model, text_tokens, STRIDE),
            }
            print(f"{name} {key}: {results[key]['windows']['perplexity']}", flush=True)
        document = {
            "text_sha256": hashlib.sha256(raw).hexdigest(),
            "text_tokens": len(text_tokens),
            "selections": results,
        }
        write_json(golden / "scores.json", document)


if __name__ == "__main__":
    main()
