"""What the words of a report mean, for readers who meet them here for the first time."""

from __future__ import annotations

from collections.abc import Collection, Iterable

PERPLEXITY = (
    "Perplexity",
    "How well a model predicts a text: the exponential of the mean negative log-probability that "
    "it gives to each next token. A perplexity of 20 means that the model is on average as unsure "
    "as somebody who chooses among 20 equally likely tokens. It depends on the text, the tokenizer "
    "and the protocol (how much context each token has), so only values with the same conditions "
    "can be compared.",
)
DIVERGENCE = (
    "Kullback-Leibler (KL) divergence",
    "How far the predictions of a quantized model are from those of its base, averaged over the "
    "tokens of the text, in nats. It is 0 where both give every token the same probability. "
    "Perplexity looks at the right token alone, and gains on some tokens hide losses on others; "
    "the divergence sees every change.",
)
CHOICE = (
    "Multiple choice",
    "The model writes nothing: each choice is put behind the question, and the one that it finds "
    "most likely is its answer. Long choices are less likely for their length alone, so answers "
    "are also taken by the log-likelihood a character (“by length”; lm-eval calls the two acc and "
    "acc_norm). Where there are four choices, guessing gets a quarter right. A few hundred "
    "questions leave an error of some percent; the change from the base is known better, since "
    "both had the same questions.",
)
PARETO = (
    "Pareto front",
    "The variants that no other one beats in both respects at once: whoever wants one of the two "
    "better has to accept that the other gets worse.",
)
INT8 = (
    "int8",
    "Each weight is stored in 8 bits as a whole number between −127 and 127, and each row of a "
    "matrix has one scale, chosen so that the largest weight of the row fits. Multiplying the "
    "number with the scale gives the weight back, rounded. A weight matrix takes a quarter of its "
    "size in f32 and half of that in 16 bits.",
)
LINEAR4 = (
    "Linear 4-bit (q4_0)",
    "Each weight is one of 16 evenly spaced values, stored in 4 bits, and 32 neighbouring weights "
    "share a scale in 16 bits: 4.5 bits a weight. Even spacing is simple and fast, but weights are "
    "not evenly distributed: most lie near zero, where the steps are as wide as at the ends.",
)
NF4 = (
    "NF4 (4-bit NormalFloat) and FP4",
    "Also 16 values in 4 bits, but unevenly spaced. Those of NF4 are quantiles of a normal "
    "distribution, which weights roughly follow, so that each value is used about equally often; "
    "those of FP4 are the values of a tiny floating-point format. 64 neighbouring weights share "
    "one f32 scale: 4.5 bits a weight; double quantization stores the scales in 8 bits as well: "
    "about 4.13 bits.",
)
K_QUANTS = (
    "K-quants (q4_k, q5_k, q6_k)",
    "Linear codes of 4, 5 or 6 bits in blocks of 256 weights, as llama.cpp has them. Each block is "
    "cut into 8 or 16 parts with a scale of their own (and for 4 and 5 bits a smallest value), "
    "which are stored in 6 or 8 bits: 4.5, 5.5 and 6.56 bits a weight.",
)
GROUPS = (
    "Groups (int2, int3, int4, int8g)",
    "Evenly spaced values in 2, 3, 4 or 8 bits; 32, 64 or 128 neighbouring weights of a row share "
    "a scale in 16 bits. With “asym” they share a zero point as well, for weights that do not lie "
    "evenly around zero. The smaller the group, the closer the fit and the more bits a weight.",
)
FP8 = (
    "fp8",
    "Each weight is a floating-point number in 8 bits (a sign, four bits of exponent, three of "
    "mantissa), with a scale for a row or for a square of 128 by 128. Its steps grow with the "
    "weight, where those of int8 are all alike.",
)
TERNARY = (
    "ternary",
    "Each weight is −1, 0 or 1 times a scale that 256 weights share: about 2 bits a weight. It is "
    "made for models that were trained with such weights; others lose nearly everything.",
)
# Storages that are explained where a report has them.
RARER = (
    (("q4_k", "q5_k", "q6_k"), K_QUANTS),
    (("int2", "int3", "int4", "int8g"), GROUPS),
    (("fp8",), FP8),
    (("ternary",), TERNARY),
)
GGUF = (
    "GGUF",
    "The file format of llama.cpp: weights, tokenizer and settings of a model in one file, in one "
    "of many types (F16, Q8_0, Q4_0, …). q8_0 and q4_0 are GGUF types and are stored bit for bit "
    "alike in an executable and in a GGUF; NF4 and FP4 have no such type.",
)


def terms(compared: bool, asked: bool, storages: Collection[str] = ()) -> Iterable[tuple[str, str]]:
    """Terms and their paragraphs; some only where variants were compared, or asked questions, or
    have such a storage ("int4")."""
    yield PERPLEXITY
    if compared:
        yield DIVERGENCE
    if asked:
        yield CHOICE
    yield PARETO
    yield from (INT8, LINEAR4, NF4)
    yield from (term for names, term in RARER if not set(names).isdisjoint(storages))
    yield GGUF
