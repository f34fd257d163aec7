"""Checkpoints that another tool has quantized: every field of theirs is checked."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qz_import.cli import main
from qz_import.safetensors_writer import NewTensor, write_safetensors
from qz_import.weights import read_header

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "test" / "golden" / "packed"
sys.path.insert(0, str(GOLDEN))
import linear_layers as layers  # noqa: E402

Refuses = Callable[..., None]
# dtype, shape, bytes; None takes a tensor away.
Stored = tuple[str, tuple[int, ...], bytes]
Change = dict[str, Stored | None]
QUERY = "model.layers.0.self_attn.q_proj"
STATE = f"{QUERY}.weight.quant_state.bitsandbytes__nf4"


def changed(source: Path, folder: Path, change: Change, settings: dict[str, Any]) -> Path:
    """A copy of a folder with other tensors, and other settings of its quantization."""
    folder.mkdir()
    config = json.loads((source / "config.json").read_text())
    config["quantization_config"] |= settings
    (folder / "config.json").write_text(json.dumps(config))
    tensors: Change = {
        name: (tensor.dtype, tensor.shape, b"".join(tensor.pieces()))
        for name, tensor in read_header(source / "model.safetensors").items()
    }
    new = [
        NewTensor(name, stored[0], stored[1], lambda data=stored[2]: [data])
        for name, stored in (tensors | change).items()
        if stored is not None
    ]
    write_safetensors(folder / "model.safetensors", new, "writing")
    return folder


def state(**values: Any) -> Change:
    known = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [64, 64]}
    known |= {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.05}
    text = json.dumps(known | values).encode()
    return {STATE: ("U8", (len(text),), text)}


def shape_of_ct(out: int, columns: int) -> Change:
    return {f"{QUERY}.weight_shape": ("I64", (2,), struct.pack("<2q", out, columns))}


def zeros(end: str, dtype: str, *shape: int, size: int = 4) -> Change:
    return {f"{QUERY}.{end}": (dtype, shape, bytes(int(np.prod(shape)) * size))}


@pytest.mark.parametrize(
    ("name", "change", "settings", "words"),
    [
        ("bnb-nf4-double", state(blocksize="64"), {}, ("blocksize", "not a size")),
        ("bnb-nf4-double", state(shape=[64]), {}, ("shape [64]",)),
        ("bnb-nf4-double", state(shape=[64, -64]), {}, ("shape [64, -64]",)),
        ("bnb-nf4-double", state(shape=[32, 64]), {}, ("[32, 64]", "[64, 64]")),
        ("bnb-nf4-double", state(quant_type="fp4"), {}, ("quant_type 'fp4'", "nf4")),
        ("bnb-nf4-double", state(nested_blocksize=128), {}, ("nested_blocksize 128", "256")),
        ("bnb-nf4-double", state(nested_offset="x"), {}, ("nested_offset",)),
        ("bnb-nf4-double", {STATE: ("U8", (3,), b"{,}")}, {}, ("quant_state",)),
        ("bnb-nf4-double", {STATE: ("F32", (1,), bytes(4))}, {}, ("no JSON text",)),
        ("bnb-nf4-double", {f"{QUERY}.weight.absmax": None}, {}, ("absmax", "missing")),
        ("bnb-nf4-double", {f"{QUERY}.weight.nested_absmax": None}, {}, ("nested_absmax",)),
        ("bnb-int8", zeros("SCB", "F32", 63), {}, ("SCB", "F32 [63]")),
        ("bnb-int8", zeros("SCB", "F16", 64, size=2), {}, ("SCB", "F16")),
        ("bnb-int8", {f"{QUERY}.weight_format": ("U8", (), b"\1")}, {}, ("tiles",)),
        ("ct-int4", {f"{QUERY}.weight_shape": None}, {}, ("weight_shape", "missing")),
        ("ct-int4", shape_of_ct(0, 64), {}, ("weight_shape is [0, 64]",)),
        ("ct-int4", shape_of_ct(64, 1 << 40), {}, ("weight_shape is [64, 1099511627776]",)),
        ("ct-int4", shape_of_ct(64, 72), {}, ("bits", "[64, 72]")),
        ("ct-int4", zeros("weight_scale", "I32", 64, 2), {}, ("weight_scale", "I32 [64, 2]")),
        ("ct-int4", zeros("weight_scale", "F32", 64, 3), {}, ("3 groups", "64 columns")),
        ("ct-int4", zeros("weight_scale", "F32", 63, 2), {}, ("F32 [63, 2]", "[64, 2]")),
        (
            "ct-int4",
            {f"{QUERY}.weight_scale": ("F32", (64, 2), b"\xff" * 512)},
            {},
            ("not finite", "damaged"),
        ),
        ("ct-int4-asym", zeros("weight_zero_point", "I32", 8, 2), {}, ("I32 [8, 2]", "[8, 1]")),
        ("ct-int8-rows", zeros("weight_scale", "F32", 64, 2), {}, ("int-quantized",)),
        ("ct-int8-rows", {f"{QUERY}.weight_scale": None}, {}, ("int-quantized",)),
        ("ct-fp8", zeros("weight_scale", "F32", 64, 2), {}, ("[64, 2]", "blocks of 128")),
        ("ct-fp8", zeros("weight_scale", "I32", 64, 1), {}, ("scales are I32",)),
        ("ct-fp8", {f"{QUERY}.weight_scale": None}, {}, ("F8_E4M3", "supported are")),
        ("fp8-blocks", {}, {"weight_block_size": [64, 64]}, ("weight_block_size", "[64, 64]")),
    ],
)
def test_bad_fields(
    tmp_path: Path,
    refuses: Refuses,
    name: str,
    change: Change,
    settings: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    folder = changed(GOLDEN / name, tmp_path / "hf", change, settings)
    refuses([folder, "-o", tmp_path / "m.mlir"], *words)


def linear_folder(
    folder: Path, parts: dict[str, np.ndarray | None], settings: dict[str, Any]
) -> Path:
    """The folder of ct-int4 with its query in another tool's parts."""
    names = {
        np.dtype(np.int32): "I32", np.dtype(np.int64): "I64",
        np.dtype(np.float16): "F16", np.dtype(np.float32): "F32",
    }  # fmt: skip
    source = GOLDEN / "ct-int4"
    change: Change = {
        f"{QUERY}.{end}": None for end in ("weight_packed", "weight_scale", "weight_shape")
    }
    for end, part in parts.items():
        if part is not None:
            data = np.ascontiguousarray(part).tobytes()
            change[f"{QUERY}.{end}"] = (names[part.dtype], part.shape, data)
    return changed(source, folder, change, settings)


