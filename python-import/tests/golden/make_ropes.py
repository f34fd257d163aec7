"""Writes ropes.json: what transformers' models turn by, for configurations as config.json has them
(needs torch, and transformers as pinned in requirements.txt).

Of each case: the config.json, the type of layer where there are several, how many positions a run
has, and the frequencies and the magnitude of cosine and sine in such a run.
"""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

COUNT = 40
SIZES = {
    "vocab_size": 20,
    "hidden_size": 16,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


class Cases:
    def __init__(self) -> None:
        self.random = random.Random(9)

    def chance(self) -> bool:
        return self.random.random() < 0.4

    def maybe(self, **values: object) -> dict[str, object]:
        """Each of the keys, or not."""
        return {key: value for key, value in values.items() if self.chance()}

    def number(self, low: float, high: float) -> float:
        return round(self.random.uniform(low, high), 3)

    def yarn(self) -> dict[str, object]:
        scales = {"mscale": self.number(0.5, 1), "mscale_all_dim": self.number(0.5, 1)}
        return {
            "rope_type": "yarn",
            "factor": self.number(1, 40),
            **self.maybe(
                attention_factor=self.number(0.5, 2),
                beta_fast=self.number(8, 64),
                beta_slow=self.number(0.5, 4),
                truncate=False,
                original_max_position_embeddings=self.random.choice((64, 1000)),
            ),
            **(scales if self.chance() else {}),
        }

    def longrope(self, pairs: int) -> dict[str, object]:
        return {
            "rope_type": "longrope",
            "short_factor": [self.number(1, 2) for _ in range(pairs)],
            "long_factor": [self.number(1, 30) for _ in range(pairs)],
            **self.maybe(attention_factor=self.number(0.5, 2), factor=self.number(1, 40)),
        }

    def dynamic(self) -> dict[str, object]:
        return {"rope_type": "dynamic", "factor": self.number(1, 8)}

    def case(self) -> dict[str, Any]:
        head_dim = self.random.choice((8, 24, 64, 96))
        family = self.random.choice(("llama", "phi3", "gemma3_text"))
        config = {
            "model_type": family,
            **SIZES,
            "head_dim": head_dim,
            "max_position_embeddings": self.random.choice((128, 4096, 131072)),
            "rope_theta": self.random.choice((10000.0, 500000.0, 1e6)),
        }
        pairs = head_dim // 2
        if family == "phi3":
            # It has no other head_dim than this.
            config |= {"hidden_size": 2 * head_dim, "pad_token_id": 0}
            config["partial_rotary_factor"] = self.random.choice((1.0, 0.75))
            pairs = int(head_dim * config["partial_rotary_factor"]) // 2
            config["original_max_position_embeddings"] = 100
            rope = self.longrope(pairs)
            rope["type"] = self.random.choice(("su", "yarn", "longrope"))
            del rope["rope_type"]
            if rope["type"] == "su":
                # transformers looks for it here alone.
                rope["original_max_position_embeddings"] = 100
        else:
            kinds = (self.yarn, self.dynamic, lambda: self.longrope(pairs))
            rope = self.random.choice(kinds)()
            if rope["rope_type"] == "longrope":
                rope["original_max_position_embeddings"] = 90
        config["rope_scaling"] = rope
        lengths = (1, 90, 100, 101, 128, 129, 200, 5000, 200000)
        if family == "gemma3_text":
            config["layer_types"] = ["full_attention", "sliding_attention"]
        case = {"config": config, "positions": self.random.choice(lengths)}
        return case | ({"layer_type": "full_attention"} if family == "gemma3_text" else {})


def rope_of(case: dict[str, Any]) -> tuple[list[float], float]:
    config = copy.deepcopy(case["config"])
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[config["model_type"]].from_dict(config))
    rotary, at = model.model.rotary_emb, torch.tensor([[case["positions"] - 1]])
    layers = case.get("layer_type")
    if layers is None:
        rotary(torch.zeros(1), at)
        return rotary.inv_freq.tolist(), float(rotary.attention_scaling)
    rotary(torch.zeros(1), at, layers)
    magnitude = getattr(rotary, f"{layers}_attention_scaling")
    return getattr(rotary, f"{layers}_inv_freq").tolist(), float(magnitude)


def main() -> None:
    make, found = Cases(), []
    for _ in range(COUNT):
        case = make.case()
        frequencies, magnitude = rope_of(case)
        found.append({**case, "magnitude": magnitude, "frequencies": frequencies})
    text = ",\n".join(json.dumps(case) for case in found)
    Path(__file__).with_name("ropes.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
