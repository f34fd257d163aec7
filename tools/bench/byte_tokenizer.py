"""A tokenizer for models whose weights are random: a token is a byte."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, pre_tokenizers


def byte_tokenizer(size: int) -> Tokenizer:
    """Byte-level BPE of `size` entries, all of them bytes but for one merge and filling."""
    pieces = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "\u0120t"]
    pieces += [f"filling{i}" for i in range(len(pieces), size)]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[("\u0120", "t")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