def gptq_parts() -> dict[str, np.ndarray]:
    return layers.gptq(layers.random_layer(np.random.default_rng(1), 64, 64, 4, 32), 4)


GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 32}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemm"}


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        ({}, {"bits": 5}, ("bits 5",)),
        ({}, {"bits": True}, ("bits True",)),
        ({}, {"bits": "4"}, ("bits '4'",)),
        ({}, {"checkpoint_format": "marlin"}, ("checkpoint_format 'marlin'",)),
        ({"scales": None}, {}, ("scales", "missing")),
        ({"qzeros": None}, {}, ("qzeros", "missing")),
        ({"qzeros": np.zeros((2, 9), np.int32)}, {}, ("qzeros", "I32 [2, 9]", "[2, 8]")),
        ({"scales": np.zeros((2, 63), np.float16)}, {}, ("scales", "[2, 63]", "[2, 64]")),
        ({"scales": np.zeros(64, np.float16)}, {}, ("scales", "no matrix")),
        ({"scales": np.full((2, 64), np.inf, np.float16)}, {}, ("not finite",)),
        ({"qweight": np.zeros((8, 64), np.int64)}, {}, ("qweight", "I64")),
        ({"g_idx": np.full(64, 2, np.int32)}, {}, ("column in group 2 of 2",)),
        ({"g_idx": np.full(64, -1, np.int32)}, {}, ("column in group -1 of 2",)),
        ({"g_idx": np.zeros(48, np.int32)}, {}, ("codes of 5 bits",)),
        ({"g_idx": np.zeros((64, 1), np.int32)}, {}, ("g_idx", "[64, 1]")),
    ],
)
def test_bad_gptq(
    tmp_path: Path,
    refuses: Refuses,
    change: dict[str, np.ndarray | None],
    settings: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    folder = linear_folder(tmp_path / "hf", gptq_parts() | change, GPTQ | settings)
    refuses([folder, "-o", tmp_path / "m.mlir"], *words)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"version": "gemv"}, ("'gemv'", "GEMM")), ({"bits": 8}, ("8 bits", "4 bits"))],
)
def test_bad_awq(
    tmp_path: Path, refuses: Refuses, settings: dict[str, Any], words: tuple[str, ...]
) -> None:
    layer = layers.random_layer(np.random.default_rng(1), 64, 64, 4, 32)
    folder = linear_folder(tmp_path / "hf", layers.awq(layer), AWQ | settings)
    refuses([folder, "-o", tmp_path / "m.mlir"], *words)


def test_what_becomes_larger_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(GOLDEN / "ct-int4-f32"), "-o", str(tmp_path / "m.mlir")])
    text = (tmp_path / "m.mlir").read_text()
    assert "7 quantized weights (model.layers.0" in capsys.readouterr().err
    assert text.count('packing <layout = "compressed_tensors"') == 7
    assert "!qz.packed" not in text


def test_nothing_of_a_packed_weight_is_left_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in sorted(GOLDEN.iterdir()):
        if (folder / "config.json").is_file():
            main([str(folder), "-o", str(tmp_path / "m.mlir")])
            assert "not used" not in capsys.readouterr().err, folder.name
