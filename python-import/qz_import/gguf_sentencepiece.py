"""The vocabulary of a SentencePiece model in a GGUF ("llama"): tokens with scores, spaces as "▁",
bytes for what no token has."""

from __future__ import annotations

from qz_import.errors import ImportFailure
from qz_import.tokenizer_json import Json, bpe_model

SPACE = "▁"
# Kinds of tokens (tokenizer.ggml.token_type) that text is put together of.
NORMAL, USER_DEFINED = 1, 4
# Beyond this a token is no word.
MOST_LETTERS = 1 << 10


def _merges(
    where: str, vocabulary: dict[str, int], scores: list[float], kinds: list[int]
) -> list[list[str]]:
    """Pairs of tokens that make a token, those of the best score first: llama.cpp joins the pair
    whose token has the best score, wherever in the text it is."""
    found: list[tuple[float, int, int, str, str]] = []
    for token, number in vocabulary.items():
        if kinds[number] not in (NORMAL, USER_DEFINED):
            continue
        if len(token) > MOST_LETTERS:
            raise ImportFailure(f"{where}: token {number} has {len(token)} letters")
        for at in range(1, len(token)):
            left, right = token[:at], token[at:]
            if left in vocabulary and right in vocabulary:
                pair = (vocabulary[left], vocabulary[right])
                found.append((-scores[number], *pair, left, right))
    found.sort(key=lambda entry: entry[:3])
    return [[left, right] for *_, left, right in found]


def sentencepiece_model(
    where: str,
    vocabulary: dict[str, int],
    scores: list[float],
    kinds: list[int],
    unknown: str | None,
) -> Json:
    """The "model" of a tokenizer.json."""
    for name, values in (("scores", scores), ("token types", kinds)):
        if len(values) != len(vocabulary):
            raise ImportFailure(f"{where}: {len(vocabulary)} tokens, but {len(values)} {name}")
    merges = _merges(where, vocabulary, scores, kinds)
    return bpe_model(vocabulary, merges, unk_token=unknown, fuse_unk=True, byte_fallback=True)


def normalizer(adds_space: bool) -> Json:
    spaces: Json = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    if not adds_space:
        return spaces
    return {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": SPACE}, spaces]}


def decoder(adds_space: bool) -> Json:
    spaces: Json = {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
    steps: list[Json] = [spaces, {"type": "ByteFallback"}, {"type": "Fuse"}]
    if adds_space:
        steps.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {"type": "Sequence", "decoders": steps}
