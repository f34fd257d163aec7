"""Importance matrices of llama.cpp, in both forms, to and from the statistics of a calibration."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from conftest import BUILD, assert_refused, qz_import, qzc, run
from safetensors.numpy import load_file, save_file
from test_packed import CONFIG, HIDDEN, INTERMEDIATE, LINEARS, dense_tensors

Q = "blk.0.attn_q.weight"
HF_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
Matrix = dict[str, tuple[np.ndarray, float]]  # by name: sums of squares, tokens


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose rows 256 divides."""
    folder = tmp_path_factory.mktemp("wide") / "model"
    folder.mkdir()
    rng = np.random.default_rng(8)
    tensors = dense_tensors()
    for name, (rows, columns) in LINEARS.items():
        # Rows of 512 where the checkpoints of test_packed have 384.
        shape = [512 if extent == INTERMEDIATE else extent for extent in (rows, columns)]
        tensors[f"model.layers.0.{name}.weight"] = rng.normal(0, 0.05, shape).astype(np.float16)
    config = CONFIG | {"intermediate_size": 512, "max_position_embeddings": 512}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors")
    qz_import(folder, "-o", folder / "m.mlir")
    return folder / "m.mlir"


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    rng = np.random.default_rng(9)
    widths = {name: HIDDEN for name in HF_NAMES} | {"ffn_down": 512}
    return {
        f"blk.0.{name}.weight": (np.exp(2 * rng.standard_normal(width)).astype(np.float32), 640.0)
        for name, width in widths.items()
    }


