"""--extract gives back its input: sources exactly, quantized tensors as a reference does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import run
from safetensors.numpy import load_file
from scheme_references import decode_code_book, decode_int8

Compiled = Callable[..., Path]
ATTN = ("q_proj", "k_proj", "v_proj", "o_proj")
FFN = ("gate_proj", "up_proj", "down_proj")


def sources(folder: Path) -> dict[str, np.ndarray]:
    """All tensors of an imported Hugging Face folder as float32."""
    import ml_dtypes  # noqa: F401  (teaches NumPy bfloat16)

    tensors: dict[str, np.ndarray] = {}
    for path in sorted(folder.rglob("*.safetensors")):
        tensors.update(load_file(path))
    return {name: value.astype(np.float32) for name, value in tensors.items()}


def decode_nf4(weight: np.ndarray) -> np.ndarray:
    return decode_code_book(weight, "nf4")


def selected(name: str, components: tuple[str, ...], blocks: range) -> bool:
    parts = name.split(".")
    return (
        name.startswith("model.layers.")
        and int(parts[2]) in blocks
        and any(part in parts for part in components)
    )


@pytest.mark.parametrize(
    ("options", "components", "blocks", "decode"),
    [
        (("--quantize=none",), (), range(0), None),
        (("--quantize=int8",), ATTN + FFN, range(3), decode_int8),
        (("--quantize=int8", "--blocks=0:1"), ATTN + FFN, range(1), decode_int8),
        (("--quantize=int8", "--components=ffn"), FFN, range(3), decode_int8),
        (("--quantize=int8", "--components=q,down", "--blocks=-2:"), ("q_proj", "down_proj"),
         range(1, 3), decode_int8),
        (("--quantize=nf4",), ATTN + FFN, range(3), decode_nf4),
        (("--quantize=nf4", "--components=attn", "--blocks=0:1,2:3"), ATTN, (0, 2), decode_nf4),
    ],
)
def test_selection(
    compiled: Compiled,
    imported: Callable[[str], Path],
    tmp_path: Path,
    options: tuple[str, ...],
    components: tuple[str, ...],
    blocks: range,
    decode: Callable[[np.ndarray], np.ndarray] | None,
) -> None:
    out = tmp_path / "x.safetensors"
    run(compiled("llama-bf16", *options), "--extract", out)
    got = load_file(out)
    want = sources(imported("llama-bf16").parent)
    assert got.keys() == want.keys()
    changed = 0
    for name, value in want.items():
        if decode and selected(name, components, blocks):
            value = decode(value)
            changed += 1
        assert got[name].dtype == np.float32
        assert np.array_equal(got[name], value), name
    assert bool(changed) == bool(decode)


def test_quantized_head_of_a_tied_model(
    compiled: Compiled, imported: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "x.safetensors"
    embed = sources(imported("llama-bf16").parent)["model.embed_tokens.weight"]
    run(compiled("llama-bf16", "--quantize=int8", "--components=head"), "--extract", out)
    got = load_file(out)
    assert np.array_equal(got["model.embed_tokens.weight"], embed)
    assert np.array_equal(got["lm_head.weight"], decode_int8(embed))
    run(compiled("llama-bf16", "--quantize=int8", "--components=head,embed"), "--extract", out)
    got = load_file(out)
    assert np.array_equal(got["model.embed_tokens.weight"], decode_int8(embed))
    assert "lm_head.weight" not in got


def test_dtype_casts_what_is_not_quantized(
    compiled: Compiled, imported: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "x.safetensors"
    image = compiled("llama-bf16", "--quantize=int8", "--components=ffn", "--dtype=f16")
    run(image, "--extract", out)
    got = load_file(out)
    for name, value in sources(imported("llama-bf16").parent).items():
        if not selected(name, FFN, range(3)):
            assert np.array_equal(got[name], value.astype(np.float16).astype(np.float32)), name


def decoded_rows(
    weight: np.ndarray,
    rows: slice,
    is_transposed: bool,
    decode: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """The weight with these rows (columns, of a transposed one) decoded, the others as they are."""
    result = weight.copy()
    view = result.T if is_transposed else result
    view[rows] = decode(np.ascontiguousarray(view[rows]))
    return result


@pytest.mark.parametrize("name", ["gpt2-bf16", "gpt2-f32"])
@pytest.mark.parametrize("decode", [decode_int8, decode_nf4])
def test_parts_of_transposed_weights(
    compiled: Compiled,
    imported: Callable[[str], Path],
    tmp_path: Path,
    name: str,
    decode: Callable[[np.ndarray], np.ndarray],
) -> None:
    """GPT-2's fused q, k and v are selected by their parts, and come back put together."""
    out = tmp_path / "x.safetensors"
    scheme = {decode_int8: "int8", decode_nf4: "nf4"}[decode]
    options = (f"--quantize={scheme}", "--components=k,o,up,down", "--blocks=1:2")
    run(compiled(name, *options), "--extract", out)
    got = load_file(out)
    want = sources(imported(name).parent)
    assert got.keys() == want.keys()
    prefix = "h.1" if name == "gpt2-bf16" else "transformer.h.1"
    hidden = want[f"{prefix}.ln_1.weight"].size
    rows = {
        f"{prefix}.attn.c_attn.weight": slice(hidden, 2 * hidden),
        f"{prefix}.attn.c_proj.weight": slice(None),
        f"{prefix}.mlp.c_fc.weight": slice(None),
        f"{prefix}.mlp.c_proj.weight": slice(None),
    }
    assert rows.keys() < want.keys()
    for key, value in want.items():
        if key in rows:
            value = decoded_rows(value, rows[key], True, decode)
        assert np.array_equal(got[key], value), key


