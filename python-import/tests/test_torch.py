"""Importing pytorch_model.bin: what torch wrote, and what nobody should open."""

from __future__ import annotations

import io
import json
import random
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch_files as t
from conftest import HIDDEN, VOCAB, tree, weights, write_folder
from safetensors.numpy import load_file

import qz_import.companion
from qz_import.cli import main
from qz_import.errors import ImportFailure
from qz_import.torch_file import read_torch

Imports = Callable[..., str]
Refuses = Callable[..., None]
ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "test" / "golden" / "models"
EMBED = "model.embed_tokens.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose weights are to be written by the test."""
    path = write_folder(tmp_path / "hf")
    (path / "model.safetensors").unlink()
    return path


@pytest.fixture
def rejects(tmp_path: Path, folder: Path, refuses: Refuses) -> Callable[..., None]:
    """rejects(CONTENTS, WORDS…): importing a pytorch_model.bin of these bytes fails."""

    def run(contents: bytes, *words: str) -> None:
        (folder / "pytorch_model.bin").write_bytes(contents)
        refuses([folder, "-o", tmp_path / "m.mlir"], "pytorch_model.bin", *words)

    return run


def hostile(body: bytes, storages: dict[str, bytes] | None = None) -> bytes:
    return t.zipped(t.program(body), storages or {})


# --- what torch writes ---