def write_gguf(path: Path, matrix: Matrix) -> Path:
    """As llama-imatrix writes it."""
    writer = gguf.GGUFWriter(path, "", endianess=gguf.GGUFEndian.LITTLE)
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["wiki.train.raw", "ä"])
    writer.add_uint32("imatrix.chunk_count", 2)
    writer.add_uint32("imatrix.chunk_size", 512)
    for name, (squares, tokens) in matrix.items():
        writer.add_tensor(f"{name}.in_sum2", squares)
        writer.add_tensor(f"{name}.counts", np.array([[tokens]], np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_dat(path: Path, matrix: Matrix, chunk: int = 512) -> Path:
    data = struct.pack("<i", len(matrix))
    for name, (squares, tokens) in matrix.items():
        calls = int(-(-tokens // chunk))
        values = squares / np.float32(tokens) * np.float32(calls)
        data += struct.pack("<i", len(name)) + name.encode()
        data += struct.pack("<ii", calls, len(values)) + values.tobytes()
    path.write_bytes(data + struct.pack("<ii", 2, 4) + b"text")
    return path


def read_gguf(path: Path) -> Matrix:
    reader = gguf.GGUFReader(path)
    assert reader.get_field("general.type").contents() == "imatrix"
    assert reader.get_field("imatrix.chunk_size").contents() == 512
    assert len(reader.get_field("imatrix.datasets").contents()) == 1
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    names = [name.removesuffix(".counts") for name in tensors if name.endswith(".counts")]
    assert len(tensors) == 2 * len(names)
    return {n: (tensors[f"{n}.in_sum2"].ravel(), tensors[f"{n}.counts"].item()) for n in names}


def read_dat(path: Path) -> dict[str, tuple[np.ndarray, int]]:
    """Means times calls, and calls."""
    data, at, found = path.read_bytes(), 4, {}
    for _ in range(struct.unpack_from("<i", data)[0]):
        (length,) = struct.unpack_from("<i", data, at)
        name = data[at + 4 : at + 4 + length].decode()
        calls, count = struct.unpack_from("<ii", data, at + 4 + length)
        at += 12 + length
        found[name] = (np.frombuffer(data, np.float32, count, at), calls)
        at += 4 * count
    _, length = struct.unpack_from("<ii", data, at)
    assert at + 8 + length == len(data)
    return found


def test_what_llama_cpp_wrote_is_used(module: Path, matrix: Matrix, tmp_path: Path) -> None:
    """Columns that matter are kept better; both forms say the same."""
    files = {"gguf": write_gguf(tmp_path / "x.gguf", matrix),
             "dat": write_dat(tmp_path / "x.dat", matrix)}  # fmt: skip
    source = load_file(module.parent / "model.safetensors")
    for spec in ("q4_k", "q6_k", "q4_0", "q5_1", "int4/32"):
        lost = {}
        for form in ("rtn", *files):
            image, out = tmp_path / "x.bin", tmp_path / "out.safetensors"
            given = () if form == "rtn" else (f"--statistics={files[form]}", "--method=mse")
            qzc(module, "--arch=none", f"--quantize={spec}", "-o", image, *given)
            run(image, "--extract", out)
            stored, lost[form] = load_file(out), 0.0
            for name, (squares, tokens) in matrix.items():
                hf = f"model.layers.0.{HF_NAMES[name.split('.')[2]]}.weight"
                error = stored[hf].astype(np.float64) - source[hf]
                lost[form] += float(np.sum(error**2 * squares / tokens))
            if form != "rtn":
                done = qzc("--rederive", image, module.parent, f"--statistics={files[form]}")
                assert "not derivable" not in done.stdout
                refused = qzc("--rederive", image, module.parent, check=False)
                assert_refused(refused, "is not derivable")
        assert lost["gguf"] < 0.85 * lost["rtn"], spec
        assert lost["dat"] == pytest.approx(lost["gguf"], rel=1e-3)


def test_statistics_become_matrices(imported: Callable[[str], Path], tmp_path: Path) -> None:
    module, text = imported("llama-f32"), tmp_path / "text.txt"
    text.write_text("the cat sat on mats of hens " * 400)
    own = tmp_path / "own"
    qzc(module, f"--calibrate={text}", "--calibration-tokens=1024", f"--save-statistics={own}")
    statistics = load_file(own)
    for form in ("gguf", "dat"):
        qzc(module, f"--statistics={own}", f"--save-statistics={tmp_path / f'x.{form}'}")
    found, older = read_gguf(tmp_path / "x.gguf"), read_dat(tmp_path / "x.dat")
    wanted = {f"blk.{i}.{name}.weight" for i in range(2) for name in HF_NAMES} | {"output.weight"}
    assert set(found) == set(older) == wanted
    for name, (squares, tokens) in found.items():
        *_, block, role, _ = ("", "", *name.split("."))
        hf = f"model.layers.{block}.{HF_NAMES[role]}" if role in HF_NAMES else "lm_head"
        number = int(statistics[f"{hf}.weight.input"][0])
        assert np.array_equal(squares, statistics[f"input.{number}.squares"])
        assert tokens == 1024
        values, calls = older[name]
        assert calls == 2
        assert np.array_equal(values, squares / np.float32(1024) * np.float32(2))
    # At once, and what is read back gives the same codes.
    both = tmp_path / "both.gguf"
    qzc(module, f"--calibrate={text}", "--calibration-tokens=1024", f"--save-statistics={both}")
    assert read_gguf(both).keys() == found.keys()
    stored = []
    for file in (own, tmp_path / "x.gguf"):
        qzc(module, "--arch=none", "--quantize=nf4", "--method=mse", f"--statistics={file}",
            f"--weights={tmp_path / 'w'}", "-o", tmp_path / "x.bin")  # fmt: skip
        stored.append((tmp_path / "w").read_bytes())
    assert stored[0] == stored[1]


def test_what_is_no_matrix_is_refused(module: Path, matrix: Matrix, tmp_path: Path) -> None:
    def refused(path: Path, *words: str, method: str = "mse") -> None:
        done = qzc(module, "--quantize=q4_k", f"--method={method}", f"--statistics={path}",
                   "--arch=none", "-o", tmp_path / "x.bin", check=False)  # fmt: skip
        assert_refused(done, *words)

    good = write_gguf(tmp_path / "good.gguf", matrix)
    refused(good, "importance matrix", "gptq", "--calibrate", method="gptq")
    squares, tokens = matrix[Q]
    for path, write in ((tmp_path / "x.gguf", write_gguf), (tmp_path / "x.dat", write_dat)):
        for changed, words in (
            ({Q: (squares[:-1], tokens)}, ("another model", "255 columns")),
            ({"blk.7.attn_q.weight": matrix[Q]}, ("another model", "none of its weights")),
            ({Q: (-squares, tokens)}, ("no sum of squares",)),
            ({Q: (squares * np.float32(np.nan), tokens)}, ("no sum of squares",)),
        ):
            refused(write(path, changed), path.name, *words)
    experts = {Q: (np.stack([squares, squares]), tokens)}
    writer_of_experts = write_gguf(tmp_path / "e.gguf", experts)
    # Sums of two rows under one count are as wide as two inputs.
    refused(writer_of_experts, "512 columns")
    model = tmp_path / "model.gguf"
    model.write_bytes(good.read_bytes().replace(b"imatrix", b"imatriy", 1))
    refused(model, "not of an importance matrix")
    done = qzc(module, f"--statistics={good}", f"--save-statistics={tmp_path / 's'}", check=False)
    assert_refused(done, "--save-statistics", code=2)


def test_other_files_are_said_to_be_neither(module: Path, tmp_path: Path) -> None:
    array, text = tmp_path / "x.npy", tmp_path / "x.txt"
    np.save(array, np.ones(100_000))
    text.write_text("no statistics at all, but words and more words\n" * 100)
    empty = tmp_path / "empty"
    empty.touch()
    for path in (module.parent / "config.json", array, text, empty, BUILD / "bin" / "qzc", module):
        done = qzc(module, "--quantize=q4_k", "--method=mse", f"--statistics={path}",
                   "--arch=none", "-o", tmp_path / "x.bin", check=False)  # fmt: skip
        assert_refused(done, f"'{path}': neither a file of --save-statistics nor an importance")


def test_sums_of_the_same_bytes_are_refused(module: Path, tmp_path: Path) -> None:
    """A small file would take any amount of memory."""
    entries, columns = 100, 1000

    def named(name: str) -> bytes:
        return struct.pack("<Q", len(name)) + name.encode()

    data = b"GGUF" + struct.pack("<IQQ", 3, 2 * entries, 1)
    data += named("general.type") + struct.pack("<I", 8) + named("imatrix")
    for i in range(entries):
        for suffix, count in (("in_sum2", columns), ("counts", 1)):
            data += named(f"blk.{i}.attn_q.weight.{suffix}")
            data += struct.pack("<IQIQ", 1, count, 0, 0)
    data += bytes(-len(data) % 32) + np.ones(columns, np.float32).tobytes()
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    done = qzc(module, "--quantize=q4_k", "--method=mse", f"--statistics={path}",
               "--arch=none", "-o", tmp_path / "x.bin", check=False)  # fmt: skip
    assert_refused(done, str(path), "more sums than the file")


def test_damaged_files_are_refused(module: Path, matrix: Matrix, tmp_path: Path) -> None:
    """Cut anywhere, or with wrong numbers, they crash nothing."""
    rng = random.Random(5)
    for path in (write_gguf(tmp_path / "x.gguf", matrix), write_dat(tmp_path / "x.dat", matrix)):
        data = path.read_bytes()
        header = 2600 if path.suffix == ".gguf" else 60
        for i in range(24):
            damaged = bytearray(data)
            if i % 4 == 0:
                damaged = damaged[: rng.randrange(9, len(data) - 3000)]
            else:
                at = rng.randrange(4, header)
                damaged[at : at + 4] = rng.choice(
                    (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x80")
                )
            path.write_bytes(damaged)
            options = ("--quantize=q4_k", "--method=mse", "--components=q", "--arch=none")
            done = qzc(
                module, *options, f"--statistics={path}", "-o", tmp_path / "x.bin", check=False
            )
            assert done.returncode in (0, 1), (i, done.returncode, done.stderr)
