"""The conditions of results, for readers."""

from __future__ import annotations

from collections.abc import Iterator

from qz_eval.analysis import Results
from qz_eval.results import Json


def _machine(machine: Json) -> Iterator[tuple[str, str]]:
    if machine.get("cpu"):
        memory = machine.get("memory_bytes", 0) / 2**30
        yield "CPU", f"{machine['cpu']}, {machine['threads']} threads, {memory:.1f} GiB of memory"
    if machine.get("gpus"):
        yield "GPUs", ", ".join(machine["gpus"])
    if machine.get("driver"):
        yield "NVIDIA driver", machine["driver"]
    if machine.get("system"):
        yield "System", machine["system"]


def _timing(conditions: Json) -> Iterator[tuple[str, str]]:
    after = conditions.get("depth")
    depth = f", each after {after:,} tokens in the cache" if after else ""
    batch = f", {conditions['batch']:,} sequences at once" if "batch" in conditions else ""
    yield (
        "Timing",
        f"prefill of {conditions['prefill_tokens']} tokens, decoding of "
        f"{conditions['decode_tokens']}{depth}{batch}, {conditions['repetitions']} repetitions "
        "after one that does not count",
    )


def protocol(conditions: Json) -> str:
    text = f"{conditions['protocol']}, context {conditions['context']:,}"
    if "stride" in conditions:
        text += f", stride {conditions['stride']:,}"
    if "max_windows" in conditions:
        text += f", at most {conditions['max_windows']:,} windows"
    return f"{text}, BOS {conditions.get('bos', 'as the tokenizer adds it')}"


def facts(results: Results) -> list[tuple[str, str]]:
    """Names and values."""
    conditions = results.conditions
    found: list[tuple[str, str]] = []
    devices = {row.device: None for row in results.rows if row.device}
    if devices:
        found.append(("Device", ", ".join(devices)))
    found += _machine(conditions.get("machine", {}))
    if "prefill_tokens" in conditions:
        found += _timing(conditions)
    if "text" in conditions:
        found.append(("Text", f"{conditions['text']}, {conditions['text_bytes']:,} bytes"))
        found.append(("SHA-256 of the text", conditions["text_sha256"]))
        found.append(("Protocol", protocol(conditions)))
    counts = {row.tokens_scored: None for row in results.rows if row.tokens_scored}
    if counts:
        found.append(("Tokens scored", " or ".join(f"{count:,}" for count in counts)))
    for task in conditions.get("tasks", ()):
        text = f"{task['task']}, {task['items']:,} of them, SHA-256 {task['sha256']}"
        found.append(("Questions", text))
    if "base" in conditions:
        found.append(("Compared with", conditions["base"]))
    if "iso_memory_percent" in conditions:
        percent = f"{conditions['iso_memory_percent']:g}%"
        found.append(("Equal memory", f"weights that differ by {percent} at most"))
    if "commit" in conditions:
        found.append(("Commit of qzc", conditions["commit"]))
    return found


def definitions(results: Results) -> list[str]:
    """How the figures were made, a paragraph each."""
    paragraphs = []
    if any(row.perplexity for row in results.rows):
        paragraphs.append(
            "Perplexity is stated with its standard error, scored tokens taken as independent of "
            "each other. It tells how far the perplexity on other text of the same kind may be "
            "off; it says little about differences between variants, since all of them saw the "
            "same text."
        )
    if results.has_models and any(row.bits_per_byte for row in results.rows):
        paragraphs.append(
            "Perplexities of models with different tokenizers do not compare, since their tokens "
            "differ. Bits a byte do: the bits that a model needs for a token on average, times the "
            "tokens that a byte of the text takes. Differences between models are not paired; "
            "their errors are taken as independent, which makes them larger than they are."
        )
    if any(row.divergence for row in results.rows):
        paragraphs.append(
            "Δ perplexity is the change from the base, with its paired error: that of the "
            "difference, in which what both find hard about the text cancels out. KL divergence "
            "is the mean over the tokens, in nats. “Same top” is how often variant and base agree "
            "on the most likely token. Definitions are those of llama-perplexity's "
            "--kl-divergence."
        )
    if any(row.decode or row.prefill for row in results.rows):
        paragraphs.append(
            "Speeds are means of the repetitions with their standard deviation. Prefill takes a "
            "prompt's tokens at once; decoding makes one token after the other. Memory is the "
            "most that a process of these runs had in use; on the CPU the mapped weights are part "
            "of it."
        )
    if any(row.batch for row in results.rows):
        paragraphs.append(
            "Where several sequences are timed at once, tokens a second are those of all of them; "
            "the time of a token is that of a step, which makes one for each."
        )
    paragraphs.append("MB are 1,000,000 bytes. Sizes of weights include scales.")
    return paragraphs
