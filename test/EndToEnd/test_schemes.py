"""Every scheme: its reference against golden vectors, what images hold, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scheme_references as references
from conftest import ROOT, assert_refused, qzc, run
from safetensors.numpy import load_file
from test_extract import sources

Compiled = Callable[..., Path]
Imported = Callable[[str], Path]
Decode = Callable[[np.ndarray], np.ndarray]
GOLDEN = ROOT / "test" / "golden" / "schemes"
# Of the fixture llama-f32: all but down_proj, whose rows 32 does not divide.
EVEN = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj")
EVERY = (*EVEN, "down_proj")


def golden_cases(scheme: str) -> list[tuple[str, np.ndarray, np.ndarray, list[str]]]:
    """Name, weight, decoded weight, and the name's parts, of a golden file's cases."""
    import ml_dtypes  # noqa: F401  (teaches NumPy bfloat16)

    name = "ggml" if scheme in ("q8_0", "q4_0") else scheme
    suffix = f"{scheme}_decoded" if name == "ggml" else "decoded"
    tensors = load_file(GOLDEN / f"{name}.safetensors")
    cases = sorted(key.removesuffix(".weight") for key in tensors if key.endswith(".weight"))
    return [
        (case, tensors[f"{case}.weight"].astype(np.float32), tensors[f"{case}.{suffix}"],
         case.split("."))
        for case in cases
    ]


@pytest.mark.parametrize("scheme", ["int8", "q8_0", "q4_0", "fp4", "nf4", "double"])
@np.errstate(over="ignore")
def test_references_agree_with_golden_vectors(scheme: str) -> None:
    for case, weight, want, parts in golden_cases(scheme):
        if scheme == "double":
            got = references.decode_code_book(weight, parts[0], int(parts[1]), is_double=True)
        elif scheme in references.BOOKS:
            got = references.decode_code_book(weight, scheme, int(parts[0]))
        else:
            got = getattr(references, f"decode_{scheme}")(weight)
        assert np.array_equal(got, want), case


def code_book(scheme: str, block: int = 64, is_double: bool = False) -> Decode:
    return partial(
        references.decode_code_book, scheme=scheme, block=block, is_double=is_double
    )


@pytest.mark.parametrize(
    ("name", "options", "layers", "decode", "rest"),
    [
        ("llama-bf16", "--quantize=fp4", EVERY, code_book("fp4"), np.float32),
        ("llama-bias", "--quantize=fp4 --block-size=32 --double-quant --dtype=f16", EVERY,
         code_book("fp4", 32, True), np.float16),
        ("llama-bf16", "--quantize=nf4 --block-size=128", EVERY, code_book("nf4", 128),
         np.float32),
        # Gate and up have more than the 256 scales of one group.
        ("llama-f32", "--quantize=nf4 --double-quant", EVERY, code_book("nf4", 64, True),
         np.float32),
        ("llama-f32", "--quantize=nf4 --double-quant --block-size=4096", EVERY,
         code_book("nf4", 4096, True), np.float32),
        ("llama-f32", "--quantize=q8_0 --components=attn,gate,up --dtype=f16", EVEN,
         references.decode_q8_0, np.float16),
        ("llama-f32", "--quantize=q4_0 --components=attn,gate,up", EVEN,
         references.decode_q4_0, np.float32),
    ],
)
def test_images_hold_what_the_reference_gives(
    compiled: Compiled,
    imported: Imported,
    tmp_path: Path,
    name: str,
    options: str,
    layers: tuple[str, ...],
    decode: Decode,
    rest: type[np.floating],
) -> None:
    out = tmp_path / "x.safetensors"
    run(compiled(name, *options.split()), "--extract", out)
    got = load_file(out)
    want = sources(imported(name).parent)
    assert got.keys() == want.keys()
    changed = 0
    for key, value in want.items():
        if key.endswith(".weight") and key.split(".")[-2] in layers:
            changed += 1
            assert np.array_equal(got[key], decode(value)), key
        else:
            assert np.array_equal(got[key], value.astype(rest).astype(np.float32)), key
    assert changed == len(layers) * len({key.split(".")[2] for key in want if ".layers." in key})


@pytest.mark.parametrize("scheme", ["q8_0", "q4_0"])
def test_rows_that_blocks_do_not_divide_are_named(
    imported: Imported, tmp_path: Path, scheme: str
) -> None:
    out = tmp_path / "x.bin"
    done = qzc(imported("llama-f32"), f"--quantize={scheme}", "-o", out, check=False)
    name = "model.layers.0.mlp.down_proj.weight"
    assert_refused(done, name, "96x172", "blocks of 32", code=2)
    assert not out.exists()