def check_imported(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    stored = load_file(tmp_path / "m.hf" / "model.safetensors")
    assert stored.keys() == tensors.keys()
    for name, values in tensors.items():
        assert stored[name].dtype == values.dtype
        np.testing.assert_array_equal(stored[name], values, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("is_legacy", [False, True])
def test_weights_become_safetensors(
    tmp_path: Path, folder: Path, imports: Imports, dtype: type, is_legacy: bool
) -> None:
    tensors = weights(dtype)
    contents = t.legacy(tensors) if is_legacy else t.zipped(*t.pickled(tensors))
    (folder / "pytorch_model.bin").write_bytes(contents)
    text = imports(folder, tmp_path / "m.mlir")
    check_imported(tmp_path, tensors)
    assert '"m.hf/model.safetensors"' in text and '"hf/tokenizer.json"' in text
    assert sorted(tree(tmp_path / "m.hf")) == [".qz-import", "model.safetensors"]
    assert imports(folder, tmp_path / "m.mlir") == text


def test_shards(tmp_path: Path, folder: Path, imports: Imports) -> None:
    tensors = weights()
    weight_map = {}
    for number in range(3):
        part = dict(list(tensors.items())[number::3])
        shard = f"pytorch_model-{number + 1:05}-of-00003.bin"
        t.write_torch(folder / shard, part)
        weight_map |= dict.fromkeys(part, shard)
    index = folder / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    imports(folder, tmp_path / "m.mlir")
    check_imported(tmp_path, tensors)


def test_safetensors_come_first(tmp_path: Path, imports: Imports) -> None:
    folder = write_folder(tmp_path / "hf")
    (folder / "pytorch_model.bin").write_bytes(b"never looked at")
    assert '"hf/model.safetensors"' in imports(folder, tmp_path / "m.mlir")
    assert not (tmp_path / "m.hf").exists()


@pytest.mark.parametrize("name", ["gpt2-bf16", "opt-post"])
def test_what_torch_itself_wrote(tmp_path: Path, imports: Imports, name: str) -> None:
    """Both layouts. Masks and copies of the tied head are left out, nothing else is."""
    imports(FIXTURES / name, tmp_path / "m.mlir")
    source = {}
    for path in FIXTURES.joinpath(name).glob("*.bin"):
        source |= read_torch(path)
    stored = (tmp_path / "m.hf" / "model.safetensors").read_bytes()
    text = (tmp_path / "m.mlir").read_text()
    params = dict(re.findall(r'qz\.param "([^"]+)" @model\[(\d+)\]', text))
    left_out = re.compile(r"\.attn\.(masked_)?bias$|^lm_head\.weight$")
    assert set(params) == {name for name in source if not left_out.search(name)}
    assert len(params) < len(source)
    for param, offset in params.items():
        raw = b"".join(source[param].pieces())
        assert stored[int(offset) : int(offset) + len(raw)] == raw


def test_copying_streams(tmp_path: Path, folder: Path, imports: Imports) -> None:
    """A tensor of 96 MB goes through in pieces."""
    rows = 96 * (1 << 20) // (HIDDEN * 4)
    config = json.loads((folder / "config.json").read_text()) | {"vocab_size": rows}
    (folder / "config.json").write_text(json.dumps(config))
    t.write_torch(
        folder / "pytorch_model.bin", weights() | {EMBED: np.ones((rows, HIDDEN), np.float32)}
    )
    tracemalloc.start()
    imports(folder, tmp_path / "m.mlir")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "m.hf" / "model.safetensors").stat().st_size > 96 << 20
    assert peak < 24 << 20


def test_views_of_one_storage(tmp_path: Path, folder: Path, imports: Imports) -> None:
    """Tensors may share a storage, have no dimensions, or an unusual stride where it is 1 long."""
    tensors = weights()
    _, storages = t.pickled(tensors)
    norm, other = "model.norm.weight", "model.layers.0.input_layernorm.weight"
    items = {
        key: t.tensor(t.storage("FloatStorage", str(i), v.size), v.shape)
        for i, (key, v) in enumerate(tensors.items())
    }
    shared = t.storage("FloatStorage", "shared", 2 * HIDDEN + 3)
    items[norm] = t.tensor(shared, (HIDDEN,), offset=3)
    items[other] = t.tensor(shared, (HIDDEN,), offset=HIDDEN + 3)
    items["scalar"] = t.tensor(shared, (), offset=1)
    items["odd"] = t.tensor(shared, (1, 2, 1), (77, 1, 5))
    items["none"] = t.tensor(shared, (0, 5), (9, 9))
    values = np.arange(2 * HIDDEN + 3, dtype=np.float32)
    contents = t.zipped(t.program(t.state(items)), storages | {"shared": values.tobytes()})
    (folder / "pytorch_model.bin").write_bytes(contents)
    imports(folder, tmp_path / "m.mlir")
    expected = {norm: values[3 : HIDDEN + 3], other: values[HIDDEN + 3 :]}
    check_imported(tmp_path, tensors | expected)


def test_parameters_are_tensors(tmp_path: Path, folder: Path, imports: Imports) -> None:
    tensors = weights()
    items = {
        key: t.call(
            t.name("torch._utils", "_rebuild_parameter"),
            t.tensor(t.storage("FloatStorage", str(i), v.size), v.shape),
            b"\x88",
            t.ordered_dict(),
        )
        for i, (key, v) in enumerate(tensors.items())
    }
    _, storages = t.pickled(tensors)
    contents = t.zipped(t.program(t.state(items)), storages)
    (folder / "pytorch_model.bin").write_bytes(contents)
    imports(folder, tmp_path / "m.mlir")
    check_imported(tmp_path, tensors)


def fail_to_write_modules(patch: pytest.MonkeyPatch) -> None:
    """The last step fails: the folder has its name, but the module cannot be written."""
    original = qz_import.companion.atomic_file

    def fail(path: Path) -> AbstractContextManager[BinaryIO]:
        if path.suffix == ".mlir":
            raise ImportFailure("full")
        return original(path)

    patch.setattr("qz_import.companion.atomic_file", fail)


def fail_to_rename_folders(patch: pytest.MonkeyPatch) -> None:
    """The folder cannot get its name, after an earlier one lost it."""
    original = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.suffix == ".tmp":
            raise OSError(28, "full")
        return original(path, target)

    patch.setattr(Path, "rename", fail)


@pytest.mark.parametrize("fail", [fail_to_write_modules, fail_to_rename_folders])
def test_an_import_is_whole_or_not_at_all(
    tmp_path: Path,
    folder: Path,
    imports: Imports,
    refuses: Refuses,
    monkeypatch: pytest.MonkeyPatch,
    fail: Callable[[pytest.MonkeyPatch], None],
) -> None:
    t.write_torch(folder / "pytorch_model.bin", weights())
    with monkeypatch.context() as patch:
        fail(patch)
        refuses([folder, "-o", tmp_path / "m.mlir"], "full")
    imports(folder, tmp_path / "m.mlir")
    check_imported(tmp_path, weights())

    changed = {name: values + 1 for name, values in weights().items()}
    t.write_torch(folder / "pytorch_model.bin", changed)
    with monkeypatch.context() as patch:
        fail(patch)
        refuses([folder, "-o", tmp_path / "m.mlir"], "full")
    check_imported(tmp_path, weights())
    before = tree(tmp_path)
    imports(folder, tmp_path / "m.mlir")
    check_imported(tmp_path, changed)
    assert tree(tmp_path) == before


def test_a_folder_of_the_users_stays(
    tmp_path: Path, folder: Path, imports: Imports, refuses: Refuses
) -> None:
    t.write_torch(folder / "pytorch_model.bin", weights())
    write_folder(tmp_path / "m.hf")
    refuses([folder, "-o", tmp_path / "m.mlir"], "m.hf", "'config.json'", "did not make")
    imports(folder, tmp_path / "n.mlir")
    (tmp_path / "n.hf" / "mine.txt").write_text("mine")
    refuses([folder, "-o", tmp_path / "n.mlir"], "n.hf", "'mine.txt'", "did not make")
    source = folder.rename(tmp_path / "s.hf")
    refuses([source, "-o", tmp_path / "s.mlir"], "s.hf", "is the source")
    (tmp_path / "l.hf").symlink_to(tmp_path / "elsewhere")
    refuses([source, "-o", tmp_path / "l.mlir"], "l.hf", "is no folder")


def test_a_file_where_the_folder_goes(tmp_path: Path, folder: Path, refuses: Refuses) -> None:
    t.write_torch(folder / "pytorch_model.bin", weights())
    (tmp_path / "m.hf").write_text("mine")
    refuses([folder, "-o", tmp_path / "m.mlir"], "m.hf", "folder")


# --- programs that ask for more than tensors ---

SYSTEM = t.name("os", "system")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (t.call(SYSTEM, t.text("touch owned")), ("'os' 'system'", "not allowed")),
        (t.call(t.name("builtins", "eval"), t.text("1")), ("'builtins' 'eval'",)),
        (t.call(t.name("torch", "load"), t.text("x")), ("'torch' 'load'",)),
        (t.name("torch._utils", "_rebuild_sparse_tensor"), ("'_rebuild_sparse_tensor'",)),
        # Found by its parts instead of by an attribute of its own.
        (t.name("torch", "os.system"), ("'torch' 'os.system'",)),
        (t.name("collections", "OrderedDict.__init__"), ("OrderedDict.__init__",)),
        (b"\x8c\x02os\x8c\x06system\x93", ("'os' 'system'",)),
        (t.integer(3) + t.text("x") + b"\x93", ("3 'x'",)),
        # Calls of what is allowed for other purposes, and of what is no function.
        (t.call(t.name("torch", "FloatStorage"), t.integer(8)), ("calls torch.FloatStorage",)),
        (t.call(t.ordered_dict(), t.integer(8)), ("calls dict",)),
        (t.call(t.text("os.system")), ("calls 'os.system'",)),
        (t.call(t.name("collections", "OrderedDict"), b"]"), ("OrderedDict", "arguments")),
        (t.name("collections", "OrderedDict") + b"]R", ("without a tuple",)),
        (t.call(t.name("torch._utils", "_rebuild_tensor_v2")), ("something else",)),
        (t.call(t.name("torch._utils", "_rebuild_parameter"), t.text("x")), ("parameter",)),
        # State and instances.
        (t.ordered_dict() + t.text("x") + b"b", ("sets the state",)),
        (t.storage("FloatStorage", "0", 1) + b"}b", ("sets the state",)),
        (t.tensor(t.storage("FloatStorage", "0", 1), (1,)) + b"}" + b"b", ("sets the state",)),
        (t.name("collections", "OrderedDict") + b")\x81", ("NEWOBJ",)),
        (t.name("collections", "OrderedDict") + b")}\x92", ("NEWOBJ_EX",)),
        (b"(" + t.name("collections", "OrderedDict") + b"o", ("OBJ",)),
        (b"(icollections\nOrderedDict\n", ("INST",)),
        # Other ways to name things, and old or needless opcodes.
        (b"\x82\x01", ("EXT1",)),
        (b"P0\n", ("PERSID",)),
        (b"S'x'\n", ("STRING",)),
        (b"I1\n", ("INT",)),
        (b"}0", ("POP",)),
        (b"}2", ("DUP",)),
        (b"\x8b\x01\x00\x00\x00\x01", ("LONG4",)),
        (b"\x8f", ("EMPTY_SET",)),
        (b"C\x01x", ("SHORT_BINBYTES",)),
        # Dictionaries and lists that are none.
        (b"}(" + t.text("x") + b"u", ("dictionary",)),
        (b"](" + t.text("x") + t.text("y") + b"u", ("dictionary",)),
        (b"}" + t.integer(3) + t.text("y") + b"s", ("key 3",)),
        (b"}" + t.tuple_of() + t.text("y") + b"s", ("key tuple",)),
        (b"}" + 2 * (t.text("x") + t.text("y") + b"s"), ("'x' appears twice",)),
        (b"}" + t.text("x") + b"a", ("list",)),
        # What is left in the end.
        (b"", ("damaged pickle",)),
        (b"(", ("damaged pickle",)),
        (b"t", ("damaged pickle", "mark")),
        (b"h\x05", ("damaged pickle", "value 5")),
        (b"]", ("no dictionary",)),
        (b"}", ("no dictionary",)),
        (t.state({"x": t.integer(3)}), ("no dictionary of tensors",)),
        (t.state({"x": b"}" + t.text("y") + b"N" + b"s"}), ("no dictionary of tensors",)),
    ],
)
def test_programs(
    tmp_path: Path,
    rejects: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    rejects(hostile(body, {"0": bytes(4)}), *words)


def test_programs_without_end(rejects: Callable[..., None]) -> None:
    rejects(t.zipped(b"\x80\x02}", {}), "damaged pickle")
    rejects(t.zipped(b"", {}), "damaged pickle")
    rejects(t.zipped(b"\x80\x02X\xff\xff\xff\x7fabc.", {}), "damaged pickle")
    rejects(t.zipped(b"\x80\x02\xff.", {}), "damaged pickle")
    # Nested without end: an error line that showed it would not return.
    nested = b")" + b"\x85" * 200_000
    rejects(hostile(nested + b"Q"), "no storage")
    rejects(hostile(t.call(t.name("torch._utils", "_rebuild_tensor_v2"), nested)), "else")


def test_a_program_too_long(rejects: Callable[..., None]) -> None:
    rejects(t.zipped(b"\x80\x02" + b"N" * (9 << 20) + b".", {}), "data.pkl", "too large")


# --- what nothing uses ---


def test_what_nothing_uses(
    tmp_path: Path, folder: Path, imports: Imports, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers beside the tensors, tensors with gaps, and those of types that no weight has."""
    more = {
        "epoch": t.integer(3),
        "name": t.text("x"),
        "turned": t.tensor(t.storage("FloatStorage", "a", 6), (2, 3), (1, 2)),
        "complex": t.tensor(t.storage("ComplexFloatStorage", "b", 2), (2,)),
    }
    pickle, storages = t.pickled(weights(), more)
    storages |= {"a": bytes(24), "b": bytes(16)}
    (folder / "pytorch_model.bin").write_bytes(t.zipped(pickle, storages))
    main([str(folder), "-o", str(tmp_path / "m.mlir")])
    assert "2 tensors of the checkpoint are not used: turned, complex" in capsys.readouterr().err
    check_imported(tmp_path, weights())


def test_a_weight_with_strides(rejects: Callable[..., None]) -> None:
    name = "model.layers.1.self_attn.q_proj.weight"
    tensors = {key: value for key, value in weights().items() if key != name}
    size = HIDDEN * HIDDEN
    turned = t.tensor(t.storage("FloatStorage", "a", size), (HIDDEN, HIDDEN), (1, HIDDEN))
    pickle, storages = t.pickled(tensors, {name: turned})
    storages["a"] = bytes(4 * size)
    rejects(t.zipped(pickle, storages), name, "strides [1, 12]", "contiguous")


# --- storages and tensors that lie ---


def one(source: bytes, *arguments: object, **more: object) -> bytes:
    return t.program(t.state({"x": t.tensor(source, *arguments, **more)}))


FLOATS = t.storage("FloatStorage", "0", 6)


@pytest.mark.parametrize(
    ("pickle", "words"),
    [
        (one(t.storage("FloatStorage", "7", 6), (6,)), ("'x'", "storage '7'", "missing")),
        (one(t.storage("FloatStorage", "../0", 6), (6,)), ("'../0'", "missing")),
        (one(t.storage("FloatStorage", "0", 7), (7,)), ("'x'", "28 bytes", "24")),
        (one(t.storage("HalfStorage", "0", 6), (6,)), ("12 bytes", "24")),
        (one(t.storage("DoubleStorage", "0", 6), (6,)), ("48 bytes", "24")),
        (one(t.storage("FloatStorage", "0", 1 << 61), (6,)), ("storage '0'",)),
        (one(t.storage("FloatStorage", "0", -6), (6,)), ("storage '0'", "-6")),
        (one(t.storage("QInt8Storage", "0", 6), (6,)), ("'QInt8Storage'", "not allowed")),
        (one(t.storage("UntypedStorage", "0", 24), (6,)), ("'UntypedStorage'",)),
        (one(FLOATS, (7,)), ("ends at element 7", "6")),
        (one(FLOATS, (2, 3), offset=1), ("ends at element 7", "6")),
        (one(FLOATS, (6,), offset=-1), ("'0'", "offset")),
        (one(FLOATS, (-2, -3)), ("'0'", "shape")),
        (one(FLOATS, (1 << 62, 1 << 62)), ("storage '0'",)),
        (one(FLOATS, (1,) * 9), ("'0'", "shape")),
        (one(FLOATS, (6,), (2,)), ("ends at element 11", "6")),
        (one(FLOATS, (2, 3), (3,)), ("[2, 3]", "strides [3]")),
        (one(t.text("0"), (6,)), ("something else than a storage",)),
        (t.program(t.tuple_of(t.text("storage")) + b"Q"), ("no storage",)),
        (t.program(t.text("storage") + b"Q"), ("no storage",)),
        (
            one(t.tuple_of(t.text("module"), *[t.text("0")] * 4) + b"Q", (6,)),
            ("no storage",),
        ),
    ],
)
def test_lies(rejects: Callable[..., None], pickle: bytes, words: tuple[str, ...]) -> None:
    rejects(t.zipped(pickle, {"0": bytes(24)}), *words)


def test_tensors_that_do_not_fit_the_model(folder: Path, rejects: Callable[..., None]) -> None:
    rejects(
        t.zipped(*t.pickled(weights() | {EMBED: np.ones((VOCAB, HIDDEN + 1), np.float32)})),
        EMBED,
        f"[{VOCAB}, {HIDDEN + 1}]",
        f"[{VOCAB}, {HIDDEN}]",
    )
    rejects(
        t.zipped(*t.pickled(weights() | {EMBED: np.ones((VOCAB, HIDDEN), np.int64)})), EMBED, "I64"
    )


# --- archives that lie ---


def test_archives(rejects: Callable[..., None]) -> None:
    pickle, storages = t.pickled(weights())
    good = t.zipped(pickle, storages)
    packed = t.zipped(pickle, storages, compression=zipfile.ZIP_DEFLATED)
    rejects(packed, "archive/data.pkl", "compressed")
    rejects(t.zipped(pickle, storages, {"other/data.pkl": pickle}), "2 data.pkl")
    rejects(good.replace(b"archive/data.pkl", b"archive/data.pk_"), "0 data.pkl")
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = t.zipped(pickle, storages, {"archive/data.pkl": pickle})
    rejects(twice, "archive/data.pkl", "twice")
    rejects(good.replace(b"little", b"big en"), "byte order")
    odd = t.zipped(t.program(SYSTEM), {})
    rejects(odd.replace(b"archive", b"a\nchive"), "'os' 'system'")
    # Another name in front of the contents than in the directory.
    rejects(good.replace(b"archive/data/1", b"archive/data/x", 1), "archive/data/1", "another name")
    rejects(good + b"more", "truncated")
    rejects(b"PK\x03\x04", "truncated")
    for kept in (30, len(good) // 2, len(good) - 1):
        rejects(good[:kept], "truncated")
    rejects(good[:-22] + b"PK\x05\x06" + bytes(18), "damaged zip archive")


def central(raw: bytes, entry: str) -> int:
    """Where an entry of the central directory begins."""
    at = raw.index(entry.encode(), raw.index(b"PK\x01\x02")) - 46
    assert raw[at : at + 4] == b"PK\x01\x02"
    return at


def test_archive_entries_that_lie(rejects: Callable[..., None]) -> None:
    good = t.zipped(*t.pickled(weights()))
    second, at = central(good, "archive/data/2"), central(good, "archive/data/1")

    def changed(offset: int, form: str, *values: int) -> bytes:
        raw = bytearray(good)
        struct.pack_into(form, raw, at + offset, *values)
        return bytes(raw)

    (where,) = struct.unpack_from("<L", good, second + 42)
    rejects(changed(42, "<L", where), "archive/data/1", "another name")
    rejects(changed(42, "<L", where + 1), "archive/data/1", "does not begin")
    rejects(changed(42, "<L", 0xFFFFFF00), "archive/data/1", "does not begin")
    rejects(changed(8, "<H", 1), "archive/data/1", "encrypted")
    rejects(changed(20, "<2L", 0x7FFFFFFF, 0x7FFFFFFF), "archive/data/")
    rejects(changed(20, "<2L", 4096, 4096), "overlap")
    rejects(changed(20, "<2L", 8, 1 << 30), "archive/data/1", "compressed")
    buffer = io.BytesIO(good)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("archive/x", b"")
        archive.getinfo("archive/data/1").header_offset = (1 << 64) - 1
    rejects(buffer.getvalue(), "archive/data/1", "does not begin")
    # Sizes and places in 64 bits, and a directory that would fill the memory.
    huge = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 1 << 41)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(good) - 22, 1)
    rejects(good[:-22] + huge + locator + good[-22:], "damaged zip archive")
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, (1 << 64) - 1, 1)
    rejects(good[:-22] + locator + good[-22:], "damaged zip archive")


def test_files_that_are_no_checkpoints(rejects: Callable[..., None]) -> None:
    rejects(b"", "not a file of torch.save")
    rejects(b"version https://git-lfs.github.com/spec/v1\n", "not a file of torch.save")
    rejects(t.program(t.call(SYSTEM, t.text("id"))), "not a file of torch.save")


# --- the older layout ---


def test_legacy_files_that_lie(rejects: Callable[..., None]) -> None:
    tensors = {"a": np.ones(6, np.float32), "b": np.ones(5, np.float16)}
    good = t.legacy(tensors)
    rejects(good[:-1], "truncated")
    rejects(good + b"x", "truncated")
    rejects(good[: good.rindex(b"e.") + 2], "truncated")
    rejects(good.replace(b"little_endian\x88", b"little_endian\x89"), "byte order")
    rejects(good.replace(b"M\xe9\x03", b"M\xea\x03"), "not a file of torch.save")
    keys = t.program(b"](" + t.text("0") + t.text("1") + b"e")
    for other in (b"](" + t.text("0") + b"e", b"](" + t.text("0") * 2 + b"e", b"}", b"](}}e"):
        rejects(good.replace(keys, t.program(other)), "storages")
    nested = b"](" + t.text("0") + b")" + b"\x85" * 200_000 + b"e"
    rejects(good.replace(keys, t.program(nested)), "storages")
    count = (6).to_bytes(8, "little")
    rejects(good.replace(count, (7).to_bytes(8, "little")), "storage '0'", "7")
    rejects(good.replace(count, b"\xff" * 8), "storage '0'")
    system = t.program(t.call(SYSTEM, t.text("id")))
    rejects(t.LEGACY_HEAD + system, "'os' 'system'")
    rejects(t.LEGACY_HEAD + t.program(b"}" + t.text("little_endian") + b"\x88s") + system, "'os'")


# --- anything at all ---


# pickletools looks for escapes in strings of old opcodes before anyone can refuse them.
@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
@pytest.mark.parametrize("is_legacy", [False, True])
def test_damage_anywhere_is_noticed_or_harmless(tmp_path: Path, is_legacy: bool) -> None:
    """Bytes changed at random: an error line, or tensors that lie inside the file."""
    tensors = {"a.b": np.ones((3, 2), np.float32), "c": np.ones(5, np.float16)}
    good = t.legacy(tensors) if is_legacy else t.zipped(*t.pickled(tensors))
    numbers = random.Random(3)
    path = tmp_path / "pytorch_model.bin"
    refused = 0
    for _ in range(1500):
        raw = bytearray(good)
        for _ in range(numbers.randint(1, 3)):
            raw[numbers.randrange(len(raw))] = numbers.randrange(256)
        path.write_bytes(raw)
        try:
            found = read_torch(path)
        except ImportFailure as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        for stored in found.values():
            assert stored.offset > 0 and stored.offset + stored.size <= len(raw)
    assert refused > 300
