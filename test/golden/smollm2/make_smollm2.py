"""Reference perplexities of SmolLM2-135M from transformers' float32 (needs torch).

    make_smollm2.py HF_DIR TEXT [NAME…]

HF_DIR is what `qz-import SmolLM2-135M-Instruct.Q4_1.gguf --dtype=bf16` leaves beside its module,
TEXT the WikiText-2 test file. Protocol `windows`: the text tokenized whole without special tokens,
non-overlapping windows of 1024 tokens, every token but a window's first scored, the first 64
windows. Writes perplexity.json beside this script, one entry a selection, keeping the others.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from pinned import check_versions  # noqa: E402
from reference_weights import ALL_COMPONENTS, FFN, quantize_model  # noqa: E402
from window_scores import CONTEXT, WINDOWS, score  # noqa: E402

# Name → the compiler's options and what they select.
SELECTIONS = {
    "none": ("none", ALL_COMPONENTS, None),
    "int8": ("int8", ALL_COMPONENTS, None),
    "nf4": ("nf4", ALL_COMPONENTS, None),
    "q4_0": ("q4_0", ALL_COMPONENTS, None),
    "fp4": ("fp4", ALL_COMPONENTS, None),
    "nf4 --double-quant": ("nf4-double", ALL_COMPONENTS, None),
    "nf4 --blocks=0:12": ("nf4", ALL_COMPONENTS, range(12)),
    "int8 --blocks=0:12": ("int8", ALL_COMPONENTS, range(12)),
    "int8 --components=ffn": ("int8", FFN, None),
}


def main() -> None:
    folder, text = Path(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    raw = text.read_bytes()
    tokens = torch.tensor(tokenizer.encode(raw.decode(), add_special_tokens=False).ids)
    out = HERE / "perplexity.json"
    for name in sys.argv[3:] or SELECTIONS:
        scheme, components, blocks = SELECTIONS[name]
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        quantize_model(model, scheme, components, blocks)
        result = score(model, tokens)
        document = json.loads(out.read_text()) if out.exists() else {"results": {}}
        document |= {
            "model": "SmolLM2-135M-Instruct.Q4_1.gguf decoded, stored as bf16",
            "text_sha256": hashlib.sha256(raw).hexdigest(),
            "text_tokens": len(tokens),
            "protocol": "windows",
            "context": CONTEXT,
            "windows": WINDOWS,
        }
        document["results"][name] = result
        out.write_text(json.dumps(document, indent=1) + "\n")
        print(f"{name}: {result['perplexity']}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    check_versions()
    main()
