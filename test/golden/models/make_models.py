"""Makes the tiny models of this folder and their golden values (needs torch, transformers,
bitsandbytes, gguf, tokenizers):

    make_models.py [NAME…]

A model NAME is a folder as Hugging Face would have it, with random weights and a tokenizer trained
on text.txt. NAME/golden holds what transformers computes in float32 from the stored weights, after
quantizing and decoding them by reference:

  SCHEME.npz    tokens_N, rows_N, logits_N: rows `rows_N` of the logits of N tokens, all at once;
                continuation: the greedy tokens that follow tokens_17
  scores.json   selections by name: the compiler's options, and what scoring text.txt gives
  tokens.json   texts and their ids, special tokens included, of folders without tokenizer.json
"""

from __future__ import annotations

import hashlib
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from fixture_tokenizers import read_tokenizer, write_json
from fixtures import FIXTURES, HERE, save_fixture
from transformers import AutoModelForCausalLM, PreTrainedModel

sys.path.insert(0, str(HERE.parent))
from pinned import check_versions
from reference_weights import ALL_COMPONENTS, DECODED, FFN, quantize_model

COUNTS = (1, 17, 600)
FIRST_COUNT = 17
ROW_STEP = 40
# Of short fixtures, by the count; 150 is beyond their windows, and over two tiles of attention.
SHORT_ROW_STEPS = {17: 16, 150: 60}
CONTINUATION = 16
# A greedy choice closer than this could tip with the order of summation.
LEAST_MARGIN = 1e-3
CONTEXT, STRIDE = 256, 96
# What tells tokenizers apart: special tokens, digits, spaces, contractions, other scripts.
SAMPLES = (
    "Hello world, it's 1234 o'clock!",
    "  two spaces\n\nand\ttabs ",
    "<|endoftext|>text</s><pad> more<s>",
    "naïve façade — 你好, мир 🙂",
)


@dataclass(frozen=True)
class Selection:
    options: str
    scheme: str
    components: tuple[str, ...] = ALL_COMPONENTS
    blocks: range | None = None
    has_head: bool = False
    # Only these have golden logits of 1 and 600 tokens, and a continuation.
    is_whole: bool = False
    # Of 17 tokens, every row_step-th row has golden logits, and the last one.
    row_step: int = 1


SELECTIONS = {
    "none": Selection("--quantize=none", "none", is_whole=True),
    "int8": Selection("--quantize=int8", "int8", is_whole=True),
    "nf4": Selection("--quantize=nf4", "nf4", is_whole=True),
    "int8-blocks": Selection("--quantize=int8 --blocks=0:1", "int8", blocks=range(1)),
    "int8-ffn": Selection("--quantize=int8 --components=ffn", "int8", FFN),
    "nf4-head": Selection("--quantize=nf4 --components=head", "nf4", (), has_head=True),
    "fp4": Selection("--quantize=fp4", "fp4", row_step=4),
    "nf4-128": Selection("--quantize=nf4 --block-size=128", "nf4-128", row_step=4),
    "nf4-double": Selection("--quantize=nf4 --double-quant", "nf4-double", row_step=4),
}
# Of models whose rows (the llama's but down_proj's) are whole blocks of 32.
GGML = {
    scheme: Selection(f"--quantize={scheme}", scheme, row_step=4) for scheme in ("q8_0", "q4_0")
}
EVEN = ("q", "k", "v", "o", "gate", "up")
# Of some models only.
MORE_SELECTIONS = {
    "llama-f32": {
        scheme: replace(
            selection, options=f"{selection.options} --components=attn,gate,up", components=EVEN
        )
        for scheme, selection in GGML.items()
    },
    "gpt2-f32": GGML,
    "opt-post": {
        "int8-proj": Selection("--quantize=int8 --components=proj", "int8", ("proj",)),
        **GGML,
    },
}
# Of some models these alone.
FEWER_SELECTIONS = {"gpt2-tiny": ("none", "nf4"), "gemma3-vision": ("none",)}
SHORT_SELECTIONS = ("none", "int8", "nf4")


def selections_of(name: str) -> dict[str, Selection]:
    every = SHORT_SELECTIONS if FIXTURES[name].is_short else SELECTIONS
    fewer = FEWER_SELECTIONS.get(name, every)
    return {key: SELECTIONS[key] for key in fewer} | MORE_SELECTIONS.get(name, {})


@torch.no_grad()
def load(folder: Path, selection: Selection) -> PreTrainedModel:
    """The stored model in float32, with the selected weights quantized and decoded."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    quantize_model(model, selection.scheme, selection.components, selection.blocks)
    if selection.has_head:
        # The embedding of a tied model keeps its values.
        decoded = DECODED[selection.scheme](model.lm_head.weight.detach())
        model.lm_head.weight = torch.nn.Parameter(decoded)
    return model


@torch.no_grad()
def logits_of(model: PreTrainedModel, tokens: list[int]) -> torch.Tensor:
    return model(torch.tensor([tokens])).logits[0]


def continuation(model: PreTrainedModel, tokens: list[int]) -> list[int]:
    tokens, start = list(tokens), len(tokens)
    for _ in range(CONTINUATION):
        best = logits_of(model, tokens)[-1].topk(2)
        assert best.values[0] - best.values[1] > LEAST_MARGIN, "a greedy choice is too close"
        tokens.append(int(best.indices[0]))
    return tokens[start:]


def score(model: PreTrainedModel, tokens: list[int], stride: int) -> dict[str, object]:
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


def golden_values(
    model: PreTrainedModel, tokens: list[int], selection: Selection, is_short: bool
) -> dict[str, object]:
    values: dict[str, object] = {}
    counts = tuple(SHORT_ROW_STEPS) if is_short else COUNTS
    for count in counts if selection.is_whole else (FIRST_COUNT,):
        step = selection.row_step if count < 100 else ROW_STEP
        if is_short:
            step = SHORT_ROW_STEPS[count]
        rows = np.unique(np.r_[0:count:step, count - 1])
        values[f"tokens_{count}"] = np.array(tokens[:count], dtype=np.int32)
        values[f"rows_{count}"] = rows.astype(np.int32)
        values[f"logits_{count}"] = logits_of(model, tokens[:count])[rows].numpy()
    if selection.is_whole:
        found = continuation(model, tokens[:FIRST_COUNT])
        values["continuation"] = np.array(found, dtype=np.int32)
    return values


def main() -> None:
    torch.set_num_threads(1)
    raw = (HERE / "text.txt").read_bytes()
    for name in sys.argv[1:] or FIXTURES:
        fixture = FIXTURES[name]
        folder = save_fixture(name, fixture, raw.decode())
        tokenizer = read_tokenizer(folder)
        text_tokens = tokenizer.encode(raw.decode(), add_special_tokens=False).ids
        random = np.random.default_rng(fixture.seed)
        tokens = random.integers(0, fixture.vocab, max(COUNTS)).tolist()
        golden = folder / "golden"
        golden.mkdir()
        results = {}
        for key, selection in selections_of(name).items():
            model = load(folder, selection)
            values = golden_values(model, tokens, selection, fixture.is_short)
            np.savez(golden / f"{key}.npz", **values)
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
        if fixture.has_tokenizer_parts:
            encoded = {text: tokenizer.encode(text).ids for text in SAMPLES}
            write_json(golden / "tokens.json", encoded)


if __name__ == "__main__":
    check_versions()
    main()
