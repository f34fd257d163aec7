"""The rotary embeddings that a rope_type stands for: formulas of #qz.rope where it has them,
otherwise frequencies, computed as transformers computes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qz_import.builder import Rope
from qz_import.config import Config

# Of yarn, with their defaults: how often the frequencies turn between which it blends.
BETAS = {"beta_fast": 32.0, "beta_slow": 1.0}
# Of longrope: what frequencies are divided by within the original context and beyond it.
FACTORS = ("short_factor", "long_factor")


@dataclass(frozen=True)
class RopeQuestion:
    """What a rope_type is asked for: a rope of `dim` elements a head. `settings` is the object of
    config.json that says how to rotate."""

    config: Config
    settings: Config
    dim: int
    theta: float
    # The context before scaling.
    original_context: int
    # Whether other layers turn otherwise.
    is_one_of_several: bool = False

    def factor(self) -> float:
        factor = self.settings.number("factor")
        if factor < 1:
            raise self.settings.fail("factor", f"{factor} is below 1")
        return factor

    def stretch(self) -> float:
        """How many times as long contexts are as the original ones."""
        if self.settings.has("factor"):
            return self.settings.number("factor")
        return self.config.size("max_position_embeddings") / self.original_context

    def powers(self) -> np.ndarray:
        """theta^(2i / dim) in f32, as transformers rounds it: what frequencies are 1 divided by."""
        exponents = np.arange(0, self.dim, 2, dtype=np.float32) / np.float32(self.dim)
        powers = np.float64(np.float32(self.theta)) ** exponents.astype(np.float64)
        return powers.astype(np.float32)

    def explicit(
        self,
        said: Mapping[str, Any],
        magnitude: float,
        frequencies: np.ndarray,
        long: np.ndarray | None = None,
    ) -> Rope:
        """Frequencies that no formula of #qz.rope gives, other ones beyond the original context;
        `said` is config.json's name for them, with what goes with it."""
        parameters = {"magnitude": magnitude, "frequencies": tuple(map(float, frequencies))}
        if long is not None:
            parameters["original_context"] = self.original_context
            parameters["long_frequencies"] = tuple(map(float, long))
        said = {
            **said,
            "attention_factor": magnitude,
            "original_max_position_embeddings": self.original_context,
        }
        return Rope(self.dim, self.theta, "explicit", parameters, said=said)


def _plain(question: RopeQuestion) -> Rope:
    return Rope(question.dim, question.theta)


def _linear(question: RopeQuestion) -> Rope:
    return Rope(question.dim, question.theta, "linear", {"factor": question.factor()})


def _llama3(question: RopeQuestion) -> Rope:
    settings = question.settings
    low, high = settings.number("low_freq_factor"), settings.number("high_freq_factor")
    if low >= high:
        raise settings.fail("low_freq_factor", f"{low} is not below high_freq_factor {high}")
    parameters = {
        "factor": question.factor(),
        "low_freq_factor": low,
        "high_freq_factor": high,
        "original_context": question.original_context,
    }
    return Rope(question.dim, question.theta, "llama3", parameters)


def _dynamic(question: RopeQuestion) -> Rope:
    if question.dim < 4:
        raise question.settings.fail("rope_type", "is dynamic, which needs four elements a head")
    context = question.config.size("max_position_embeddings")
    parameters = {"factor": question.factor(), "original_context": context}
    return Rope(question.dim, question.theta, "dynamic", parameters)


def _yarn_magnitude(settings: Config, stretch: float) -> float:
    def grown(scale: float) -> float:
        return 0.1 * scale * math.log(stretch) + 1.0 if stretch > 1 else 1.0

    if settings.has("attention_factor"):
        return settings.number("attention_factor")
    if settings.has("mscale") and settings.has("mscale_all_dim"):
        return grown(settings.number("mscale")) / grown(settings.number("mscale_all_dim"))
    return grown(1.0)


def _yarn_ramp(question: RopeQuestion) -> np.ndarray:
    """Of each frequency how far it is from being kept (0) to being divided (1)."""
    settings, dim = question.settings, question.dim
    if question.theta == 1:
        raise settings.fail("rope_theta", "is 1, by whose logarithm yarn divides")

    def place(turns: float) -> float:
        """At which element a frequency turns so often within the original context."""
        length = question.original_context / (turns * 2 * math.pi)
        return dim * math.log(length) / (2 * math.log(question.theta))

    low, high = (place(settings.number(key, usual)) for key, usual in BETAS.items())
    # Where layers differ, transformers overlooks the key.
    if question.is_one_of_several or settings.flag("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    if low == high:
        high += 0.001
    pairs = np.arange(dim // 2, dtype=np.float32)
    return np.clip((pairs - np.float32(low)) / np.float32(high - low), 0, 1)


def _yarn(question: RopeQuestion) -> Rope:
    """Peng et al. (arXiv:2309.00071): frequencies with few turns within the original context are
    divided by the factor, those with many are kept."""
    stretch, powers = question.stretch(), question.powers()
    kept = 1 - _yarn_ramp(question)
    divided = 1 / (np.float32(stretch) * powers)
    magnitude = _yarn_magnitude(question.settings, stretch)
    said = {"rope_type": "yarn", "factor": stretch}
    said |= {key: question.settings.number(key, usual) for key, usual in BETAS.items()}
    return question.explicit(said, magnitude, divided * (1 - kept) + 1 / powers * kept)


def _longrope(question: RopeQuestion) -> Rope:
    """Ding et al. (arXiv:2402.13753): a divisor for each frequency, of short contexts and of
    long ones."""
    settings, context, stretch = question.settings, question.original_context, question.stretch()
    magnitude = settings.optional_number("attention_factor")
    if magnitude is None and stretch > 1:
        if context == 1:
            raise settings.fail("rope_type", "is longrope, which needs an original context above 1")
        magnitude = math.sqrt(1 + math.log(stretch) / math.log(context))
    factors = {key: settings.numbers(key, question.dim // 2) for key in FACTORS}
    short, long = (
        1 / (np.array(values, np.float32) * question.powers()) for values in factors.values()
    )
    said = {"rope_type": "longrope", **factors}
    return question.explicit(said, magnitude or 1.0, short, long)


_ROPES: Mapping[str, Callable[[RopeQuestion], Rope]] = {
    "default": _plain,
    "linear": _linear,
    "llama3": _llama3,
    "dynamic": _dynamic,
    "yarn": _yarn,
    "longrope": _longrope,
}
# rope_type → whose rope it is.
KINDS = {kind: kind for kind in _ROPES}


def rope_of(kind: str, question: RopeQuestion) -> Rope:
    """The rope of one of KINDS."""
    return _ROPES[kind](question)