@pytest.mark.parametrize("name", ["gpt2-bf16", "gpt2-f32"])
@pytest.mark.parametrize("options", ["nf4", "fp4 --block-size=128", "nf4 --double-quant"])
def test_a_fused_weight_is_quantized_whole(
    compiled: Compiled, imported: Callable[[str], Path], tmp_path: Path, name: str, options: str
) -> None:
    """q, k and v selected together: blocks, and scales of double quantization, run over c_attn,
    whose parts' elements (36 x 36 of one fixture) are no whole blocks."""
    scheme, *rest = options.split()
    block = 128 if rest == ["--block-size=128"] else 64
    is_double = rest == ["--double-quant"]
    out = tmp_path / "x.safetensors"
    run(compiled(name, f"--quantize={scheme}", *rest, "--components=qkv"), "--extract", out)
    got = load_file(out)
    changed = 0
    for key, value in sources(imported(name).parent).items():
        if key.endswith("attn.c_attn.weight"):
            changed += 1
            whole = np.ascontiguousarray(value.T)
            value = decode_code_book(whole, scheme, block, is_double).T
        assert np.array_equal(got[key], value), key
    assert changed == {"gpt2-bf16": 3, "gpt2-f32": 2}[name]


def test_parts_alone_have_blocks_of_their_own(
    compiled: Compiled, imported: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "x.safetensors"
    run(compiled("gpt2-bf16", "--quantize=nf4", "--double-quant", "--components=q,v"),
        "--extract", out)  # fmt: skip
    got = load_file(out)
    for key, value in sources(imported("gpt2-bf16").parent).items():
        if key.endswith("attn.c_attn.weight"):
            parts = np.split(value.T, 3)
            for i in (0, 2):
                parts[i] = decode_code_book(np.ascontiguousarray(parts[i]), "nf4", 64, True)
            value = np.concatenate(parts).T
        assert np.array_equal(got[key], value), key


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (("--components=proj",), ("project_in", "project_out")),
        # Blocks limit only what is in blocks.
        (
            ("--blocks=1:", "--components=proj,o,up"),
            ("project_in", "project_out", "s.1.fc1", "s.1.self_attn.out_proj"),
        ),
        (("--components=embed,head",), ("embed_tokens",)),
    ],
)
def test_weights_outside_of_blocks(
    compiled: Compiled,
    imported: Callable[[str], Path],
    tmp_path: Path,
    options: tuple[str, ...],
    changed: tuple[str, ...],
) -> None:
    out = tmp_path / "x.safetensors"
    run(compiled("opt-post", "--quantize=int8", *options), "--extract", out)
    got = load_file(out)
    want = sources(imported("opt-post").parent)
    assert got.keys() == want.keys()
    names = {name for name in want if any(name.endswith(f"{end}.weight") for end in changed)}
    assert len(names) == len(changed)
    for name, value in want.items():
        expected = decode_int8(value) if name in names else value
        assert np.array_equal(got[name], expected), name


def test_quantized_copy_of_a_projected_head(
    compiled: Compiled, imported: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "x.safetensors"
    run(compiled("opt-post", "--quantize=int8", "--components=head"), "--extract", out)
    got = load_file(out)
    want = sources(imported("opt-post").parent)
    embed = want["model.decoder.embed_tokens.weight"]
    assert np.array_equal(got["model.decoder.embed_tokens.weight"], embed)
    assert np.array_equal(got["lm_head.weight"], decode_int8(embed))
