#!/usr/bin/env python3
"""Holds an executable against llama.cpp running the GGUF of the same compilation:

    qzc model.mlir OPTIONS -o model.bin --gguf=model.gguf
    compare_llama_cpp.py model.bin model.gguf --text wikitext2-test.txt --chunks 8

Prints whether the text is tokenized alike; over a greedy continuation of a prompt, whether the
tokens agree and how far the log-probabilities of each step's ten best are apart; and the
perplexity of the text's first chunks under llama-perplexity's protocol, computed from llama.cpp's
logits and by the executable. Needs xllamacpp.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "python-eval"))
from qz_eval.peers.llama_library import LlamaCpp

CONTEXT = 512
NEW_TOKENS = 32
BEST = 10


def executable(image: Path, *arguments: object) -> str:
    words = [str(image.resolve()), *map(str, arguments)]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def ids_of(image: Path, text: str) -> list[int]:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        return json.loads(executable(image, "--tokenize", file.name))


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def compare_continuation(image: Path, model: LlamaCpp, prompt: str) -> None:
    start = model.tokenize(prompt, is_prompt=True)
    device = "--device=cpu"
    done = executable(
        image, device, "--tokens", ",".join(map(str, start)), "-n", NEW_TOKENS, "--ignore-eos"
    )
    tokens = start + json.loads(done)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "logits.npy"
        executable(image, device, "--tokens", ",".join(map(str, tokens)), "--logits", out)
        ours = log_probabilities(np.load(out)[len(start) - 1 : -1])
    theirs = log_probabilities(model.logits(tokens)[len(start) - 1 : -1])
    best = np.argsort(ours, axis=1)[:, -BEST:]
    apart = np.abs(np.take_along_axis(ours - theirs, best, axis=1))
    same = (theirs.argmax(axis=1) == tokens[len(start) :]).sum()
    print(f"greedy tokens the same: {same} of {NEW_TOKENS}")
    print(f"log-probabilities of the {BEST} best: at most {apart.max():.6f} apart, "
          f"{apart.mean():.6f} in the mean")


def perplexity(model: LlamaCpp, tokens: list[int], chunks: int) -> tuple[float, float]:
    """As llama-perplexity: the tokens after a chunk's middle one are scored; BOS stands first."""
    losses = []
    for begin in range(0, chunks * CONTEXT, CONTEXT):
        chunk = tokens[begin : begin + CONTEXT]
        if model.bos is not None:
            chunk[0] = model.bos
        logits = log_probabilities(model.logits(chunk)[CONTEXT // 2 : -1])
        losses += list(-logits[np.arange(len(logits)), chunk[CONTEXT // 2 + 1 :]])
    mean = math.fsum(losses) / len(losses)
    error = math.sqrt(np.var(losses) / (len(losses) - 1))
    return math.exp(mean), math.exp(mean) * error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--chunks", type=int, default=8)
    parser.add_argument("--prompt", default="The three things a good engineer knows are")
    arguments = parser.parse_args()

    model = LlamaCpp(arguments.gguf, CONTEXT)
    text = arguments.text.read_text(encoding="utf-8").removesuffix("\n")
    tokens = model.tokenize(text, is_prompt=False)
    same = tokens == ids_of(arguments.image, text)
    print(f"{len(tokens)} tokens, {'the same' if same else 'NOT the same'} in both")
    compare_continuation(arguments.image, model, arguments.prompt)

    start = [] if model.bos is None else [model.bos]
    theirs, error = perplexity(model, start + tokens, arguments.chunks)
    score = json.loads(executable(
        arguments.image, "--device=cpu", "--score", arguments.text, "--protocol=llama.cpp",
        "--max-windows", arguments.chunks, "--json",
    ))
    ours = score["perplexity"]
    print(f"perplexity of {arguments.chunks} chunks: {ours:.4f} ± {score['perplexity_error']:.4f}; "
          f"llama.cpp {theirs:.4f} ± {error:.4f} ({ours / theirs - 1:+.4%})")


if __name__ == "__main__":
    main()
